package session

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/timer"
)

// runReal runs a session with one timer that is due at once, on a real loop in real time.
func runReal(t *testing.T, stdout, stderr *os.File, b Binding) End {
	t.Helper()
	l := looptest.NewLoop(t)
	r := report.New(t.Output(), "ev", report.Plain, report.Notice)
	s := New(l, Config{Stdout: stdout, Stderr: stderr, Getenv: func(string) string { return "" }, Report: r, Starter: &process.Starter{}})
	defer s.Close()
	b.Report = r
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) { return timer.New(l, timer.Options{}, emit) }
	watchers, faults := s.Bind([]Line{{Describe: func() (*Binding, error) { return &b, nil }}})
	if faults != nil {
		t.Fatal(faults)
	}
	_ = s.Replace(watchers)
	ctx, cancel := context.WithTimeoutCause(t.Context(), looptest.Patience, errors.New("the session did not end"))
	defer cancel()
	return s.Run(ctx)
}

func TestRun_aCommand(t *testing.T) {
	e := runReal(t, os.Stdout, os.Stderr, Binding{Count: 1, Exec: &action.Options{Argv: []string{"sh", "-c", "exit 3"}}})
	if e != (End{Why: CommandEnded, Status: 3}) {
		t.Errorf("it ended with %+v", e)
	}
}

// A reader that takes nothing holds up the end for a moment only.
func TestRun_endsThoughNobodyReads(t *testing.T) {
	prints := Binding{Break: true, Render: action.Text('\n')}
	runs := Binding{Break: true, Exec: &action.Options{Argv: []string{"sh", "-c", "echo told >&2"}, Prefix: "a: "}}
	for name, run := range map[string]func(t *testing.T, full *os.File) End{
		"standard output": func(t *testing.T, full *os.File) End {
			t.Helper()
			return runReal(t, full, os.Stderr, prints)
		},
		"standard error": func(t *testing.T, full *os.File) End {
			t.Helper()
			return runReal(t, os.Stdout, full, runs)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if e := run(t, fullPipe(t)); e.Why == Failed {
				t.Errorf("it ended with %+v", e)
			}
		})
	}
}

// fullPipe returns the writing end of a pipe that takes nothing more.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	fd := int(w.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 512))
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return w
}
