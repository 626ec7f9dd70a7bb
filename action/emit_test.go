package action

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

var errFull = errors.New("full")

// An emitStage is an Emit, and a store that answers when it is told to.
type emitStage struct {
	*Emit
	loop     *loop.Loop
	subjects []string
	answers  []func(error)
	held     bool
	failed   error
	said     strings.Builder
}

func onEmitStage(t *testing.T, subject string, canWait bool, play func(*testing.T, *emitStage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		s := &emitStage{}
		var err error
		if s.loop, err = loop.New(loop.WithBackend(looptest.New())); err != nil {
			t.Fatal(err)
		}
		defer s.loop.Close()
		s.Emit = NewEmit(s.loop, EmitOptions{
			Subject: event.NewTemplate(subject), Full: func(err error) bool { return errors.Is(err, errFull) },
			Store: func(_ *loop.Loop, subject string, _ event.Event, _ *Outcome, then func(error)) error {
				s.subjects, s.answers = append(s.subjects, subject), append(s.answers, then)
				return nil
			},
			Hold: func(held bool) bool {
				s.held = held && canWait
				return canWait
			},
			Failed: func(err error) { s.failed = err }, Report: report.New(&s.said, "ev", report.Plain, report.Notice),
		})
		play(t, s)
	})
}

func (s *emitStage) answer(err error) {
	then := s.answers[0]
	s.answers = s.answers[1:]
	then(err)
}

// A value is one word of the subject, whatever it holds.
func TestEmit_subject(t *testing.T) {
	onEmitStage(t, "ev.{name}.{}.{line}", true, func(t *testing.T, s *emitStage) {
		t.Helper()
		line := ""
		s.Do(event.Event{Name: "a.b >*é", Detail: event.FD{Source: "-x_1", Line: &line}})
		if want := "ev.a_b____.-x_1._"; s.subjects[0] != want {
			t.Errorf("%q, want %q", s.subjects[0], want)
		}
		s.answer(nil)
	})
}

// A source that can wait waits while there is no room; the event is not lost.
func TestEmit_full(t *testing.T) {
	onEmitStage(t, "ev.x", true, func(t *testing.T, s *emitStage) {
		t.Helper()
		s.Do(event.Event{Detail: event.Timer{}})
		s.answer(errFull)
		if !s.held || len(s.answers) != 0 {
			t.Errorf("held: %v, %d tries", s.held, len(s.answers))
		}
		s.loop.After(fullPause+time.Millisecond, func() { s.answer(nil) })
		if err := s.loop.Run(t.Context(), loop.RunDefault); err != nil {
			t.Error(err)
		}
		if s.held || s.Dropped() != 0 || len(s.subjects) != 2 {
			t.Errorf("held: %v, %d dropped, %d tries", s.held, s.Dropped(), len(s.subjects))
		}
	})
	onEmitStage(t, "ev.x", false, func(t *testing.T, s *emitStage) {
		t.Helper()
		for range 3 {
			s.Do(event.Event{Detail: event.Timer{}})
			s.answer(errFull)
		}
		if s.Dropped() != 3 || strings.Count(s.said.String(), "dropped") != 1 {
			t.Errorf("%d dropped, told: %s", s.Dropped(), s.said.String())
		}
	})
}

// Too many on their way hold the source; what can't be stored ever ends it.
func TestEmit_manyAndFailed(t *testing.T) {
	onEmitStage(t, "ev.x", true, func(t *testing.T, s *emitStage) {
		t.Helper()
		for range manyFlying {
			s.Do(event.Event{Detail: event.Timer{}})
		}
		if !s.held {
			t.Error("the source is not held")
		}
		for range manyFlying - fewFlying {
			s.answer(nil)
		}
		if s.held {
			t.Error("the source is still held")
		}
		s.answer(errors.New("refused"))
		if s.failed == nil || !strings.Contains(s.said.String(), "--emit: refused") {
			t.Errorf("failed: %v, told: %s", s.failed, s.said.String())
		}
		for len(s.answers) > 0 {
			s.answer(nil)
		}
		s.Do(event.Event{Detail: event.Timer{}})
		if len(s.answers) != 0 {
			t.Error("something is stored after that")
		}
	})
}

func TestEmit_on(t *testing.T) {
	for _, tt := range []struct {
		success, failure bool
		want             int
	}{{false, false, 1}, {true, false, 1}, {false, true, 2}} {
		onEmitStage(t, "ev.x", true, func(t *testing.T, s *emitStage) {
			t.Helper()
			s.o.OnSuccess, s.o.OnFailure = tt.success, tt.failure
			e := event.Event{Detail: event.Timer{}}
			s.Do(e)
			s.Ran(e, Outcome{})
			s.Ran(e, Outcome{Status: 1})
			s.Ran(e, Outcome{Status: 2})
			s.Ran(e, Outcome{Status: 143, Stopped: true})
			if len(s.answers) != tt.want {
				t.Errorf("%+v: %d stored", tt, len(s.answers))
			}
		})
	}
	if got := string(AppendOutcome([]byte(`{"a":1}`), &Outcome{Status: 7})); got != `{"a":1,"command_status":7}` {
		t.Error(got)
	}
}
