package session

import (
	"fmt"
	"os"
	"strings"

	"github.com/evshell/ev/internal/sdnotify"
	"github.com/evshell/ev/loop"
)

// mostNames is how many watchers are named in the status.
const mostNames = 10

// tellService tells the service manager, if there is one, that everything is watched, and from then
// on that the loop turns (sd_notify(3), sd_watchdog_enabled(3)).
func (s *Session) tellService() {
	s.tellReady()
	every, err := sdnotify.WatchdogInterval(s.config.Getenv, os.Getpid())
	if err != nil {
		s.config.Report.Noticef("the watchdog is not told: %v", err)
		return
	}
	if every > 0 {
		watchdog := loop.NewTimer(s.loop, 0, every, func() { _ = s.notify.Watchdog() })
		watchdog.KeepAlive(false)
		watchdog.Start()
	}
}

// tellReady tells what is watched.
func (s *Session) tellReady() {
	if err := s.notify.Ready(); err != nil {
		s.config.Report.Verbosef("NOTIFY_SOCKET: nobody can be told that all is watched: %v", err)
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
