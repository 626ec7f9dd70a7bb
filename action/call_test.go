package action

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
)

// A caller is the detail of an event that somebody waits for.
type caller struct {
	*stage
	seq  uint64
	gone bool
	stop func()
	told bool
}

func (*caller) Kind() event.Kind { return "caller" }
func (*caller) Subject() string  { return "" }
func (*caller) What() string     { return "" }
func (*caller) Fields() iter.Seq2[string, event.Value] {
	return func(func(string, event.Value) bool) {}
}
func (*caller) Merge(newer event.Detail) event.Detail { return newer }

func (c *caller) Begin(stop func()) bool {
	c.stop = stop
	return !c.gone
}

func (c *caller) Answer(a event.Answer) {
	if !c.told {
		verdict := [...]string{"ran", "late", "stopped", "superseded", "failed", "merged", "skipped", "refused"}[a.Verdict]
		c.logf("%d %s %d", c.seq, verdict, a.Status)
	}
	c.told = true
}

// call makes the n-th caller's event.
func (s *stage) call(c *caller) {
	c.stage = s
	s.on(func() { s.Do(event.Event{Seq: c.seq, Detail: c}) })
}

// Whatever becomes of an event, whoever waits for it is told.
func TestCall_isAnsweredOnEveryWay(t *testing.T) {
	lived := func(s *stage, a, _ *caller) {
		s.call(a)
		s.answer(nil)
	}
	two := func(s *stage, a, b *caller) {
		lived(s, a, b)
		s.call(b)
	}
	closed := func(s *stage) { s.on(func() { s.Close(func() {}) }) }
	for _, tt := range []struct {
		name string
		o    Options
		play func(s *stage, a, b *caller)
		want string
	}{
		{"ran", Options{}, func(s *stage, a, b *caller) { lived(s, a, b); s.end(3) }, "start 1, 1 ran 3, done 1: exited 3"},
		{"tried again", Options{Retry: 1}, func(s *stage, a, b *caller) {
			lived(s, a, b)
			s.end(3)
			s.pass(time.Second)
			s.answer(nil)
			s.end(0)
		}, "start 1, start 1, 1 ran 0, done 1: exited 0"},
		{"took too long", Options{RunTimeout: time.Second}, func(s *stage, a, b *caller) {
			lived(s, a, b)
			s.pass(time.Second)
			s.end(143)
		}, "start 1, TERM, 1 late 0, done 1: timed out"},
		{"not started", Options{}, func(s *stage, a, _ *caller) {
			s.call(a)
			s.answer(errors.New("no"))
		}, "start 1, 1 failed 0, done 1: not started"},
		{"stopped by the caller", Options{}, func(s *stage, a, b *caller) {
			lived(s, a, b)
			s.on(a.stop)
			s.end(143)
		}, "start 1, TERM, 1 stopped 0, done 1: exited 143, stopped"},
		{"stopped by the caller before it lives", Options{}, func(s *stage, a, _ *caller) {
			s.call(a)
			s.on(a.stop)
			s.answer(errCancelled)
		}, "start 1, 1 stopped 0, done 1: exited 0, stopped"},
		{"nobody waits any more", Options{}, func(s *stage, a, b *caller) {
			a.gone = true
			s.call(a)
			s.call(b)
		}, "1 stopped 0, start 2"},
		{"nobody waits any more when it is its turn", Options{}, func(s *stage, a, b *caller) {
			two(s, a, b)
			b.gone = true
			s.end(0)
		}, "start 1, 1 ran 0, done 1: exited 0, 2 stopped 0"},
		{"skipped", Options{Busy: Busy{Policy: Skip}}, two, "start 1, 2 skipped 0"},
		{"merged", Options{Busy: Busy{Policy: Merge}}, func(s *stage, a, b *caller) {
			two(s, a, b)
			s.call(&caller{seq: 3})
		}, "start 1, 2 merged 0"},
		{"the command was told", Options{Busy: Busy{Policy: Signal, Signal: unix.SIGHUP}}, two, "start 1, HUP, 2 merged 0"},
		{"restarted", Options{Busy: Busy{Policy: Restart}}, func(s *stage, a, b *caller) {
			two(s, a, b)
			s.end(143)
		}, "start 1, TERM, 1 superseded 0, done 1: exited 143, stopped, start 2"},
		{"restarted by hand", Options{}, func(s *stage, a, b *caller) {
			lived(s, a, b)
			s.on(s.Restart)
			s.end(143)
			s.answer(nil)
			s.end(0)
		}, "start 1, TERM, done 1: exited 143, stopped, start 1, 1 ran 0, done 1: exited 0"},
		{"restarted by hand as it ends", Options{}, func(s *stage, a, b *caller) {
			lived(s, a, b)
			s.on(s.Restart)
			closed(s)
			s.end(143)
		}, "start 1, TERM, 1 refused 0, done 1: exited 143, stopped"},
		{"ended while it waits", Options{}, func(s *stage, a, b *caller) { two(s, a, b); closed(s) }, "start 1, 2 refused 0, TERM"},
		{"after the end", Options{}, func(s *stage, a, _ *caller) { closed(s); s.call(a) }, "1 refused 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			perform(t, tt.o, func(s *stage) {
				tt.play(s, &caller{seq: 1}, &caller{seq: 2})
				if got := s.took(); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
				s.on(func() { s.Close(func() {}) })
				s.finishAll()
			})
		})
	}
}

// With Drain, what runs at the end may end by itself, but not for ever.
func TestExec_drains(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(*stage)
		want string
	}{
		{"in time", func(s *stage) { s.end(0) }, "done 1: exited 0, closed"},
		{"late", func(s *stage) { s.pass(time.Minute); s.end(143) }, "TERM, done 1: exited 143, stopped, closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			perform(t, Options{Drain: time.Minute}, func(s *stage) {
				s.do(1)
				s.answer(nil)
				s.on(func() { s.Close(func() { s.logf("closed") }) })
				if got := s.took(); got != "start 1" {
					t.Errorf("at once: %s", got)
				}
				tt.play(s)
				if got := s.took(); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			})
		})
	}
}

// A promise is a caller who has been told that it is dealt with.
type promise struct{ *caller }

func (promise) Promised() bool { return true }

// What was promised still runs when all else is dropped, as long as there is time.
func TestCall_promised(t *testing.T) {
	for _, tt := range []struct {
		drain time.Duration
		play  func(*stage)
		want  string
	}{
		{time.Minute, func(s *stage) {
			s.end(0)
			s.answer(nil)
			s.end(0)
		}, "3 refused 0, done 1: exited 0, start 2, 2 ran 0, done 2: exited 0, over"},
		{time.Minute, func(s *stage) {
			s.pass(time.Minute)
			s.end(0)
		}, "3 refused 0, 2 refused 0, TERM, done 1: exited 0, stopped, over"},
		{time.Minute, func(s *stage) {
			s.on(s.Kill)
			s.end(0)
		}, "3 refused 0, 2 refused 0, KILL, done 1: exited 0, stopped, over"},
		{0, func(s *stage) { s.end(0) }, "2 refused 0, 3 refused 0, TERM, done 1: exited 0, stopped, over"},
	} {
		perform(t, Options{Drain: tt.drain}, func(s *stage) {
			s.do(1)
			s.answer(nil)
			s.on(func() {
				s.Do(event.Event{Seq: 2, Detail: promise{&caller{stage: s, seq: 2}}})
				s.Do(event.Event{Seq: 3, Detail: &caller{stage: s, seq: 3}})
			})
			s.log = nil
			s.on(func() { s.Close(func() { s.logf("over") }) })
			tt.play(s)
			if got := strings.Join(s.log, ", "); got != tt.want {
				t.Errorf("%v:\n got %s\nwant %s", tt.drain, got, tt.want)
			}
		})
	}
}
