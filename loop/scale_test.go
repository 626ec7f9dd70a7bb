package loop_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// heap returns the bytes that are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestHundredThousandTimers(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		l.OnTurn(nil)
		const n = 100_000
		before := heap()
		fired := make([]bool, n)
		ws := make([]*loop.Timer, n)
		last := time.Duration(0)
		for i := range ws {
			// Each due time once, in no order: 7919 and n have no common divisor.
			after := time.Duration(i*7919%n) * time.Microsecond
			ws[i] = loop.NewTimer(l, after, 0, func() {
				fired[i] = true
				if after < last {
					t.Errorf("one of %v is called after one of %v", after, last)
				}
				last = after
			})
			ws[i].Start()
		}
		if bytes := (heap() - before) / n; bytes > 300 {
			t.Errorf("%d bytes a timer", bytes)
		} else {
			t.Logf("%d bytes a timer, with its function", bytes)
		}
		if err := l.Verify(); err != nil {
			t.Error(err)
		}
		run(t, l)
		for i := range fired {
			if !fired[i] {
				t.Fatalf("timer %d never fired", i)
			}
		}
	})
}

// Both ends of each pipe are watched: the one is written to when it can be, the other then read
// from, twice.
func TestTenThousandPipeDescriptors(t *testing.T) {
	n := 10_000
	if limit := descriptors(t) - 100; limit < n {
		n = limit
		t.Logf("the limit of open files leaves room for %d", n)
	}
	inEachKernel(t, func(t scene, w world) {
		l, err := loop.New(loop.WithBackend(w))
		if err != nil {
			t.Fatal(err)
		}
		pipes := make([][2]int, n/2)
		for i := range pipes {
			if err := unix.Pipe(pipes[i][:]); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pipes[i][0])
			defer unix.Close(pipes[i][1])
		}
		before := heap()
		ws := make([]*loop.IO, 0, n)
		watch := func(fd int, ops loop.Ops, call func(int, []byte) (int, error)) {
			calls := 0
			var w *loop.IO
			w = loop.NewIO(l, fd, ops, func(loop.Ops) {
				if _, err := call(fd, []byte{0}); err != nil {
					t.Error(err)
				}
				if calls++; calls == 2 {
					w.Stop()
				}
			})
			w.Start()
			ws = append(ws, w)
		}
		for _, p := range pipes {
			watch(p[0], loop.Read, unix.Read)
			watch(p[1], loop.Write, unix.Write)
		}
		runMode(t, l, loop.RunNoWait)
		if bytes := (heap() - before) / n; bytes > 400 {
			t.Errorf("%d bytes a watched descriptor", bytes)
		} else {
			t.Logf("%d bytes a watched descriptor, with its function", bytes)
		}
		run(t, l) // until none is active
		if got := l.Stats().Events; got != uint64(2*len(ws)) {
			t.Errorf("%d calls, want %d", got, 2*len(ws))
		}
		if err := l.Verify(); err != nil {
			t.Error(err)
		}
	})
}

// descriptors raises the soft limit of open files to the hard one, for the test's time, and returns
// it.
func descriptors(tb testing.TB) int {
	tb.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		tb.Fatal(err)
	}
	limit := syscall.Rlimit{Cur: old.Max, Max: old.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		tb.Logf("the limit of open files can't be raised: %v", err)
		limit = old
	}
	tb.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			tb.Error(err)
		}
	})
	return int(min(limit.Cur, 1<<20))
}

func TestEventsAllocateNothing(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		l := verified(t, w)
		l.OnTurn(nil)
		expect := func(what string, before func()) {
			t.Helper()
			n := testing.AllocsPerRun(1000, func() {
				before()
				if err := l.Turn(); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s: %v allocations", what, n)
			}
		}
		fd, fill, _ := w.open(t)
		fill()
		io := loop.NewIO(l, fd, loop.Read, func(loop.Ops) {})
		once := loop.NewTimer(l, 0, 0, func() {})
		repeating := loop.NewTimer(l, 0, 1, func() {})
		periodic := loop.NewPeriodic(l, func(now time.Time) (time.Time, bool) { return now, true }, func() {})
		async := loop.NewAsync(l, func() {})
		idle := loop.NewIdle(l, func() {})
		async.Start()

		expect("nothing", func() {})
		expect("feed", idle.Feed)
		expect("feed and clear", func() { idle.Feed(); idle.ClearPending() })
		expect("a one-shot timer", once.Start)
		repeating.Start()
		expect("a repeating timer", func() {})
		repeating.Stop()
		periodic.Start()
		expect("a periodic", func() {})
		periodic.Stop()
		expect("an async", async.Send)
		io.Start()
		expect("a ready descriptor", func() {})
		expect("a descriptor left and watched again", func() { io.Stop(); io.Set(fd, loop.Read); io.Start() })
		io.Stop()
		expect("an idle", idle.Start)
	})
}

func TestClearedLeaveNothingBehind(t *testing.T) {
	l := verified(t, looptest.New())
	w := loop.NewIdle(l, func() {})
	before := heap()
	for range 1_000_000 {
		w.Feed()
		w.ClearPending()
	}
	if grown := heap() - before; grown > 1_000_000 {
		t.Errorf("%d bytes more are in use", grown)
	}
}
