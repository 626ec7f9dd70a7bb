package loop_test

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// world is a backend and where its descriptors come from.
type world struct {
	loop.Backend
	close func() error
	// open returns a descriptor that is ready for nothing, and how to have it read and drained.
	open func(tb testing.TB) (fd int, fill, drain func())
	shut func(fd int)
}

// Close closes the backend once.
func (w world) Close() error { return w.close() }

// inEachWorld runs f for each of the platform's backends, and for the fake one.
func inEachWorld(t *testing.T, f func(t scene, w world)) {
	t.Helper()
	inEachKernel(t, f)
	t.Run("fake", func(t *testing.T) {
		b, next := looptest.New(), 100
		f(scene{t}, world{
			Backend: b,
			close:   b.Close,
			open: func(testing.TB) (int, func(), func()) {
				next++
				fd := next
				return fd, func() { b.SetReady(fd, loop.Read) }, func() { b.SetReady(fd, 0) }
			},
			shut: b.CloseFD,
		})
	})
}

// inEachKernel runs f for each of the platform's backends.
func inEachKernel(t *testing.T, f func(t scene, w world)) {
	t.Helper()
	for _, name := range loop.Backends() {
		t.Run(name, func(t *testing.T) {
			b, err := loop.NewBackend(name)
			if err != nil {
				t.Fatal(err)
			}
			once := sync.OnceValue(b.Close)
			t.Cleanup(func() { _ = once() })
			files := map[int]*os.File{}
			f(scene{t}, world{
				Backend: b,
				close:   once,
				open: func(tb testing.TB) (int, func(), func()) {
					tb.Helper()
					r, w := pipe(tb)
					files[fd(r)] = r
					return fd(r), func() { write(tb, w) }, func() { drain(r) }
				},
				shut: func(fd int) { _ = files[fd].Close() },
			})
		})
	}
}

// modify is Modify that must not fail.
func (w world) modify(tb testing.TB, fd int, old, ops loop.Ops) {
	tb.Helper()
	if err := w.Modify(fd, old, ops); err != nil {
		tb.Fatalf("Modify(%d, %v, %v): %v", fd, old, ops, err)
	}
}

// wait is Wait that must not fail.
func (w world) wait(tb testing.TB, d time.Duration) []loop.Ready {
	tb.Helper()
	ready, err := w.Wait(nil, d)
	if err != nil {
		tb.Fatal(err)
	}
	return ready
}

// now expects fd to be ready for these, out of what it is asked for, and nothing else to be ready
// at all.
func (w world) now(tb testing.TB, fd int, asked, want loop.Ops) {
	tb.Helper()
	var got loop.Ops
	for _, r := range w.wait(tb, 0) {
		if r.FD != fd {
			tb.Errorf("descriptor %d is ready for %v, and nobody asked", r.FD, r.Ops)
			continue
		}
		got |= r.Ops & asked
	}
	if got != want {
		tb.Errorf("descriptor %d is ready for %q, want %q", fd, got, want)
	}
}

// sleeps expects a Wait to take its time: nothing is ready.
func (w world) sleeps(tb testing.TB) {
	tb.Helper()
	start := time.Now()
	ready := w.wait(tb, 3*ms)
	if took := time.Since(start); took < 3*ms {
		tb.Errorf("a wait of %v took %v, for %v", 3*ms, took, ready)
	}
}

func TestWakeBeforeWaitEndsIt(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		if err := w.Wake(); err != nil {
			t.Fatal(err)
		}
		w.wait(t, -1)
	})
}

func TestWakeEndsAWait(t *testing.T) {
	for _, d := range []time.Duration{-1, time.Hour, 1<<63 - 1} {
		inEachWorld(t, func(t scene, w world) {
			var woken atomic.Bool
			done := make(chan bool)
			go func() {
				_, err := w.Wait(nil, d)
				done <- err == nil && woken.Load()
			}()
			woken.Store(true)
			if err := w.Wake(); err != nil {
				t.Fatal(err)
			}
			if !<-done {
				t.Error("Wait failed, or returned before the Wake")
			}
		})
	}
}

func TestTwoWakesAreOneReturn(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		for range 2 {
			if err := w.Wake(); err != nil {
				t.Fatal(err)
			}
		}
		w.wait(t, -1)
		w.sleeps(t)
	})
}

func TestWaitIsNeverEarly(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		for _, d := range []time.Duration{1, 300 * time.Microsecond, ms, 1500 * time.Microsecond, 3 * ms} {
			start := time.Now()
			w.wait(t, d)
			if took := time.Since(start); took < d {
				t.Errorf("a wait of %v took %v", d, took)
			}
		}
	})
}

func TestWaitIsShortenedAndLengthened(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		for _, d := range []time.Duration{time.Hour, 20 * ms} {
			if err := w.Wake(); err != nil {
				t.Fatal(err)
			}
			w.wait(t, d)
		}
		start := time.Now()
		w.wait(t, ms)
		// The 20 ms may end this one, which is early and allowed; an hour must not.
		for time.Since(start) < 30*ms {
			w.wait(t, 30*ms-time.Since(start))
		}
	})
}

func TestZeroDoesNotBlock(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		fd, _, _ := w.open(t)
		w.modify(t, fd, 0, loop.Read)
		w.now(t, fd, loop.Read, 0)
	})
}

func TestReadinessIsLevelTriggered(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		fd, fill, drain := w.open(t)
		w.modify(t, fd, 0, loop.Read)
		fill()
		for range 3 {
			w.now(t, fd, loop.Read, loop.Read)
		}
		drain()
		w.now(t, fd, loop.Read, 0)
		fill()
		w.now(t, fd, loop.Read, loop.Read)
	})
}

func TestReadinessEndsAWait(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		fd, fill, _ := w.open(t)
		w.modify(t, fd, 0, loop.Read)
		done := make(chan []loop.Ready)
		go func() {
			var ready []loop.Ready
			for err := error(nil); err == nil && len(ready) == 0; {
				ready, err = w.Wait(nil, -1)
			}
			done <- ready
		}()
		fill()
		if got := <-done; len(got) != 1 || got[0] != (loop.Ready{FD: fd, Ops: loop.Read}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestForgottenIsNotTold(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		fd, fill, _ := w.open(t)
		fill()
		w.modify(t, fd, 0, loop.Read)
		w.now(t, fd, loop.Read, loop.Read)
		w.modify(t, fd, loop.Read, loop.Hangup)
		w.now(t, fd, loop.Read, 0)
		w.modify(t, fd, loop.Hangup, 0)
		w.now(t, fd, loop.Read, 0)
		w.modify(t, fd, loop.Read, 0) // once more: it can't fail
		w.modify(t, fd, 0, loop.Read)
		w.modify(t, fd, 0, loop.Read) // known already
		w.now(t, fd, loop.Read, loop.Read)
	})
}

func TestForgettingTheUnknownCannotFail(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		fd, _, _ := w.open(t)
		w.modify(t, fd, loop.Read, 0)
		w.modify(t, fd+1000, loop.Read, 0)
		w.modify(t, fd, 0, loop.Read)
		w.now(t, fd, loop.Read, 0)
	})
}

func TestManyDescriptors(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		// More than are told at once, and some forgotten in between.
		const n = 300
		fds := make([]int, n)
		fills := make([]func(), n)
		for i := range fds {
			fds[i], fills[i], _ = w.open(t)
			w.modify(t, fds[i], 0, loop.Read)
		}
		forgotten := map[int]bool{}
		for i := 0; i < n; i += 7 {
			w.modify(t, fds[i], loop.Read, 0)
			forgotten[fds[i]] = true
		}
		fills[n/2]()
		w.now(t, fds[n/2], loop.Read, loop.Read)
		for _, fill := range fills {
			fill()
		}
		seen := map[int]bool{}
		for range n {
			ready := w.wait(t, 0)
			slices.SortFunc(ready, func(a, b loop.Ready) int { return a.FD - b.FD })
			if len(ready) != len(slices.Compact(slices.Clone(ready))) {
				t.Fatal("a descriptor was told twice in one Wait")
			}
			for _, r := range ready {
				seen[r.FD] = true
			}
		}
		for _, fd := range fds {
			if seen[fd] == forgotten[fd] {
				t.Errorf("descriptor %d: told %v, forgotten %v", fd, seen[fd], forgotten[fd])
			}
		}
	})
}

func TestClosedIsRefusedOrTold(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		for _, old := range []loop.Ops{0, loop.Read} {
			fd, _, _ := w.open(t)
			if old != 0 {
				w.modify(t, fd, 0, old)
			}
			w.shut(fd)
			if w.Modify(fd, old, loop.Read) == nil {
				w.now(t, fd, loop.Error, loop.Error)
			}
			w.modify(t, fd, loop.Read, 0)
			w.now(t, fd, loop.Error, 0)
		}
	})
}

func TestClockIsWatched(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		c, ok := w.Backend.(loop.ClockWatcher)
		if !ok {
			t.Skip("not by this backend")
		}
		a, fillA, _ := w.open(t)
		b, fillB, drainB := w.open(t)
		w.modify(t, a, 0, loop.Read)
		w.modify(t, b, 0, loop.Read)
		switch err := c.WatchClock(); {
		case errors.Is(err, errors.ErrUnsupported):
			t.Skip("not on this platform")
		case err != nil:
			t.Fatal(err)
		}
		w.now(t, a, loop.Read, 0)
		fillB()
		w.now(t, b, loop.Read, loop.Read)
		drainB()
		fillA()
		w.now(t, a, loop.Read, loop.Read)
		w.modify(t, a, loop.Read, loop.Hangup)
		w.now(t, a, loop.Read, 0)
		w.modify(t, a, loop.Hangup, 0)
		fillB()
		w.now(t, b, loop.Read, loop.Read)
	})
}

func TestNewBackend(t *testing.T) {
	for _, name := range append(loop.Backends(), "auto", "") {
		b, err := loop.NewBackend(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if name == "auto" || name == "" {
			name = loop.Backends()[0]
		}
		if b.Name() != name {
			t.Errorf("%q is called %q", name, b.Name())
		}
		if err := b.Close(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := loop.NewBackend("kevent")
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an unknown backend is %v", err)
	}
}
