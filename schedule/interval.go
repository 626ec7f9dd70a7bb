package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/span"
)

// A grid is the instants origin + N·step, in nanoseconds since the epoch: the rule of libev's
// ev_periodic.
type grid struct {
	origin, step int64
}

func (g *grid) next(t int64) (int64, bool) {
	past := (t - g.origin) % g.step
	if past < 0 {
		past += g.step
	}
	next := t - past + g.step
	return next, next > t
}

// steps is the number of instants between one of them and to, to included.
func (g *grid) steps(instant, to time.Time) int {
	return int(to.Sub(instant) / time.Duration(g.step))
}

// parseInterval reads a duration. Days and weeks are counted in civil time: from the lower bound if
// there is one, else from a midnight, that of a Monday for weeks.
func (s *Spec) parseInterval(text string, o Options) error {
	s.kind = Interval
	step, err := span.Parse(text)
	if err != nil {
		return &Error{Text: text, Pos: diag.Offset(err), Msg: errors.Unwrap(err).Error()}
	}
	if step == 0 {
		return &Error{Text: text, Msg: "an interval has to be longer than zero", Hint: "write 1s, 15m, 1d"}
	}
	if days, ok := span.Days(text); ok {
		s.text = span.Format(step)
		s.place(s.daysFrom(days, o), false, o)
		return nil
	}
	s.text = inHours(step)
	s.grid = &grid{origin: int64(o.Offset) % int64(step), step: int64(step)}
	switch day := 24 * time.Hour; {
	case !o.FromNow.IsZero():
		s.grid.origin = (o.FromNow.UnixNano() + int64(o.Offset)) % int64(step)
	case step > day || day%step != 0:
		s.note("%s does not divide a day: counted from 1970-01-01 00:00 UTC, it falls on other times every day", s.text)
	case step > time.Hour:
		s.note("%s is counted from 1970-01-01 00:00 UTC, whatever the zone", s.text)
	}
	return nil
}

func (s *Spec) daysFrom(days int, o Options) dayGrid {
	g := dayGrid{step: civil(days) * civilDay, origin: civil(o.Offset)}
	switch monday := 4 * civilDay; { // 1970-01-05
	case !o.FromNow.IsZero():
		g.origin += civilOf(o.FromNow.In(s.zone))
	case !o.From.IsZero():
		g.origin += civilOf(o.From.In(s.zone))
	case days%7 == 0:
		g.origin += monday
		s.note("weeks start on Monday; a lower bound starts them on another day")
	case days > 1:
		s.note("%d days are counted from 1970-01-01; a lower bound starts them on another day", days)
	}
	return g
}

// inHours writes d without days, which are not the same as 24 hours here.
func inHours(d time.Duration) string {
	whole, rest := d/time.Hour, d%time.Hour
	switch {
	case whole < 24:
		return span.Format(d)
	case rest == 0:
		return fmt.Sprintf("%dh", whole)
	}
	return fmt.Sprintf("%dh%s", whole, span.Format(rest))
}
