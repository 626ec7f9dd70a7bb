package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/evshell/ev/internal/natstest"
)

// fakeNATS is the program fakenats FILE [VERSION]: it writes its URL to FILE, and is there until it
// is told to end. USR1 takes it away, and USR2 brings it back with all that it has stored; after HUP
// it lets nobody in.
func fakeNATS() {
	s, err := natstest.New(func(s *natstest.Server) {
		if len(os.Args) > 2 {
			s.Version = os.Args[2]
		}
	})
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(s.URL()), 0o600)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	for err == nil {
		switch <-signals {
		case syscall.SIGUSR1:
			s.Stop()
		case syscall.SIGHUP:
			s.Stop()
			s.Refuse = true
			err = s.Start()
		case syscall.SIGUSR2:
			err = s.Start()
		default:
			os.Exit(0)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
