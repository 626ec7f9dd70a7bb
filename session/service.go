package session

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/evshell/ev/internal/sdnotify"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// mostNames is how many watchers are named in the status.
const mostNames = 10

// tellService tells the service manager, if there is one, that everything is watched, and from then
// on that the loop turns (sd_notify(3), sd_watchdog_enabled(3)).
func (s *Session) tellService() {
	s.tellReady()
	s.greet()
	every, err := sdnotify.WatchdogInterval(s.config.Getenv, os.Getpid())
	if err != nil {
		s.config.Report.Noticef("the service manager's watchdog gets no messages: %v", err)
		return
	}
	if every > 0 {
		watchdog := loop.NewTimer(s.loop, 0, every, func() { _ = s.notify.Watchdog() })
		watchdog.KeepAlive(false)
		watchdog.Start()
	}
}

// greet tells a person what is watched.
func (s *Session) greet() {
	if !s.config.Greet || s.config.NoWait || s.config.Timeout == AtOnce || !slices.ContainsFunc(s.watchers, (*Watcher).HasCommand) {
		return
	}
	what, report := fmt.Sprintf("watching %d lines", len(s.watchers)), s.config.Report
	if len(s.watchers) == 1 {
		w := s.watchers[0]
		what, report = w.describe(), w.Report
	}
	if !slices.ContainsFunc(s.watchers, func(w *Watcher) bool { return slices.Contains(w.Claims().Signals, syscall.SIGINT) }) {
		what += "; Ctrl-C ends"
	}
	report.Noticef("%s", what)
}

// describe says what the watcher waits for.
func (w *Watcher) describe() string {
	if d, ok := w.watcher.(watch.Describer); ok {
		return d.Describe()
	}
	if d, ok := w.watcher.(watch.Dated); ok {
		if at, ok := d.At(); ok {
			return "next at " + at.Format("2006-01-02 15:04:05 MST")
		}
	}
	return "waiting"
}

// tellReady tells what is watched.
func (s *Session) tellReady() {
	if err := s.notify.Ready(); err != nil {
		s.config.Report.Verbosef("NOTIFY_SOCKET: the service manager can't be told that ev is ready: %v", err)
	}
	var names []string
	for _, w := range s.watchers[:min(len(s.watchers), mostNames)] {
		names = append(names, w.Name)
	}
	status := "watching: " + strings.Join(names, ", ")
	if more := len(s.watchers) - len(names); more > 0 {
		status += fmt.Sprintf(" and %d more", more)
	}
	_ = s.notify.Status(status)
}
