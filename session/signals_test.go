package session

import (
	"syscall"
	"testing"

	"github.com/evshell/ev/watch"
)

// A slow watcher takes until it is interrupted to start.
type slow struct {
	watch.Watcher
	interrupted int
}

func (w *slow) Interrupt() { w.interrupted++ }

func TestStartup_isCutShortByWhatEndsEv(t *testing.T) {
	w := &slow{}
	list := []*Watcher{{watcher: w, Binding: &Binding{Claims: Claims{Signals: []syscall.Signal{syscall.SIGINT}}}}}
	s := &Session{config: Config{Reload: func(*Session) error { return nil }}}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTSTP, syscall.SIGCONT} {
		if s.cutShort(list, sig) || w.interrupted != 0 {
			t.Errorf("%v, which does not end ev, cuts its startup short", sig)
		}
	}
	if !s.cutShort(list, syscall.SIGTERM) || w.interrupted != 1 {
		t.Error("TERM does not cut the startup short")
	}
	if sig := s.startup.end(); sig != syscall.SIGTERM {
		t.Errorf("it was cut short by %v", sig)
	}
	if s.cutShort(list, syscall.SIGTERM) || w.interrupted != 1 {
		t.Error("TERM cuts short what is over")
	}
}
