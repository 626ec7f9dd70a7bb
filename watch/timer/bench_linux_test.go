package timer

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// BenchmarkOneShot tells how late a Watcher is at the median, next to a bare timerfd that one waits
// for in epoll_wait(2). They take turns, so that what else the machine does meets both; each of
// several in a row, since Go's scheduler has to get over a thread that waited in the kernel.
//
//	go test ./watch/timer -run - -bench OneShot -benchtime 20x
func BenchmarkOneShot(b *testing.B) {
	const row = 25
	for _, span := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		b.Run(span.String(), func(b *testing.B) {
			l, timerfd := benchLoop(b), newBareTimer(b)
			var ours, bare []time.Duration
			for b.Loop() {
				for i := range 2 * row {
					if i < row {
						bare = append(bare, timerfd.lateness(b, span))
					} else {
						ours = append(ours, timerLateness(b, l, span))
					}
				}
			}
			b.ReportMetric(microseconds(median(ours)), "ev-µs")
			b.ReportMetric(microseconds(median(bare)), "timerfd-µs")
			b.ReportMetric(float64(median(ours))/float64(median(bare)), "ev/timerfd")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkCadence tells how far the last of so many ticks is from where it should be, for each
// tick: what a timer that is set anew after each one would lose.
//
//	go test ./watch/timer -run - -bench Cadence -benchtime 1000x
func BenchmarkCadence(b *testing.B) {
	const span = 10 * time.Millisecond
	l := benchLoop(b)
	var ticks, missed int64
	var t *Watcher
	var last time.Time
	t, err := New(l, Options{After: span, Repeat: span}, func(d event.Detail) {
		missed += d.(event.Timer).Missed
		last = d.(event.Timer).Due
		if ticks++; ticks+missed >= int64(b.N) {
			t.Stop()
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if err := t.Start(); err != nil {
		b.Fatal(err)
	}
	if err := l.Run(b.Context(), loop.RunDefault); err != nil {
		b.Fatal(err)
	}
	drift := last.Sub(start) - time.Duration(ticks+missed)*span
	b.ReportMetric(microseconds(drift)/float64(ticks+missed), "drift-µs/tick")
	b.ReportMetric(float64(missed), "missed")
	b.ReportMetric(0, "ns/op")
}

func benchLoop(b *testing.B) *loop.Loop {
	b.Helper()
	l, err := loop.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	return l
}

// A bareTimer waits with nothing but the kernel.
type bareTimer struct{ timer, epoll int }

func newBareTimer(b *testing.B) bareTimer {
	b.Helper()
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = unix.Close(timer)
		_ = unix.Close(epoll)
	})
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, timer, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		b.Fatal(err)
	}
	return bareTimer{timer, epoll}
}

func (t bareTimer) lateness(b *testing.B, span time.Duration) time.Duration {
	b.Helper()
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(span))}
	start := time.Now()
	if err := unix.TimerfdSettime(t.timer, 0, &spec, nil); err != nil {
		b.Fatal(err)
	}
	var events [1]unix.EpollEvent
	for {
		if n, err := unix.EpollWait(t.epoll, events[:], -1); n == 1 {
			break
		} else if !errors.Is(err, unix.EINTR) {
			b.Fatal(n, err)
		}
	}
	var count [8]byte
	if _, err := unix.Read(t.timer, count[:]); err != nil {
		b.Fatal(err)
	}
	return time.Since(start) - span
}

func timerLateness(b *testing.B, l *loop.Loop, span time.Duration) (late time.Duration) {
	b.Helper()
	start := time.Now()
	t, err := New(l, Options{After: span}, func(event.Detail) { late = time.Since(start) - span })
	if err != nil {
		b.Fatal(err)
	}
	if err := t.Start(); err != nil {
		b.Fatal(err)
	}
	if err := l.Run(b.Context(), loop.RunDefault); err != nil {
		b.Fatal(err)
	}
	if late < 0 {
		b.Fatal("early by", -late)
	}
	return late
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
