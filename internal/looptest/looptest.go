// Package looptest has a loop backend without a kernel. In a bubble of testing/synctest a loop on
// it runs on fake time: it is durably blocked while it waits, and its waits cost nothing.
package looptest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/evshell/ev/loop"
)

// ErrClosed is what Modify returns for a descriptor that is closed.
var ErrClosed = errors.New("descriptor is closed")

// A Backend is a loop.Backend whose descriptors are just numbers, all of them open. What they are
// ready for is set by the test, on any goroutine.
type Backend struct {
	mu     sync.Mutex
	ready  map[int]loop.Ops
	wanted map[int]loop.Ops
	closed map[int]bool
	wake   chan struct{}
	start  time.Time
	step   time.Duration
}

// New makes a backend on which nothing is ready.
func New() *Backend {
	return &Backend{
		ready:  map[int]loop.Ops{},
		wanted: map[int]loop.Ops{},
		closed: map[int]bool{},
		wake:   make(chan struct{}, 1),
		start:  time.Now(),
	}
}

// SetReady says what fd is ready for from now on.
func (b *Backend) SetReady(fd int, ops loop.Ops) {
	b.mu.Lock()
	b.ready[fd] = ops
	b.mu.Unlock()
	_ = b.Wake()
}

// CloseFD makes fd a descriptor that is not open: the next Wait tells of it if it is watched, and
// Modify refuses it.
func (b *Backend) CloseFD(fd int) {
	b.mu.Lock()
	b.closed[fd] = true
	b.mu.Unlock()
	_ = b.Wake()
}

// OpenFD makes fd a descriptor that is open and ready for nothing.
func (b *Backend) OpenFD(fd int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.closed, fd)
	delete(b.ready, fd)
}

// Wanted returns what the loop wants to know of fd.
func (b *Backend) Wanted(fd int) loop.Ops {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wanted[fd]
}

// Clock is a loop.Clock with a wall clock that StepClock sets.
func (b *Backend) Clock() (wall time.Time, mono time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	return now.Add(b.step).Round(0), now.Sub(b.start)
}

// StepClock sets the wall clock forward, or back if d is negative, and ends the Wait that is under
// way, as a kernel does that tells of it.
func (b *Backend) StepClock(d time.Duration) {
	b.mu.Lock()
	b.step += d
	b.mu.Unlock()
	_ = b.Wake()
}

// WatchClock implements loop.ClockWatcher.
func (b *Backend) WatchClock() error { return nil }

// Name implements loop.Backend.
func (b *Backend) Name() string { return "fake" }

// Modify implements loop.Backend.
func (b *Backend) Modify(fd int, _, new loop.Ops) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if new == 0 || b.closed[fd] {
		delete(b.wanted, fd)
	} else {
		b.wanted[fd] = new
	}
	if new != 0 && b.closed[fd] {
		return ErrClosed
	}
	return nil
}

// Wait implements loop.Backend. Descriptors are told in ascending order.
func (b *Backend) Wait(ready []loop.Ready, d time.Duration) ([]loop.Ready, error) {
	if ready, some := b.look(ready); some || d == 0 {
		select {
		case <-b.wake:
		default:
		}
		return ready, nil
	}
	var expired <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-b.wake:
	case <-expired:
	}
	ready, _ = b.look(ready)
	return ready, nil
}

func (b *Backend) look(ready []loop.Ready) ([]loop.Ready, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(ready)
	for fd, want := range b.wanted {
		if b.closed[fd] {
			ready = append(ready, loop.Ready{FD: fd, Ops: loop.Error})
		} else if ops := b.ready[fd] & want; ops != 0 {
			ready = append(ready, loop.Ready{FD: fd, Ops: ops})
		}
	}
	slices.SortFunc(ready[before:], func(x, y loop.Ready) int { return x.FD - y.FD })
	return ready, len(ready) > before
}

// Wake implements loop.Backend.
func (b *Backend) Wake() error {
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return nil
}

// Close implements loop.Backend.
func (b *Backend) Close() error { return nil }
