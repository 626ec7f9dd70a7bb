package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A cronSet is what one field of a cron line means.
type cronSet struct {
	values uint64
	star   bool // begins with * or ?, which for the day fields means: not given
	open   bool // has an open step, 5/15
	normal string

	lonelyStep int // a step that is larger than its range
}

func (s *cronSet) wildcard() bool { return s.star || s.open }

// A cronParser reads one field. What a set of numbers cannot say (L, W, #) goes straight to days.
type cronParser struct {
	text  string
	field *cronField
	days  *daySet
	seed  string // of H
}

func (p *cronParser) parse(w word) (cronSet, error) {
	var set cronSet
	var normals []string
	pos := w.pos
	for i, item := range strings.Split(w.text, ",") {
		normal, err := p.item(&set, word{item, pos})
		if err != nil {
			return set, err
		}
		if i == 0 {
			set.star = strings.HasPrefix(normal, "*")
		}
		normals = append(normals, normal)
		pos += len(item) + 1
	}
	set.normal = strings.Join(normals, ",")
	return set, nil
}

// item reads one item of a list, adds it to set and returns its normal form.
func (p *cronParser) item(set *cronSet, w word) (normal string, err error) {
	if w.text == "" {
		return "", p.fail(w, "an item of the list is empty")
	}
	if normal, ok, err := p.special(w); ok || err != nil {
		return normal, err
	}
	body, stepText, hasStep := strings.Cut(w.text, "/")
	step := 1
	if hasStep {
		at := word{stepText, w.pos + len(body) + 1}
		if step, err = p.number(at); err != nil {
			return "", err
		}
		if step == 0 {
			return "", &Error{Text: p.text, Pos: at.pos, Msg: p.field.name + ": a step of 0 goes nowhere", Hint: "a step is 1 or more"}
		}
	}
	from, to := p.field.min, p.field.max
	open := false
	switch {
	case body == "*" || body == "?" && !hasStep:
		normal = "*"
	case strings.HasPrefix(body, "H"):
		if from, to, err = p.hashed(word{body, w.pos}, step, hasStep); err != nil {
			return "", err
		}
		open = body == "H" && hasStep
	default:
		low, high, isRange := strings.Cut(body, "-")
		if from, err = p.value(word{low, w.pos}); err != nil {
			return "", err
		}
		switch {
		case isRange:
			if to, err = p.value(word{high, w.pos + len(low) + 1}); err != nil {
				return "", err
			}
		case hasStep:
			open = true
		default:
			to = from
		}
	}
	length := to - from // of a range that goes round, mon-sun or 22-2, too
	if length < 0 {
		length += p.field.size()
	}
	if hasStep && step > length && step > 1 {
		set.lonelyStep = step
	}
	for n := 0; n <= length; n += step {
		set.values |= 1 << (p.field.min + (from+n-p.field.min)%p.field.size())
	}
	set.open = set.open || open
	switch {
	case normal != "":
	case open:
		normal = strconv.Itoa(from)
	case from == to && !hasStep:
		normal = strconv.Itoa(p.field.min + (from-p.field.min)%p.field.size())
	default:
		normal = fmt.Sprintf("%d-%d", from, to)
	}
	if hasStep {
		normal = fmt.Sprintf("%s/%d", normal, step)
	}
	return normal, nil
}

// special reads L, L-3, LW and 15W as a day of month, 5L and mon#2 as a weekday.
func (p *cronParser) special(w word) (normal string, ok bool, err error) {
	upper := strings.ToUpper(w.text)
	switch p.field.name {
	case "day of month":
		before, isNearest := strings.CutSuffix(upper, "W")
		back, isLast := strings.CutPrefix(upper, "L-")
		switch {
		case upper == "L":
			p.days.fromEnd |= 1 << 1
		case upper == "LW":
			p.days.nearest |= 1
		case isNearest:
			n, err := p.value(word{before, w.pos})
			if err != nil {
				return "", false, err
			}
			p.days.nearest |= 1 << n
			upper = strconv.Itoa(n) + "W"
		case isLast:
			n, err := p.number(word{back, w.pos + 2})
			if err != nil || n < 1 || n > 30 {
				return "", false, p.fail(w, "L-1 to L-30 are the days before the last")
			}
			p.days.fromEnd |= 1 << (n + 1)
			upper = "L-" + strconv.Itoa(n)
		default:
			return "", false, nil
		}
		return upper, true, nil
	case "weekday":
		before, isLast := strings.CutSuffix(upper, "L")
		day, nth, isNth := strings.Cut(upper, "#")
		switch {
		case upper == "L":
			return "", false, p.fail(w, "L needs a weekday before it, 5L")
		case isLast:
			weekday, err := p.value(word{before, w.pos})
			if err != nil {
				return "", false, err
			}
			p.days.nth[weekday%7] |= 1
			return strconv.Itoa(weekday%7) + "L", true, nil
		case isNth:
			weekday, err := p.value(word{day, w.pos})
			if err != nil {
				return "", false, err
			}
			if len(nth) != 1 || nth[0] < '1' || nth[0] > '5' {
				return "", false, p.fail(word{nth, w.pos + len(day) + 1}, "a month has the first to the fifth of a weekday, #1 to #5")
			}
			p.days.nth[weekday%7] |= 1 << (nth[0] - '0')
			return strconv.Itoa(weekday%7) + "#" + nth, true, nil
		}
	}
	return "", false, nil
}

// hashed resolves H, H/15 and H(0-29): a value that depends on the seed, within the range or, with
// a step, within the first step of it. Days of month stop at the 28th, so that each month has one.
func (p *cronParser) hashed(w word, step int, hasStep bool) (from, to int, err error) {
	from, to = p.field.min, p.field.max
	if p.field.name == "day of month" {
		to = 28
	}
	if w.text != "H" {
		inner, ok := strings.CutPrefix(w.text, "H(")
		inner, closed := strings.CutSuffix(inner, ")")
		low, high, isRange := strings.Cut(inner, "-")
		if !ok || !closed || !isRange {
			return 0, 0, p.fail(w, "H is written H, H/15, H(0-29) or H(0-29)/10")
		}
		if from, err = p.value(word{low, w.pos + 2}); err != nil {
			return 0, 0, err
		}
		if to, err = p.value(word{high, w.pos + 3 + len(low)}); err != nil {
			return 0, 0, err
		}
		if to < from {
			return 0, 0, p.fail(w, "a range of H goes upwards")
		}
	}
	choice := to - from + 1
	if hasStep {
		choice = min(choice, step)
	}
	from += int(hash(p.seed) % uint64(choice))
	if !hasStep {
		to = from
	}
	return from, to, nil
}

// value reads a number or a name of the field. Sunday is 0 and 7.
func (p *cronParser) value(w word) (int, error) {
	for i, name := range p.field.names {
		if strings.EqualFold(w.text, name) {
			return p.field.min + i, nil
		}
	}
	for _, name := range p.field.names {
		if isFull(w.text) && strings.EqualFold(w.text[:3], name) {
			e := p.fail(w, fmt.Sprintf("%q is no value", w.text))
			e.Hint = "names have three letters: " + name
			return 0, e
		}
	}
	n, err := p.number(w)
	if err != nil {
		return 0, err
	}
	if n < p.field.min || n > p.field.max && (n != 7 || p.field.name != "weekday") {
		return 0, p.fail(w, fmt.Sprintf("%d is out of range", n))
	}
	return n, nil
}

// isFull tells the whole name of a weekday or a month.
func isFull(name string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(name, d.String()) {
			return true
		}
	}
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(name, m.String()) {
			return true
		}
	}
	return false
}

func (p *cronParser) number(w word) (int, error) {
	if w.text == "" {
		return 0, p.fail(w, "a value is missing")
	}
	for i := range len(w.text) {
		if w.text[i] < '0' || w.text[i] > '9' {
			return 0, p.fail(w, fmt.Sprintf("%q is no value", w.text))
		}
	}
	if len(w.text) > 4 {
		return 0, p.fail(w, w.text+" is out of range")
	}
	return strconv.Atoi(w.text)
}

// fail names the field, what is wrong with w, and what is allowed.
func (p *cronParser) fail(w word, msg string) *Error {
	return &Error{Text: p.text, Pos: w.pos, Msg: p.field.name + ": " + msg, Hint: "allowed are " + p.field.allowed()}
}
