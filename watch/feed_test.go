package watch_test

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/every"
	"github.com/evshell/ev/watch/fd"
	"github.com/evshell/ev/watch/onexit"
	"github.com/evshell/ev/watch/onhttp"
	"github.com/evshell/ev/watch/onmessage"
	"github.com/evshell/ev/watch/onsignal"
	"github.com/evshell/ev/watch/stat"
	"github.com/evshell/ev/watch/timer"
)

// Whatever is watched, each Feed is an event, those of one turn too; and none comes after Stop.
func TestFeed_eachIsAnEvent(t *testing.T) {
	quiet := report.New(io.Discard, "ev", report.Plain, report.Error)
	for kind, build := range map[event.Kind]func(*loop.Loop, watch.Emit) (watch.Watcher, error){
		event.KindTimer: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			return timer.New(l, timer.Options{After: 48 * time.Hour}, emit)
		},
		event.KindEvery: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			s, err := schedule.Parse("1000d", schedule.Options{})
			return every.New(l, every.Options{Schedule: s, Report: quiet}, emit), err
		},
		event.KindFD: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				return nil, err
			}
			return fd.New(l, fd.Options{FDs: []string{fifo}, Reading: fd.ReadRecords, Report: quiet}, emit)
		},
		event.KindSignal: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			return onsignal.New(l, onsignal.Options{Signals: []syscall.Signal{syscall.SIGWINCH}}, emit)
		},
		event.KindExit: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			return onexit.New(l, onexit.Options{PIDs: []string{strconv.Itoa(os.Getppid())}, Report: quiet}, emit)
		},
		event.KindStat: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			return stat.New(l, stat.Options{Paths: []string{t.TempDir()}, Report: quiet}, emit)
		},
		event.KindMessage: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			shared, err := link.Open(link.Options{Server: "file:" + t.TempDir(), Post: l.Post, Report: quiet})
			t.Cleanup(func() { shared.Close(func() {}) })
			return onmessage.New(l, onmessage.Options{
				Link: shared, Consume: link.ConsumeOptions{Subjects: []string{"ev.x"}, Group: "g"}, Report: quiet,
			}, emit), err
		},
		event.KindHTTP: func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			return onhttp.New(l, onhttp.Options{
				Listening: onhttp.Listening{Addr: "unix:" + filepath.Join(t.TempDir(), "s"), MaxConnections: 1}, Report: quiet,
			}, emit)
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			l := looptest.NewLoop(t)
			var w watch.Watcher
			events, most := 0, 3
			var err error
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
			looptest.Run(t, l)
			if events != most {
				t.Errorf("%d events, want %d", events, most)
			}
		})
	}
}
