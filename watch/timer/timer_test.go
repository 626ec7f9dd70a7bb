package timer

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// timerTest runs a Watcher on fake time, which starts with 0.
type timerTest struct {
	*Watcher
	t    *testing.T
	loop *loop.Loop
	got  []event.Timer
	at   []time.Duration // when they came
}

func runTimer(t *testing.T, o Options, body func(*timerTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, err := loop.New(loop.WithBackend(looptest.New()))
		if err != nil {
			t.Fatal(err)
		}
		tt := &timerTest{t: t, loop: l}
		start := time.Now()
		tt.Watcher, err = New(l, o, func(d event.Detail) {
			tt.got = append(tt.got, d.(event.Timer))
			tt.at = append(tt.at, time.Since(start))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := tt.Start(); err != nil {
			t.Fatal(err)
		}
		body(tt)
	})
}

// pass lets time pass.
func (t *timerTest) pass(d time.Duration) {
	t.t.Helper()
	end := time.Now().Add(d)
	defer t.loop.After(d, t.loop.Break)()
	if err := t.loop.Run(t.t.Context(), loop.RunDefault); err != nil {
		t.t.Fatal(err)
	}
	<-time.After(time.Until(end))
}

func (t *timerTest) expect(want ...time.Duration) {
	t.t.Helper()
	if !slices.Equal(t.at, want) {
		t.t.Errorf("events at %v, want %v", t.at, want)
	}
}

// fakeActivity is an Activity for a test to fire and to end.
type fakeActivity struct {
	active bool
	again  watch.Emit
	err    error
}

func (a *fakeActivity) Start() error { a.active = a.err == nil; return a.err }
func (a *fakeActivity) Stop()        { a.active = false }
func (a *fakeActivity) Active() bool { return a.active }
func (a *fakeActivity) end()         { a.active = false; a.again(nil) }

func (a *fakeActivity) make(_ *loop.Loop, again watch.Emit) (Activity, error) {
	a.again = again
	return a, nil
}

func TestTimerFiresOnce(t *testing.T) {
	runTimer(t, Options{After: 5 * time.Second}, func(tt *timerTest) {
		tt.pass(time.Minute)
		tt.expect(5 * time.Second)
		if tt.Active() {
			t.Error("it is still active")
		}
	})
}

func TestTimerCollapsesLateTicks(t *testing.T) {
	runTimer(t, Options{After: time.Second, Repeat: 2 * time.Second}, func(tt *timerTest) {
		tt.loop.Post(func() { <-time.After(7500 * time.Millisecond) })
		tt.pass(10 * time.Second)
		tt.expect(7500*time.Millisecond, 9*time.Second)
		if d := tt.got[0]; d.Missed != 3 || d.Late != 500*time.Millisecond {
			t.Errorf("missed %d, late %v, want 3 and 500ms", d.Missed, d.Late)
		}
	})
}

func TestTimerFeedChangesNothing(t *testing.T) {
	runTimer(t, Options{After: 5 * time.Second}, func(tt *timerTest) {
		tt.pass(2 * time.Second)
		tt.Feed()
		tt.pass(time.Minute)
		tt.expect(2*time.Second, 5*time.Second)
	})
}

func TestTimerIsPutOffByActivity(t *testing.T) {
	a := &fakeActivity{}
	runTimer(t, Options{After: 5 * time.Second, AgainOn: []NewActivity{a.make}}, func(tt *timerTest) {
		for range 4 {
			tt.pass(4 * time.Second)
			a.again(nil)
		}
		tt.pass(10 * time.Second)
		tt.expect(21 * time.Second)
		if !tt.Active() {
			t.Error("it does not wait for activity")
		}
		a.again(nil)
		tt.pass(10 * time.Second)
		tt.expect(21*time.Second, 31*time.Second)
	})
}

func TestTimerBeginsAnewWithItsFirstSpan(t *testing.T) {
	a := &fakeActivity{}
	runTimer(t, Options{After: 5 * time.Second, Repeat: time.Second, AgainOn: []NewActivity{a.make}}, func(tt *timerTest) {
		tt.pass(6500 * time.Millisecond)
		a.again(nil)
		tt.pass(6 * time.Second)
		tt.expect(5*time.Second, 6*time.Second, 11500*time.Millisecond, 12500*time.Millisecond)
	})
}

func TestTimerEndsWithItsActivities(t *testing.T) {
	a, b := &fakeActivity{}, &fakeActivity{}
	runTimer(t, Options{After: 5 * time.Second, AgainOn: []NewActivity{a.make, b.make}}, func(tt *timerTest) {
		tt.pass(4 * time.Second)
		a.end()
		if !tt.Active() {
			t.Error("it ended with the first")
		}
		tt.pass(time.Second)
		b.end()
		tt.pass(time.Minute)
		tt.expect()
		if tt.Active() {
			t.Error("it is still active")
		}
	})
}

func TestTimerStopsItsActivities(t *testing.T) {
	a, b := &fakeActivity{}, &fakeActivity{err: errors.New("no such thing")}
	runTimer(t, Options{After: time.Second, AgainOn: []NewActivity{a.make}}, func(tt *timerTest) {
		tt.Stop()
		if a.active || tt.Active() {
			t.Error("still active")
		}
		failing, err := New(tt.loop, Options{AgainOn: []NewActivity{a.make, b.make}}, func(event.Detail) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := failing.Start(); !errors.Is(err, b.err) {
			t.Errorf("error %v", err)
		}
		if a.active || failing.Active() {
			t.Error("still active after an error")
		}
	})
}

func TestTimerPause(t *testing.T) {
	runTimer(t, Options{After: 5 * time.Second}, func(tt *timerTest) {
		tt.pass(2 * time.Second)
		tt.Pause()
		tt.Pause()
		if !tt.Active() || !tt.Paused() || tt.Counting() || tt.Remaining() != 3*time.Second {
			t.Errorf("paused: active %t, paused %t, counting %t, %v left", tt.Active(), tt.Paused(), tt.Counting(), tt.Remaining())
		}
		if at, ok := tt.At(); ok {
			t.Errorf("it is due at %v though it is paused", at)
		}
		tt.pass(time.Minute)
		tt.Resume()
		tt.Resume()
		if tt.Paused() || !tt.Counting() {
			t.Error("it does not go on")
		}
		tt.pass(time.Minute)
		tt.expect(65 * time.Second)
		tt.Pause()
		if tt.Active() {
			t.Error("it is active though it is over")
		}
	})
}

// What is left began with After, then with each Repeat, and with After again after activity.
func TestTimerSpan(t *testing.T) {
	a := &fakeActivity{}
	runTimer(t, Options{After: 5 * time.Second, Repeat: 2 * time.Second, AgainOn: []NewActivity{a.make}}, func(tt *timerTest) {
		for _, step := range []struct {
			pass, span time.Duration
		}{{0, 5 * time.Second}, {4 * time.Second, 5 * time.Second}, {time.Second, 2 * time.Second}, {2 * time.Second, 2 * time.Second}} {
			tt.pass(step.pass)
			if got := tt.Span(); got != step.span {
				t.Errorf("after %v more it is %v, not %v", step.pass, got, step.span)
			}
		}
		a.again(nil)
		if got := tt.Span(); got != 5*time.Second {
			t.Errorf("after activity it is %v", got)
		}
	})
}

func TestTimerGoesOnWithWhatWasLeft(t *testing.T) {
	runTimer(t, Options{After: 5 * time.Second}, func(tt *timerTest) {
		tt.pass(2 * time.Second)
		tt.Stop()
		tt.pass(10 * time.Second)
		if err := tt.Start(); err != nil {
			t.Fatal(err)
		}
		tt.pass(time.Minute)
		if err := tt.Start(); err != nil { // there is nothing left: all of it
			t.Fatal(err)
		}
		tt.pass(time.Minute)
		tt.expect(15*time.Second, 77*time.Second)
	})
}
