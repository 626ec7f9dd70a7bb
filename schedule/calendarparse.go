package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An eventParser reads body, the part of text before the zone, from pos on.
type eventParser struct {
	text, body string
	pos        int
	starts     [6]int // where the parts began
}

// readEvent reads the grammar of systemd's calendarspec.c, with a reason for each refusal.
func readEvent(text, body string) (*event, error) {
	if e := calendarAlias(body); e != nil {
		return e, nil
	}
	p := &eventParser{text: text, body: body}
	if strings.TrimSpace(body) == "" {
		return nil, p.fail("it has a zone only", "write 'daily Europe/Berlin'")
	}
	e := &event{}
	read := []func(*event) error{p.weekdays, p.date, p.clock}
	if p.next() == '@' {
		read = []func(*event) error{p.timestamp}
	}
	for _, read := range read {
		if err := read(e); err != nil {
			return nil, err
		}
	}
	e.normalize()
	e.dayPos = p.starts[days]
	return e, p.check(e)
}

// cutZone splits a zone off the end: UTC in any case, or a word that begins with a letter and is no
// weekday.
func cutZone(text string) (body, zone string) {
	i := strings.LastIndexByte(text, ' ')
	if i < 0 {
		return text, ""
	}
	last := text[i+1:]
	if strings.EqualFold(last, "UTC") {
		return text[:i], "UTC"
	}
	if weekday, _ := weekdayAt(last); weekday >= 0 || last == "" || last[0]|0x20 < 'a' || last[0]|0x20 > 'z' {
		return text, ""
	}
	return text[:i], last
}

func (p *eventParser) fail(msg, hint string) error {
	return &Error{Text: p.text, Pos: p.pos, Msg: msg, Hint: hint}
}

// next is the next byte, 0 at the end.
func (p *eventParser) next() byte {
	if p.pos == len(p.body) {
		return 0
	}
	return p.body[p.pos]
}

// at tells whether the next byte is one of set, in which NUL stands for the end.
func (p *eventParser) at(set string) bool {
	return strings.IndexByte(set, p.next()) >= 0
}

// skip takes s if it comes next.
func (p *eventParser) skip(s string) bool {
	if !strings.HasPrefix(p.body[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *eventParser) skipSpaces() {
	for p.skip(" ") {
	}
}

// word is what stands before the next space.
func (p *eventParser) word() string {
	before, _, _ := strings.Cut(p.body[p.pos:], " ")
	return before
}

// weekdayAt finds a weekday at the start of s, 0 being Monday, and its length; none is -1.
func weekdayAt(s string) (weekday, length int) {
	for i, long := range [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"} {
		for _, name := range []string{long, long[:3]} {
			if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
				return i, len(name)
			}
		}
	}
	return -1, 0
}

// weekdays reads a list of names and ranges, and the spaces after it.
func (p *eventParser) weekdays(e *event) error {
	from := -1 // of an open range
	for p.pos == 0 || !p.at(" \x00") {
		day, length := weekdayAt(p.body[p.pos:])
		if day < 0 && p.pos == 0 {
			return nil
		}
		if day < 0 {
			return p.fail(fmt.Sprintf("%q is not a weekday", p.word()), "Mon to Sun, a space before what follows")
		}
		if after := p.pos + length; after < len(p.body) && strings.IndexByte("-., ", p.body[after]) < 0 {
			return p.fail(fmt.Sprintf("%q is not a weekday", p.word()), "write it with three letters or in full, Mon or Monday")
		}
		if from > day {
			return p.fail("the range of weekdays goes backwards", "write Fri..Sun,Mon for Fri..Mon")
		}
		p.pos += length
		if from < 0 {
			from = day
		}
		e.weekdays |= members(from, day, 1)
		from = -1
		switch {
		case p.skip(".."), p.skip("-"):
			from = day
		case !p.skip(",") && !p.at(" \x00"):
			return p.fail("a range of weekdays has two dots", "write Mon..Fri")
		}
	}
	if from >= 0 {
		return p.fail("the range of weekdays has no end", "write Mon..Fri")
	}
	p.skipSpaces()
	return nil
}

// date reads year-month-day or month-day, with ~ before a day from the end, and the spaces after
// it. A chain that is followed by a colon or nothing belongs to the time instead.
func (p *eventParser) date(e *event) error {
	if p.pos == len(p.body) {
		return nil
	}
	start := p.pos
	var read []chain
	var starts []int
	for {
		starts = append(starts, p.pos)
		c, err := p.chain(1)
		if err != nil {
			return err
		}
		read = append(read, c)
		if len(read) == 1 && p.at(":\x00") {
			p.pos = start
			return nil
		}
		if len(read) > 1 && p.at(" \x00") {
			break
		}
		switch {
		case len(read) < 3 && !e.fromEnd && p.skip("-"):
		case len(read) < 3 && !e.fromEnd && p.skip("~"):
			e.fromEnd = true
		default:
			return p.unexpected("a date is YEAR-MONTH-DAY or MONTH-DAY, with ~ before a day counted from the end of the month")
		}
	}
	part := days + 1 - len(read)
	copy(e.parts[part:], read)
	copy(p.starts[part:], starts)
	p.skipSpaces()
	return nil
}

// clock reads hour:minute[:second] up to the end; nothing is midnight.
func (p *eventParser) clock(e *event) error {
	e.parts[hours], e.parts[minutes], e.parts[seconds] = numbers(0), numbers(0), numbers(0)
	for part := hours; part <= seconds && p.pos < len(p.body); part++ {
		unit := 1
		if part == seconds {
			unit = second
		}
		p.starts[part] = p.pos
		c, err := p.chain(unit)
		if err != nil {
			return err
		}
		e.parts[part] = c
		colon := part < seconds && p.skip(":")
		switch {
		case colon && p.pos == len(p.body):
			return p.fail("the time ends with a colon", "write 12:00 or *:00")
		case !colon && part == hours:
			return p.unexpected("a time has minutes, 12:00")
		case !colon && p.pos < len(p.body):
			return p.unexpected("a time is HOUR:MINUTE:SECOND, and a zone may follow")
		}
	}
	return nil
}

func (p *eventParser) unexpected(hint string) error {
	if p.pos == len(p.body) {
		return p.fail("it ends too early", hint)
	}
	if p.at(" ") {
		return p.fail("something is missing before the space", hint)
	}
	return p.fail(fmt.Sprintf("unexpected %q", p.word()), hint)
}

// chain reads a list of components, or *.
func (p *eventParser) chain(unit int) (chain, error) {
	if p.skip("*") {
		if p.at("/,") {
			return nil, p.fail("* stands alone", "a step needs a start, 0/2")
		}
		if unit == second {
			return chain{everySecond()}, nil
		}
		return nil, nil
	}
	var c chain
	for {
		item, err := p.component(unit)
		if err != nil {
			return nil, err
		}
		c = append(c, item)
		if !p.skip(",") {
			return c, nil
		}
	}
}

func (p *eventParser) component(unit int) (c component, err error) {
	c.stop = -1
	if c.start, err = p.number(unit); err != nil {
		return c, err
	}
	if p.skip("..") {
		if c.stop, err = p.number(unit); err != nil {
			return c, err
		}
		c.step = unit
	}
	start := p.pos
	if p.skip("/") {
		if c.step, err = p.number(unit); err != nil {
			return c, err
		}
		if c.step == 0 {
			p.pos = start + 1
			return c, p.fail("a step of 0 goes nowhere", "leave it out")
		}
	} else if c.stop > c.start && c.stop-c.start < c.step {
		return c, p.fail("the range is shorter than its step of a second", "give a step, 0..1.5/0.5")
	}
	return c, nil
}

// number reads digits; of a second also a fraction, rounded to microseconds.
func (p *eventParser) number(unit int) (int, error) {
	start := p.pos
	whole := p.digits()
	if whole == "" {
		return 0, p.notNumber()
	}
	n, err := strconv.Atoi(whole)
	if err != nil || n > 1e6 {
		p.pos = start
		return 0, p.fail("the number is too large", "years end with "+strconv.Itoa(lastYear))
	}
	n *= unit
	if unit == second && p.at(".") && !strings.HasPrefix(p.body[p.pos:], "..") {
		p.pos++
		fraction := p.digits() + "0000000"
		places, _ := strconv.Atoi(fraction[:7])
		n += (places + 5) / 10
	}
	return n, nil
}

func (p *eventParser) digits() string {
	start := p.pos
	for '0' <= p.next() && p.next() <= '9' {
		p.pos++
	}
	return p.body[start:p.pos]
}

func (p *eventParser) notNumber() error {
	word := p.word()
	switch strings.ToLower(word) {
	case "":
		return p.fail("it ends too early", "a number is missing")
	case "noon":
		return p.fail(`"noon" is not known`, "write 12:00")
	case "midnight":
		return p.fail(`"midnight" is not known`, "write daily or 00:00")
	case "now", "today", "tomorrow":
		return p.fail(fmt.Sprintf("%q is not known", word), "an event on one day has a date, 2026-12-24 18:00")
	}
	if p.pos == 0 {
		aliases := []string{"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly"}
		if near, ok := meant(p.body, aliases); ok {
			return p.fail(fmt.Sprintf("%q is not known", p.body), "did you mean "+near+"?")
		}
	}
	return p.fail(fmt.Sprintf("%q is not a number", word), "write a duration (15m), a cron line ('0 9 * * mon-fri') or a calendar event ('Mon..Fri 09:00')")
}

// timestamp reads @SECONDS, since the epoch, as a date and time in UTC.
func (p *eventParser) timestamp(e *event) error {
	p.skip("@")
	n, err := strconv.ParseInt(p.digits(), 10, 64)
	t := time.Unix(n, 0).UTC()
	if err != nil || p.pos < len(p.body) || t.Year() < firstYear || t.Year() > lastYear {
		return p.fail("@ needs seconds since 1970, up to "+strconv.Itoa(lastYear), "write @1795400000")
	}
	e.zone = "UTC"
	for i, n := range []int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second() * second} {
		e.parts[i] = numbers(n)
	}
	return nil
}

// check refuses what is out of range or can never come round.
func (p *eventParser) check(e *event) error {
	for i, bounds := range [...]struct {
		name      string
		low, high int
		unit      int
	}{
		years: {"year", firstYear, lastYear, 1}, months: {"month", 1, 12, 1}, days: {"day", 1, 31, 1},
		hours: {"hour", 0, 23, 1}, minutes: {"minute", 0, 59, 1}, seconds: {"second", 0, 60*second - 1, second},
	} {
		low, high, unit := bounds.low, bounds.high, bounds.unit
		fromEnd := e.fromEnd && i == days
		if fromEnd {
			high = 28 // what every month has
		}
		fail := func(format string, args ...any) error {
			p.pos = p.starts[i]
			return p.fail(bounds.name+": "+fmt.Sprintf(format, args...), fmt.Sprintf("allowed are %d to %d", low, high/unit))
		}
		for _, c := range e.parts[i] {
			switch {
			case c.start < low || c.start > high:
				return fail("%d is out of range", c.start/unit)
			case c.stop > high:
				return fail("%d is out of range", c.stop/unit)
			case c.stop >= 0 && c.stop < c.start:
				return fail("the range %d..%d goes backwards", c.start/unit, c.stop/unit)
			case c.stop < 0 && fromEnd && c.start-c.step < low, c.stop < 0 && !fromEnd && c.start+c.step > high:
				return fail("the step after %d leads out of the range at once", c.start/unit)
			}
		}
	}
	return nil
}
