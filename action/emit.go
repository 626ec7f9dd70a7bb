package action

import (
	"fmt"
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// EmitOptions say where events are stored.
type EmitOptions struct {
	Subject event.Template
	// Store stores one, elsewhere or in a spool; then is told once that is so, or why it can't be.
	// Full reports whether that error passes, for there is no room.
	Store func(l *loop.Loop, subject string, e event.Event, outcome *Outcome, then func(error)) error
	Full  func(error) bool

	OnSuccess, OnFailure bool // after a command that has ended so; neither: for each event
	Settle               bool // an event is dealt with once it is stored, since it gets no command

	Report *report.Reporter
	// Hold is called with true when nothing more should be taken from the source. It reports
	// whether the source can wait.
	Hold func(bool) bool
	// Failed is called when nothing can be stored any more.
	Failed func(error)
}

// An Emit stores events for other ev. While one is on its way, it holds a Ref of the loop.
type Emit struct {
	loop    *loop.Loop
	o       EmitOptions
	flying  int
	held    bool // the source
	dropped int
	full    bool // which has been told
	failed  bool
}

const (
	manyFlying = 64
	fewFlying  = 16
	fullPause  = time.Second
)

// NewEmit makes an Emit.
func NewEmit(l *loop.Loop, o EmitOptions) *Emit {
	return &Emit{loop: l, o: o}
}

// Do stores an event, if it is each that is stored.
func (m *Emit) Do(e event.Event) {
	if !m.o.OnSuccess && !m.o.OnFailure {
		m.send(e, nil)
	}
}

// Ran stores the event of a command that has ended, if it is that which is stored.
func (m *Emit) Ran(e event.Event, o Outcome) {
	if !o.Stopped && (m.o.OnSuccess && o.Status == 0 || m.o.OnFailure && o.Status != 0) {
		m.send(e, &o)
	}
}

func (m *Emit) send(e event.Event, o *Outcome) {
	if m.failed {
		m.answer(event.Refused, e)
		return
	}
	m.flying++
	m.loop.Ref()
	m.balance()
	m.try(m.subject(e), e, o)
}

func (m *Emit) try(subject string, e event.Event, o *Outcome) {
	if m.failed {
		m.answer(event.Refused, e)
		m.landed()
		return
	}
	verdict := event.Ran
	err := m.o.Store(m.loop, subject, e, o, func(err error) {
		switch {
		case err != nil && m.o.Full(err) && m.hold(true):
			if !m.full {
				m.o.Report.Noticef("--emit: %v: waiting", err)
			}
			m.full = true
			m.loop.After(fullPause, func() { m.try(subject, e, o) })
			return
		case err != nil && m.o.Full(err):
			if m.dropped++; isPowerOf10(m.dropped) {
				m.o.Report.Errorf("--emit: %v: %d events are dropped", err, m.dropped)
			}
			m.full = true
		case err != nil:
			m.fail(err)
			verdict = event.Refused
		case m.full:
			m.full = false
			m.o.Report.Noticef("--emit: events are stored again")
		}
		m.answer(verdict, e)
		m.landed()
	})
	if err != nil {
		m.fail(err)
		m.answer(event.Refused, e)
		m.landed()
	}
}

func (m *Emit) answer(v event.Verdict, e event.Event) {
	if m.o.Settle {
		answer(e, event.Answer{Verdict: v})
	}
}

func (m *Emit) fail(err error) {
	if !m.failed {
		m.failed = true
		m.o.Report.Errorf("--emit: %v", err)
		m.o.Failed(err)
	}
}

func (m *Emit) landed() {
	m.flying--
	m.loop.Unref()
	m.balance()
}

// balance has the source wait while too many are on their way.
func (m *Emit) balance() {
	switch {
	case m.flying >= manyFlying:
		m.hold(true)
	case m.flying <= fewFlying:
		m.hold(false)
	}
}

func (m *Emit) hold(held bool) bool {
	if held == m.held {
		return held
	}
	m.held = held
	return m.o.Hold(held)
}

// Dropped is how many events could be stored nowhere.
func (m *Emit) Dropped() int { return m.dropped }

// subject fills in the fields. A value makes no words of its own: what is no letter, digit, - or _
// is a _, and so is nothing.
func (m *Emit) subject(e event.Event) string {
	return string(m.o.Subject.AppendFunc(nil, e, func(value string) string {
		if value == "" {
			return "_"
		}
		return strings.Map(func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
				return r
			}
			return '_'
		}, value)
	}))
}

// AppendOutcome appends to the JSON object of an event how its command ended.
func AppendOutcome(object []byte, o *Outcome) []byte {
	if o == nil {
		return object
	}
	return fmt.Appendf(object[:len(object)-1], `,"command_status":%d}`, o.Status)
}
