//go:build http

package main

import (
	"net"
	"net/http"
)

// What serves HTTP and asks for pages can't do without these packages, and theirs.
func init() {
	uses = append(uses,
		func() error { return http.ServeTLS(nil, nil, "", "") },
		func() error { _, err := http.Get(""); return err },
		func() error { _, err := net.LookupHost(""); return err })
}
