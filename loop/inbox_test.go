package loop_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

func TestPostWakesTheLoop(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		l := verified(t, w)
		l.Ref()
		go l.Post(l.Unref)
		run(t, l)
	})
}

func TestPostedAreCalledInOrder(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		l.Post(func() {
			d.write("one")()
			l.Post(d.write("three")) // in the next turn
		})
		l.Post(d.write("two"))
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "one two")
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "three")
	})
}

func TestPostDoesNotKeepTheLoopAlive(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		l.Post(func() {
			d.write("first")()
			l.Post(d.write("second"))
		})
		run(t, l)
		d.expect(t, "first")
		run(t, l)
		d.expect(t, "second")
	})
}

// Each poster waits for its last post to be called, so that the loop falls asleep again and again:
// one wake-up too few and the test hangs.
func TestPostFromManyGoroutines(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		const posters, rounds, burst = 8, 200, 3
		l := verified(t, w)
		var seen [posters][]int
		for i := range posters {
			l.Ref()
			go func() {
				called := make(chan bool)
				for n := range rounds {
					for j := range burst {
						l.Post(func() { seen[i] = append(seen[i], n*burst+j) })
					}
					l.Post(func() { close(called) })
					<-called
					called = make(chan bool)
				}
				l.Post(l.Unref)
			}()
		}
		run(t, l)
		for i := range posters {
			if len(seen[i]) != rounds*burst || !slices.IsSorted(seen[i]) {
				t.Errorf("poster %d: %d calls, in order: %v", i, len(seen[i]), slices.IsSorted(seen[i]))
			}
		}
	})
}

func TestPostWhileTheLoopIsClosed(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		l, err := loop.New(loop.WithBackend(w))
		if err != nil {
			t.Fatal(err)
		}
		var posters sync.WaitGroup
		for range 4 {
			posters.Go(func() {
				for range 1000 {
					l.Post(l.Break)
				}
			})
		}
		l.Ref()
		run(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		posters.Wait()
	})
}

func TestAsyncSendsAreOneCall(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		a := loop.NewAsync(l, d.write("async"))
		a.Start()
		for range 100 {
			a.Send()
		}
		runMode(t, l, loop.RunOnce)
		d.expect(t, "async")
		a.Send()
		runMode(t, l, loop.RunOnce)
		d.expect(t, "async")
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "")
	})
}

func TestAsyncForgetsWhatWasSentWhileInactive(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		a := loop.NewAsync(l, d.write("async"))
		a.Send()
		a.Start()
		runMode(t, l, loop.RunNoWait)
		a.Send()
		a.Stop()
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "")
		a.Start()
		a.Send()
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "async")
	})
}

func TestAsyncSendFromManyGoroutines(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		const senders, sends = 8, 1000
		l := verified(t, w)
		var mu sync.Mutex
		sent, seen := 0, 0
		a := loop.NewAsync(l, func() {
			mu.Lock()
			defer mu.Unlock()
			if seen = sent; seen == senders*sends {
				l.Break()
			}
		})
		a.Start()
		for range senders {
			go func() {
				for range sends {
					mu.Lock()
					sent++
					mu.Unlock()
					a.Send()
				}
			}()
		}
		run(t, l) // the last Send is never lost, or it hangs
		if calls := l.Stats().Events; calls > 2*senders*sends {
			t.Errorf("%d calls", calls)
		}
	})
}

func TestPostTellsTheTimeOfItsTurn(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		l.Ref()
		start := time.Now()
		time.AfterFunc(time.Minute, func() {
			l.Post(func() {
				if got := l.Now().Sub(start); got != time.Minute {
					t.Errorf("it is %v after the start", got)
				}
				l.Unref()
			})
		})
		run(t, l)
	})
}
