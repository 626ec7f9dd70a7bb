package looptest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evshell/ev/loop"
)

// Patience is how long a test waits for what must come. It is no measure of anything: a test that
// hangs ends with it, by name, long before the time limit of the test binary.
const Patience = 10 * time.Second

// NewLoop makes a loop on the platform's own backend, which is closed when the test ends.
func NewLoop(tb testing.TB) *loop.Loop {
	tb.Helper()
	l, err := loop.New()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// Run runs the loop to its end.
func Run(tb testing.TB, l *loop.Loop) {
	tb.Helper()
	ctx, cancel := context.WithTimeoutCause(tb.Context(), Patience, errors.New("the loop did not end"))
	defer cancel()
	if err := l.Run(ctx, loop.RunDefault); err != nil {
		tb.Fatal(err)
	}
}

// Go runs the loop on a goroutine of its own. When the test ends, end is called on it, which is to
// stop what is active, and the loop must end by that.
func Go(tb testing.TB, l *loop.Loop, end func()) {
	tb.Helper()
	over := make(chan error, 1)
	go func() { over <- l.Run(context.Background(), loop.RunDefault) }()
	tb.Cleanup(func() {
		l.Post(end)
		if err := Receive(tb, over, "the loop did not end"); err != nil {
			tb.Error(err)
		}
	})
}

// On has fn called on the goroutine of a loop that runs, and waits for that.
func On(tb testing.TB, l *loop.Loop, fn func()) {
	tb.Helper()
	done := make(chan struct{}, 1)
	l.Post(func() {
		fn()
		done <- struct{}{}
	})
	Receive(tb, done, "the loop is busy, or has ended")
}

// Receive returns what comes next. If nothing does, the test fails and says what is missing.
func Receive[T any](tb testing.TB, from <-chan T, missing string) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(Patience):
		tb.Fatal(missing)
		panic("unreachable")
	}
}
