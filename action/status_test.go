package action

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExec_Restart(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reach func(*stage)
		want  string
	}{
		{"nothing runs", func(*stage) {}, ""},
		{"a command starts", func(s *stage) { s.do(1) }, "start 1, TERM, done 1: exited 0, stopped, start 1, done 1: exited 0"},
		{"a command runs", func(s *stage) { s.do(1); s.answer(nil) }, "start 1, TERM, done 1: exited 0, stopped, start 1, done 1: exited 0"},
		{
			"another event waits", func(s *stage) { s.do(1); s.answer(nil); s.do(2) },
			"start 1, TERM, done 1: exited 0, stopped, start 1, done 1: exited 0, start 2, done 2: exited 0",
		},
		{
			"it is done twice", func(s *stage) { s.do(1); s.answer(nil); s.on(s.Restart) },
			"start 1, TERM, done 1: exited 0, stopped, start 1, done 1: exited 0",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			perform(t, Options{Busy: Busy{Policy: Queue}}, func(s *stage) {
				tt.reach(s)
				s.on(s.Restart)
				s.finishAll()
				if got := s.took(); got != tt.want {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
			})
		})
	}
}

func TestExec_saysWhatRunsAndWhatWaits(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Queue}}, func(s *stage) {
		look := func(running int, since bool, waiting int) {
			t.Helper()
			if n, at := s.Running(); n != running || at.IsZero() == since || s.Waiting() != waiting {
				t.Errorf("%d run since %v, %d wait; want %d, %v, %d", n, at, s.Waiting(), running, since, waiting)
			}
		}
		look(0, false, 0)
		s.do(1)
		look(1, false, 0)
		s.answer(nil)
		look(1, true, 0)
		s.do(2)
		look(1, true, 1)
		s.finishAll()
		look(0, false, 0)
	})
}

// What is barred runs nothing, and does with what comes as it does while a command runs.
func TestExec_Bar(t *testing.T) {
	perform(t, Options{}, func(s *stage) {
		s.on(func() { s.Bar(true) })
		s.do(1)
		s.do(2)
		if len(s.log) != 0 || s.Waiting() != 2 {
			t.Errorf("%q, %d wait", s.log, s.Waiting())
		}
		s.on(func() { s.Bar(false) })
		s.answer(nil)
		s.on(func() {
			if !s.Signal(unix.SIGHUP) {
				t.Error("one runs, and was not told")
			}
		})
		s.end(0)
		s.answer(nil)
		s.end(0)
		if got, want := strings.Join(s.log, ", "), "start 1, HUP, done 1: exited 0, start 2, done 2: exited 0"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		s.on(func() {
			if s.Signal(unix.SIGHUP) {
				t.Error("none runs")
			}
		})
	})
}

// What would be skipped waits while another's command is in the way: ev timer --now at a reload.
func TestExec_barredSkipsNothing(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Skip}}, func(s *stage) {
		s.on(func() { s.Bar(true) })
		s.do(1)
		s.do(2)
		s.on(func() { s.Bar(false) })
		s.answer(nil)
		s.do(3)
		s.end(0)
		if got, want := s.took(), "start 2, done 2: exited 0"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
