package session

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
)

// What has failed is told in a line; where all are told, what has succeeded is, too.
func TestRuns_told(t *testing.T) {
	for tell, want := range map[Tell]string{
		TellNone:   "",
		TellFailed: "ev: a: exited 7 after 3.2s\nev: a: killed by TERM after 1h30m\n",
		TellAll:    "ev: a: exited 7 after 3.2s\nev: a: exited 0 after 12ms\nev: a: killed by TERM after 1h30m\n",
	} {
		perform(t, Config{Tell: tell}, func(s *stage) {
			s.run(s.line("a", runs))
			for _, o := range []action.Outcome{
				{Status: 7, Elapsed: 3210 * time.Millisecond},
				{Elapsed: 12345 * time.Microsecond},
				{Status: 143, Signal: 15, Elapsed: 90*time.Minute + time.Millisecond},
				{Status: 143, Signal: 15, Elapsed: time.Second, Stopped: true},
				{Status: 127, Err: errors.New("not there")}, // which has been told
			} {
				s.emit("a")
				s.end("a", o)
			}
			s.heard(want)
		})
	}
}

// A person is told what is watched, and which command it was where no label says so.
func TestRuns_toldToAPerson(t *testing.T) {
	const unnamed = string(event.KindTimer)
	argv := func(words ...string) func(*Binding) {
		return func(b *Binding) { b.Exec = &action.Options{Argv: words} }
	}
	const waiting = "waiting; Ctrl-C ends\n"
	for _, tt := range []struct {
		name          string
		binding       func(*Binding)
		greeting, end string
	}{
		{"label", argv("go", "vet"), waiting, "ok, 12ms\n"},
		{unnamed, argv("/usr/bin/go", "vet", "./..."), waiting, "go vet: ok, 12ms\n"},
		{unnamed, argv("sh", "-c", "true"), waiting, "sh: ok, 12ms\n"},
		{unnamed, argv("test", ""), waiting, "test: ok, 12ms\n"},
		{"label", func(b *Binding) { runs(b); b.Claim().Signals = []syscall.Signal{syscall.SIGINT} }, "waiting\n", "ok, 12ms\n"},
		{"label", func(*Binding) {}, "", ""},
	} {
		perform(t, Config{Tell: TellAll, Greet: true}, func(s *stage) {
			said := func(text string) string {
				if text == "" {
					return ""
				}
				return "ev: " + tt.name + ": " + text
			}
			s.run(s.line(tt.name, tt.binding))
			s.heard(said(tt.greeting))
			if tt.end != "" {
				s.emit(tt.name)
				s.end(s.Watchers()[0].Exec.Argv[0], action.Outcome{Elapsed: 12345 * time.Microsecond})
				s.heard(said(tt.end))
			}
		})
	}
}

// The last runs are remembered, with the end of what they wrote.
func TestRuns_log(t *testing.T) {
	perform(t, Config{Log: true}, func(s *stage) {
		s.run(s.line("a", runs), s.line("b", runs, func(b *Binding) { b.LogRuns = 2 }))
		for i := range DefaultLogRuns + 3 {
			s.emit("a", "b")
			if i == 0 {
				s.saw("changed, start a, start b, event a 1, run a 1, event b 1, keep 4096 of b, run b 1")
			}
			s.end("a", failed(i))
			s.end("b", action.Outcome{Status: i, Elapsed: time.Second, Output: strings.Repeat("x", loggedOutput) + "end"})
		}
		s.on(func() {
			a := s.Serve(control.Request{Command: control.Log, Names: []string{"a"}}).Runs
			if len(a) != DefaultLogRuns || a[0].Run != 4 || a[DefaultLogRuns-1].Status != DefaultLogRuns+2 {
				t.Errorf("%d runs, from %+v", len(a), a[0])
			}
			all := s.Serve(control.Request{Command: control.Log}).Runs
			if b := all[len(a):]; len(b) != 2 || len(b[1].Output) != loggedOutput || b[1].Elapsed != 1 || !strings.HasSuffix(b[1].Output, "end") {
				t.Errorf("%d runs", len(b))
			}
			if took := s.Watchers()[1].State().Took; took == nil || *took != 1 {
				t.Error("how long it took is not told")
			}
		})
	})
}
