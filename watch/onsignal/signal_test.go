package onsignal

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// watchSignals runs a loop with a watcher of signals until fn says that it is enough. The watcher
// has been started when begin is called.
func watchSignals(t *testing.T, o Options, begin func(), fn func(*Watcher, event.Signal)) {
	t.Helper()
	l := looptest.NewLoop(t)
	var w *Watcher
	var err error
	w, err = New(l, o, func(d event.Detail) { fn(w, d.(event.Signal)) })
	if err == nil {
		err = w.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	begin()
	looptest.Run(t, l)
}

func kill(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestSignal_isToldByName(t *testing.T) {
	var got []string
	watchSignals(t, Options{Signals: []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP}},
		func() { kill(t, syscall.SIGHUP) },
		func(w *Watcher, d event.Signal) {
			got = append(got, d.Signal)
			switch {
			case d.Count < 1 || d.Info != nil:
				t.Errorf("%+v", d)
			case len(got) == 1:
				kill(t, syscall.SIGUSR1)
			default:
				w.Stop()
			}
		})
	if strings.Join(got, " ") != "HUP USR1" {
		t.Errorf("%q", got)
	}
}

func TestSignal_aBurstIsOneEventOfEachKindWithItsCount(t *testing.T) {
	l := looptest.NewLoop(t)
	var got []string
	var w *Watcher
	var err error
	w, err = New(l, Options{Signals: []syscall.Signal{syscall.SIGWINCH}}, func(d event.Detail) {
		got = append(got, fmt.Sprintf("%s %d", d.Subject(), d.(event.Signal).Count))
		if len(got) == 2 {
			w.Stop()
		}
	})
	if err != nil || w.Start() != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGUSR2, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGUSR2} {
		w.add(s)
	}
	looptest.Run(t, l)
	if want := []string{"USR2 3", "USR1 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSignal_Feed(t *testing.T) {
	var got event.Signal
	l := looptest.NewLoop(t)
	var w *Watcher
	var err error
	w, err = New(l, Options{Signals: []syscall.Signal{syscall.SIGWINCH}}, func(d event.Detail) {
		got = d.(event.Signal)
		w.Stop()
	})
	if err != nil || w.Start() != nil {
		t.Fatal(err)
	}
	w.Feed()
	if !w.Pending() {
		t.Error("not pending")
	}
	looptest.Run(t, l)
	if got.Signal != "WINCH" || got.Count != 0 {
		t.Error(got)
	}
}

func TestSignal_errors(t *testing.T) {
	for _, tt := range []struct {
		o   Options
		err string
	}{
		{Options{}, "no signal given"},
		{Options{Signals: []syscall.Signal{syscall.SIGKILL}}, "cannot be watched"},
		{Options{Signals: []syscall.Signal{syscall.SIGTERM}, Info: true}, "can't be known"},
	} {
		if _, err := New(nil, tt.o, nil); err == nil || !strings.Contains(err.Error(), tt.err) && !strings.Contains(err.Error(), "signalfd") {
			t.Errorf("%v: %v, want %q", tt.o, err, tt.err)
		}
	}
}

// TestSignal_ignoredAtTheStart watches a signal that the shell has it ignore, in a process of its
// own.
func TestSignal_ignoredAtTheStart(t *testing.T) {
	if os.Getenv("EV_TEST_IGNORED") == "" {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `trap "" HUP; exec "$0" -test.run="^$1$"`, os.Args[0], t.Name())
		cmd.Env = append(os.Environ(), "EV_TEST_IGNORED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if !signal.Ignored(syscall.SIGHUP) {
		t.Fatal("HUP is not ignored")
	}
	watchSignals(t, Options{Signals: []syscall.Signal{syscall.SIGHUP}},
		func() { kill(t, syscall.SIGHUP) },
		func(w *Watcher, _ event.Signal) { w.Stop() })
	kill(t, syscall.SIGHUP) // is ignored again, or this process ends here
}
