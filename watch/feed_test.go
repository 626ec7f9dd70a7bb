package watch

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// Whatever is watched, each Feed is an event, those of one turn too; and none comes
// after Stop.
func TestFeed_eachIsAnEvent(t *testing.T) {
	quiet := report.New(io.Discard, "ev", report.Plain, report.Error)
	for kind, build := range map[event.Kind]func(*loop.Loop, Emit) (Watcher, error){
		event.KindTimer: func(l *loop.Loop, emit Emit) (Watcher, error) {
			return NewTimer(l, TimerOptions{After: 48 * time.Hour}, emit)
		},
		event.KindEvery: func(l *loop.Loop, emit Emit) (Watcher, error) {
			o := everyOptions(t, "1000d")
			o.Report = quiet
			return NewEvery(l, o, emit), nil
		},
		event.KindFD: func(l *loop.Loop, emit Emit) (Watcher, error) {
			in, _ := inheritedPipe(t)
			return NewFD(l, FDOptions{FDs: []string{name(in)}, Inherited: map[int]bool{in: true}, Reading: ReadRecords, Report: quiet}, emit)
		},
		event.KindSignal: func(l *loop.Loop, emit Emit) (Watcher, error) {
			return NewSignal(l, SignalOptions{Signals: []syscall.Signal{syscall.SIGWINCH}}, emit)
		},
		event.KindExit: func(l *loop.Loop, emit Emit) (Watcher, error) {
			return NewExit(l, ExitOptions{PIDs: []string{strconv.Itoa(os.Getppid())}, Report: quiet}, emit)
		},
		event.KindStat: func(l *loop.Loop, emit Emit) (Watcher, error) {
			return NewStat(l, StatOptions{Paths: []string{t.TempDir()}, Report: quiet}, emit)
		},
		event.KindHTTP: func(l *loop.Loop, emit Emit) (Watcher, error) {
			return NewHTTP(l, HTTPOptions{Addr: "unix:" + filepath.Join(t.TempDir(), "s"), MaxConnections: 1, Report: quiet}, emit)
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			l, err := loop.New()
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var w Watcher
			events, most := 0, 3
			w, err = build(l, func(event.Detail) {
				if events++; events == most {
					w.Stop()
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Start(); err != nil {
				t.Fatal(err)
			}
			for range most + 1 {
				w.Feed()
			}
			if !w.Pending() {
				t.Error("it is not pending")
			}
			if err := l.Run(t.Context(), loop.RunDefault); err != nil {
				t.Fatal(err)
			}
			if events != most {
				t.Errorf("%d events, want %d", events, most)
			}
		})
	}
}
