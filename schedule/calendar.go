package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A component is one part of a list in a calendar event: start, start..stop, or either with /step.
// Seconds count in microseconds here.
type component struct {
	start, stop, step int // stop is -1 if there is none, step 0
}

// A chain is a list of components; nil is the wildcard.
type chain []component

// The parts of a calendar event after its weekdays. A seconds chain counts in microseconds.
const (
	years = iota
	months
	days
	hours
	minutes
	seconds
)

// An event is a calendar event as it is written; fields is what it means.
type event struct {
	weekdays uint64 // bit 0 is Monday; 0 is any
	parts    [6]chain
	fromEnd  bool   // days count from the end of the month
	zone     string // as it was written
	dayPos   int    // where its days were written
}

// second is a second in microseconds.
const second = 1_000_000

// calendarAlias expands the shorthands of systemd.time(7).
func calendarAlias(name string) *event {
	zero, one := numbers(0), numbers(1)
	switch strings.ToLower(name) {
	case "minutely":
		return &event{parts: [6]chain{seconds: zero}}
	case "hourly":
		return &event{parts: [6]chain{minutes: zero, seconds: zero}}
	case "daily":
		return &event{parts: [6]chain{hours: zero, minutes: zero, seconds: zero}}
	case "weekly":
		return &event{parts: [6]chain{hours: zero, minutes: zero, seconds: zero}, weekdays: 1}
	case "monthly":
		return &event{parts: [6]chain{days: one, hours: zero, minutes: zero, seconds: zero}}
	case "quarterly":
		return &event{parts: [6]chain{months: numbers(1, 4, 7, 10), days: one, hours: zero, minutes: zero, seconds: zero}}
	case "semiannually", "semi-annually", "biannually", "bi-annually":
		return &event{parts: [6]chain{months: numbers(1, 7), days: one, hours: zero, minutes: zero, seconds: zero}}
	case "yearly", "annually", "anually":
		return &event{parts: [6]chain{months: one, days: one, hours: zero, minutes: zero, seconds: zero}}
	}
	return nil
}

// everySecond is a wildcard in the chain of seconds: it leaves their fractions out.
func everySecond() component {
	return component{start: 0, stop: -1, step: second}
}

// numbers is the chain of single values.
func numbers(values ...int) chain {
	var c chain
	for _, n := range values {
		c = append(c, component{start: n, stop: -1})
	}
	return c
}

// parseCalendar reads a calendar event of systemd.time(7).
func (s *Spec) parseCalendar(text string, o Options) error {
	s.kind = Calendar
	body, zone := cutZone(text)
	e, err := readEvent(text, body)
	if err != nil {
		return err
	}
	e.zone = cmp.Or(e.zone, zone)
	if e.zone != "" {
		if s.zone, err = LoadZone(e.zone); err != nil {
			return &Error{Text: text, Pos: len(body) + 1, Msg: err.Error()}
		}
	}
	s.text, s.dayPos = e.String(), e.dayPos
	ticks := e.parts[hours].wildcard() || e.parts[minutes].wildcard()
	s.place(e.fields(), ticks, o)
	return nil
}

// normalize brings the event into the form in which systemd prints it.
func (e *event) normalize() {
	for i := range e.parts[years] {
		c := &e.parts[years][i]
		c.start, c.stop = century(c.start), century(c.stop)
	}
	for i := range e.parts {
		e.parts[i].normalize()
	}
	if e.weekdays == everyWeekday {
		e.weekdays = 0
	}
	e.fromEnd = e.fromEnd && e.parts[days] != nil
}

// century reads a year of two digits as one from 1970 to 2069.
func century(year int) int {
	switch {
	case 0 <= year && year < 70:
		return 2000 + year
	case 70 <= year && year < 100:
		return 1900 + year
	}
	return year
}

func (c *chain) normalize() {
	for i := range *c {
		p := &(*c)[i]
		if p.stop > p.start {
			p.stop -= (p.stop - p.start) % p.step
		}
		if p.stop == p.start {
			p.stop, p.step = -1, 0
		}
	}
	slices.SortStableFunc(*c, func(a, b component) int {
		return cmp.Or(a.start-b.start, a.stop-b.stop, a.step-b.step)
	})
	*c = slices.Compact(*c)
}

// wildcard tells * and an open step, which follow elapsed time.
func (c chain) wildcard() bool {
	return c == nil || slices.ContainsFunc(c, func(p component) bool { return p.step > 0 && p.stop < 0 })
}

// each calls add for every component as a closed progression, up to high where it has no stop.
func (c chain) each(low, high int, add func(from, to, step int)) {
	if c == nil {
		add(low, high, 1)
	}
	for _, p := range c {
		switch {
		case p.stop >= 0:
			add(p.start, p.stop, max(p.step, 1))
		case p.step > 0:
			add(p.start, high, p.step)
		default:
			add(p.start, p.start, 1)
		}
	}
}

func (c chain) set(low, high int) (set uint64) {
	c.each(low, high, func(from, to, step int) { set |= members(from, to, step) })
	return set
}

func (e *event) fields() *fields {
	f := &fields{months: e.parts[months].set(1, 12), hours: e.parts[hours].set(0, 23), minutes: e.parts[minutes].set(0, 59)}
	e.parts[years].each(firstYear, lastYear, f.years.add)
	if e.fromEnd {
		f.days.fromEnd = e.daysFromEnd()
	} else {
		f.days.dates = e.parts[days].set(1, 31)
	}
	f.days.weekdays = everyWeekday
	if e.weekdays != 0 {
		f.days.weekdays = e.weekdays<<1&(1<<7-1) | e.weekdays>>6 // Monday first to Sunday first
	}
	whole := true
	e.parts[seconds].each(0, 60*second-1, func(from, to, step int) {
		const unit = civil(time.Microsecond)
		whole = whole && from%second == 0 && (step%second == 0 || from == to)
		f.seconds.finely = append(f.seconds.finely, progression{civil(from) * unit, civil(to) * unit, civil(step) * unit})
	})
	if whole {
		f.seconds.finely = nil
		e.parts[seconds].each(0, 60*second-1, func(from, to, step int) {
			f.seconds.whole |= members(from/second, to/second, max(step/second, 1))
		})
	}
	return f
}

// daysFromEnd counts an open step down to the last day, and a range upwards from its earlier day.
func (e *event) daysFromEnd() (set uint64) {
	for _, p := range e.parts[days] {
		switch {
		case p.stop >= 0:
			set |= members(p.start, p.stop, max(p.step, 1))
		case p.step > 0:
			set |= members((p.start-1)%p.step+1, p.start, p.step)
		default:
			set |= 1 << p.start
		}
	}
	return set
}

// String is the normalised form that systemd-analyze calendar prints.
func (e *event) String() string {
	var b strings.Builder
	if e.weekdays != 0 {
		b.WriteString(weekdayList(e.weekdays) + " ")
	}
	e.parts[years].write(&b, 0, 1)
	b.WriteByte('-')
	e.parts[months].write(&b, 2, 1)
	if e.fromEnd {
		b.WriteByte('~')
	} else {
		b.WriteByte('-')
	}
	e.parts[days].write(&b, 2, 1)
	b.WriteByte(' ')
	e.parts[hours].write(&b, 2, 1)
	b.WriteByte(':')
	e.parts[minutes].write(&b, 2, 1)
	b.WriteByte(':')
	e.parts[seconds].write(&b, 2, second)
	if e.zone != "" {
		b.WriteString(" " + e.zone)
	}
	return b.String()
}

func weekdayList(set uint64) string {
	names := [...]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	var runs []string
	for from := first(set, 0); from < 7; {
		to := from
		for set>>(to+1)&1 == 1 {
			to++
		}
		switch to - from {
		case 0:
			runs = append(runs, names[from])
		case 1:
			runs = append(runs, names[from], names[to])
		default:
			runs = append(runs, names[from]+".."+names[to])
		}
		from = first(set, to+1)
	}
	return strings.Join(runs, ",")
}

// write prints a chain, unit being what one is made of.
func (c chain) write(b *strings.Builder, width, unit int) {
	if c == nil || unit == second && c[0] == everySecond() {
		b.WriteByte('*')
		return
	}
	number := func(n, width int) {
		fmt.Fprintf(b, "%0*d", width, n/unit)
		if n%unit > 0 {
			fmt.Fprintf(b, ".%06d", n%unit)
		}
	}
	for i, p := range c {
		if i > 0 {
			b.WriteByte(',')
		}
		number(p.start, width)
		if p.stop > 0 {
			b.WriteString("..")
			number(p.stop, width)
		}
		if p.step > 0 && (p.stop <= 0 || p.step != unit) {
			b.WriteByte('/')
			number(p.step, 0)
		}
	}
}
