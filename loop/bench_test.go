package loop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

func benchLoop(b *testing.B, opts ...loop.Option) *loop.Loop {
	b.Helper()
	l, err := loop.New(opts...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	return l
}

// spansOf returns n spans below a second.
func spansOf(n int, random bool) []time.Duration {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(i) * time.Second / time.Duration(n)
		if random {
			all[i] = time.Duration(rnd.Int64N(int64(time.Second)))
		}
	}
	return all
}

// BenchmarkTimers starts timers and has all of them fire: ns/timer.
func BenchmarkTimers(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		for _, order := range []string{"random", "ascending"} {
			b.Run(fmt.Sprintf("%d/%s", n, order), func(b *testing.B) {
				var mono time.Duration
				start := time.Now()
				l := benchLoop(b, loop.WithBackend(looptest.New()), loop.WithClock(func() (time.Time, time.Duration) {
					return start.Add(mono), mono
				}))
				left := 0
				ws := make([]*loop.Timer, n)
				for i := range ws {
					ws[i] = loop.NewTimer(l, 0, 0, func() { left-- })
				}
				all := spansOf(n, order == "random")
				for b.Loop() {
					left = n
					for i, w := range ws {
						w.Set(all[i], 0)
						w.Start()
					}
					mono += time.Second
					if err := l.Turn(); err != nil {
						b.Fatal(err)
					}
					if left != 0 {
						b.Fatalf("%d did not fire", left)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/timer")
			})
		}
	}
}

// BenchmarkAgain puts off one of 100,000 active timers: each at a time of its own, or all in one
// turn, so that they are due at the same time.
func BenchmarkAgain(b *testing.B) {
	for name, passes := range map[string]time.Duration{"apart": time.Microsecond, "at once": 0} {
		b.Run(name, func(b *testing.B) {
			const n = 100_000
			var mono time.Duration
			start := time.Now()
			l := benchLoop(b, loop.WithBackend(looptest.New()), loop.WithClock(func() (time.Time, time.Duration) {
				return start.Add(mono), mono
			}))
			ws := make([]*loop.Timer, n)
			for i, d := range spansOf(n, true) {
				ws[i] = loop.NewTimer(l, time.Hour+d, 2*time.Hour, func() {})
				ws[i].Start()
			}
			i := 0
			for b.Loop() {
				mono += passes
				ws[i*7919%n].Again()
				i++
			}
		})
	}
}

// BenchmarkPipes is the benchmark of libevent and libev: among so many pipes, 100 bytes are under
// way, each of which is read and written on to the next pipe.
func BenchmarkPipes(b *testing.B) {
	for _, backend := range loop.Backends() {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", backend, n), func(b *testing.B) {
				be, err := loop.NewBackend(backend)
				if err != nil {
					b.Fatal(err)
				}
				l := benchLoop(b, loop.WithBackend(be))
				const active, writes = 100, 10_000
				pipes := make([][2]int, n)
				for i := range pipes {
					if err := unix.Pipe(pipes[i][:]); err != nil {
						b.Fatal(err)
					}
					defer unix.Close(pipes[i][0])
					defer unix.Close(pipes[i][1])
				}
				left, reads := 0, 0
				var one [1]byte
				for i, p := range pipes {
					next := pipes[(i+1)%n][1]
					loop.NewIO(l, p[0], loop.Read, func(loop.Ops) {
						_, _ = unix.Read(p[0], one[:])
						if reads++; left > 0 {
							left--
							_, _ = unix.Write(next, one[:])
						} else if reads == writes+active {
							l.Break()
						}
					}).Start()
				}
				for b.Loop() {
					left, reads = writes, 0
					for i := range active {
						_, _ = unix.Write(pipes[i*n/active][1], one[:])
					}
					if err := l.Run(b.Context(), loop.RunDefault); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(writes+active), "ns/event")
			})
		}
	}
}

// BenchmarkPost is a round trip: posted by a goroutine, which waits for the call.
func BenchmarkPost(b *testing.B) {
	for _, backend := range loop.Backends() {
		b.Run(backend, func(b *testing.B) {
			be, err := loop.NewBackend(backend)
			if err != nil {
				b.Fatal(err)
			}
			l := benchLoop(b, loop.WithBackend(be))
			l.Ref()
			end := make(chan error)
			go func() { end <- l.Run(b.Context(), loop.RunDefault) }()
			called := make(chan bool)
			call := func() { called <- true }
			for b.Loop() {
				l.Post(call)
				<-called
			}
			l.Post(l.Unref)
			if err := <-end; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkTurn is a turn with nothing to do.
func BenchmarkTurn(b *testing.B) {
	for _, backend := range loop.Backends() {
		b.Run(backend, func(b *testing.B) {
			be, err := loop.NewBackend(backend)
			if err != nil {
				b.Fatal(err)
			}
			l := benchLoop(b, loop.WithBackend(be))
			for b.Loop() {
				if err := l.Turn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
