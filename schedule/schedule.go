// Package schedule knows when: intervals, cron lines, systemd's calendar events and single
// instants. Everything in it is a pure function of its arguments; none reads a clock.
//
// A text is first read as a rule over civil time, what the calendar and the clock on the wall show;
// then the rule is placed on the time axis of a zone. Where clocks are put forward a civil time can
// be missing (a gap), where they are put back it comes twice (an overlap). Two kinds of schedules
// are told apart, as cron(8) does:
//
//   - One with a wildcard (*) or an open step (*/2, 0/2) in its hour or minute follows elapsed
//     time. Its instants are all those at which the clock shows a matching time: none in a gap, all
//     of both passes of an overlap.
//   - Any other names fixed times. One in a gap comes once, at the end of the gap, unless the gap
//     is longer than three hours; one in an overlap comes once, at the first pass. [Options] can
//     choose otherwise.
//
// An interval counts elapsed time since the epoch and knows no zone, unless it is written in days
// or weeks: these are fixed times of civil days. Years end with 2199.
package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/evshell/ev/internal/span"
)

// A Kind is a way to write a schedule.
type Kind uint8

const (
	Interval Kind = iota
	Cron
	Calendar
	Instant
)

func (k Kind) String() string {
	return [...]string{"interval", "cron", "calendar", "instant"}[k]
}

// Options is what a text does not say. The zero value is the local zone and the default rules.
type Options struct {
	Zone    *time.Location // nil is the local zone; a zone in the text has precedence
	Name    string         // what H in a cron line is a hash of
	Gap     Gap
	Overlap Overlap
	Offset  time.Duration // moves the grid of an interval; an interval in days moves in civil time
	FromNow time.Time     // if set, the grid of an interval starts here, not at the epoch
	From    time.Time     // if set, nothing comes before it; and days and weeks are counted from it
	Until   time.Time     // if set, nothing comes after it
}

// A Spec is a schedule that has been read.
type Spec struct {
	kind    Kind
	text    string
	dayPos  int // where the days are, in what was read
	notes   []string
	zone    *time.Location
	instant time.Time   // of an Instant
	grid    *grid       // of an Interval of elapsed time
	civil   *civilTimes // of all others
	from    time.Time
	until   time.Time
}

// maxText is more than a list of all minutes, hours, days and months takes.
const maxText = 4096

// Parse reads a duration as package span does, a cron line, or a calendar event as in
// systemd.time(7). No text is two of these. The error is an [*Error]; a schedule without any
// instant is one.
func Parse(text string, o Options) (*Spec, error) {
	return trimmed(text, func(text string) (*Spec, error) { return parseText(text, o) })
}

func parseText(text string, o Options) (*Spec, error) {
	s := &Spec{zone: o.Zone, from: o.From, until: o.Until}
	if s.zone == nil {
		s.zone = time.Local
	}
	var err error
	switch {
	case text == "":
		err = &Error{Msg: "it is empty", Hint: "write 15m, '0 9 * * mon-fri' or 'Mon..Fri 09:00'"}
	case len(text) > maxText:
		err = &Error{Text: text, Msg: fmt.Sprintf("it is longer than %d bytes", maxText)}
	case isInterval(text):
		err = s.parseInterval(text, o)
	case o.Offset != 0 || !o.FromNow.IsZero():
		err = &Error{Text: text, Msg: "only an interval has a grid that can be moved", Hint: "write the times you mean"}
	case isCron(text):
		err = s.parseCron(text, o)
	default:
		err = s.parseCalendar(text, o)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := s.Next(time.Time{}); !ok {
		return nil, s.never(text)
	}
	if s.Ticks() && (o.Gap != GapAfter || o.Overlap != OverlapFirst) {
		s.note("it follows elapsed time: rules for fixed times that clocks skip or show twice don't matter")
	}
	return s, nil
}

// place puts a rule on the time axis of the zone of s.
func (s *Spec) place(r rule, ticks bool, o Options) {
	s.civil = &civilTimes{rule: r, zone: s.zone, ticks: ticks, gap: o.Gap, overlap: o.Overlap}
}

// never explains why a schedule has no instant.
func (s *Spec) never(text string) error {
	unbounded := *s
	unbounded.from, unbounded.until = time.Time{}, time.Time{}
	if t, ok := unbounded.Next(s.from.Add(-1)); ok {
		return &Error{Text: text, Msg: "it has no instant between its bounds", Hint: "the next is " + t.Format(time.RFC3339)}
	}
	if _, ok := unbounded.Next(time.Time{}); ok {
		return &Error{Text: text, Msg: "it never fires after its lower bound", Hint: "move the bound or the year"}
	}
	if f, ok := s.fields(); ok && f.days.weekdays != 0 {
		f.days.weekdays, f.days.nth = everyWeekday, [7]uint8{}
		dates := *s.civil
		dates.rule = &f
		unbounded.civil = &dates
		if t, ok := unbounded.Next(time.Time{}); ok {
			return &Error{
				Text: text, Pos: s.dayPos, Msg: "no such day is on such a weekday", Hint: t.Format("2006-01-02") + " is a " + t.Weekday().String() + ": leave out one of the two",
			}
		}
	}
	return &Error{
		Text: text, Pos: s.dayPos, Msg: fmt.Sprintf("it never fires from %d to %d", firstYear, lastYear),
		Hint: "look at the day; the last one of a month is L in cron, *-*~1 in a calendar event",
	}
}

// fields is the rule of s, if it has fields.
func (s *Spec) fields() (f fields, ok bool) {
	if s.civil == nil {
		return f, false
	}
	p, ok := s.civil.rule.(*fields)
	if ok {
		f = *p
	}
	return f, ok
}

// At is the schedule of one instant.
func At(t time.Time) *Spec {
	return &Spec{kind: Instant, text: t.Format(time.RFC3339Nano), zone: t.Location(), instant: t}
}

// Next is the first instant strictly after the given time, in the zone of s. It is zero and false
// if there is none.
func (s *Spec) Next(after time.Time) (time.Time, bool) {
	if s.kind == Instant {
		if after.Before(s.instant) {
			return s.instant, true
		}
		return time.Time{}, false
	}
	if after.Before(s.from) {
		after = s.from.Add(-1)
	}
	t, ok := nanoseconds(after)
	if ok {
		if s.grid != nil {
			t, ok = s.grid.next(t)
		} else {
			t, ok = s.civil.next(t)
		}
	}
	next := time.Unix(0, t).In(s.zone)
	if !ok || !s.until.IsZero() && next.After(s.until) {
		return time.Time{}, false
	}
	return next, true
}

// nanoseconds counts from the epoch. What is too early to be counted is as early as can be; it is
// false for what is too late.
func nanoseconds(t time.Time) (int64, bool) {
	const limit = 1 << 33 // seconds: the years 1697 and 2242
	if t.Unix() < -limit {
		return -limit * int64(time.Second), true
	}
	return t.UnixNano(), t.Unix() < limit
}

// Count is the number of instants after from, up to and including to; it stops counting at limit.
func (s *Spec) Count(from, to time.Time, limit int) int {
	if !s.until.IsZero() && s.until.Before(to) {
		to = s.until
	}
	n := 0
	for n < limit {
		next, ok := s.Next(from)
		if !ok || next.After(to) {
			break
		}
		if n++; s.grid != nil {
			return min(limit, n+s.grid.steps(next, to))
		}
		from = next
	}
	return n
}

// Kind tells how the text was read.
func (s *Spec) Kind() Kind { return s.kind }

// Ticks reports whether the schedule follows elapsed time, as an interval does and what has a
// wildcard in the hour or the minute: then no step of the clock is to make it silent.
func (s *Spec) Ticks() bool { return s.grid != nil || s.civil != nil && s.civil.ticks }

// String is the normal form: a calendar event as systemd-analyze(1) prints it, a cron line in
// numbers, a duration. Parse reads it back as the same schedule.
func (s *Spec) String() string { return s.text }

// Zone is the zone in which s is computed, and in which its instants are given.
func (s *Spec) Zone() *time.Location { return s.zone }

// Notes is what one might not expect of the text, a sentence each.
func (s *Spec) Notes() []string { return s.notes }

func (s *Spec) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// Why tells what is odd about an instant of s, a gap or an overlap; mostly it is empty.
func (s *Spec) Why(instant time.Time) string {
	t, ok := nanoseconds(instant)
	if s.civil == nil || !ok {
		return ""
	}
	return s.civil.why(t)
}

// Skipped tells what is left out between two instants of s, since the clocks skip it.
func (s *Spec) Skipped(after, until time.Time) (list []string) {
	if s.civil == nil || s.civil.gap != GapSkip {
		return nil
	}
	all := *s.civil
	all.gap = GapAfter
	t, ok := nanoseconds(after)
	end, _ := nanoseconds(until)
	for ok {
		if t, ok = all.next(t); !ok || t >= end {
			break
		}
		if own, ok := s.civil.next(t - 1); !ok || own != t {
			what, _, _ := strings.Cut(all.why(t), ": ")
			list = append(list, what+": left out")
		}
	}
	return list
}

// isInterval tells a duration, right or wrong, from a calendar event: the latter does not begin
// like a number, or it has one of the signs that separate numbers.
func isInterval(text string) bool {
	if _, err := span.Parse(text); err == nil {
		return true
	}
	return !isCron(text) && strings.IndexByte("+-.0123456789", text[0]) >= 0 && !strings.ContainsAny(text[1:], "-:~*/")
}
