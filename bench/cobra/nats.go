//go:build nats

package main

import (
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What can be a client of JetStream, too.
func init() {
	uses = append(uses, func() error {
		c, err := nats.Connect("")
		if err == nil {
			_, err = jetstream.New(c)
		}
		return err
	})
}
