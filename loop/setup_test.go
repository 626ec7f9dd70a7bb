package loop_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// scene is a test on fake time, or on one backend of several.
type scene struct{ *testing.T }

// bubble runs f on fake time, with a loop on the fake backend that is verified after each turn.
func bubble(t *testing.T, f func(t scene, l *loop.Loop, b *looptest.Backend)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := looptest.New()
		f(scene{t}, verified(t, b, loop.WithClock(b.Clock)), b)
	})
}

// pass lets fake time go by.
func pass(d time.Duration) { <-time.After(d) }

// verified returns a loop on b that is verified after each turn.
func verified(tb testing.TB, b loop.Backend, opts ...loop.Option) *loop.Loop {
	tb.Helper()
	l, err := loop.New(append(opts, loop.WithBackend(b))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	l.OnTurn(func() {
		if err := l.Verify(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

// run runs l until nothing keeps it alive, or until Break.
func run(tb testing.TB, l *loop.Loop) {
	tb.Helper()
	runMode(tb, l, loop.RunDefault)
}

func runMode(tb testing.TB, l *loop.Loop, m loop.Mode) {
	tb.Helper()
	if err := l.Run(tb.Context(), m); err != nil {
		tb.Fatal(err)
	}
}

// diary is what happened, in order.
type diary []string

// write returns a function that writes what down.
func (d *diary) write(what string) func() {
	return func() { *d = append(*d, what) }
}

// expect compares the diary with the words of want, and empties it.
func (d *diary) expect(tb testing.TB, want string) {
	tb.Helper()
	if !slices.Equal(*d, strings.Fields(want)) {
		tb.Errorf("got  %s\nwant %s", strings.Join(*d, " "), want)
	}
	*d = nil
}

const ms = time.Millisecond
