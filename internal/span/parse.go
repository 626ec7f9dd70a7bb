// Package span reads and writes lengths of time as people type them.
//
// A span is a sequence of numbers with units, with or without spaces between them: 500ms, 1h30m, 2h
// 30min, 1.5d. A last (or only) number without a unit counts seconds, as in sleep(1) and libev. ISO
// 8601 durations made of weeks, days, hours, minutes and seconds (P1DT12H, PT1H30M) are read too.
// Units are case-sensitive, since M is a month elsewhere. Months and years have no fixed length and
// are refused, as are negative numbers, NaN and whatever does not fit into a time.Duration (292
// years). Digits beyond the nanosecond are cut off.
package span

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/evshell/ev/internal/diag"
)

// Inf stands for "no limit": the longest time.Duration there is.
const Inf = time.Duration(math.MaxInt64)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// maxText is longer than any span one would write.
const maxText = 1000

var errTooLong = errors.New("it is longer than the 292 years that can be counted in nanoseconds")

// Parse reads a span that has an end. What is more than 0 is at least 1 ns. An error wraps the
// reason, which does not repeat s and knows its place in it ([diag.Offset]).
func Parse(s string) (time.Duration, error) {
	d, _, err := parse(s)
	return d, err
}

// ParseLimit is Parse where "inf" and "infinity" make sense: they give [Inf].
func ParseLimit(s string) (time.Duration, error) {
	if isInf(strings.TrimSpace(s)) {
		return Inf, nil
	}
	return Parse(s)
}

// Sum reads each of args and adds them up, as sleep(1) does with its operands.
func Sum(args []string) (time.Duration, error) {
	var sum time.Duration
	for _, arg := range args {
		d, err := Parse(arg)
		if err != nil {
			return 0, err
		}
		if d > Inf-1-sum {
			return 0, invalid(strings.Join(args, " "), errTooLong)
		}
		sum += d
	}
	return sum, nil
}

// Days tells whether s is written in whole days and weeks only (1d, 2w, 1w 3d, P2W), and how many
// days they are. Such a span can be counted on a calendar, where a day may have 23 or 25 hours; 24h
// cannot.
func Days(s string) (n int, ok bool) {
	d, smallest, err := parse(s)
	if err != nil || smallest < day || d == 0 || d%day != 0 {
		return 0, false
	}
	return int(d / day), true
}

// parse also tells the smallest unit that was written.
func parse(s string) (total, smallest time.Duration, err error) {
	text := strings.TrimSpace(s)
	text = strings.TrimPrefix(text, "+")
	switch {
	case len(text) > maxText:
		return 0, 0, invalid(s, fmt.Errorf("it is longer than %d bytes", maxText))
	case text == "":
		return 0, 0, invalid(s, errors.New("it is empty; write 5s, 500ms, 1h30m"))
	case strings.HasPrefix(text, "-") || strings.HasPrefix(text, "−"):
		return 0, 0, invalid(s, errors.New("a duration cannot be negative"))
	case isInf(text):
		return 0, 0, invalid(s, errors.New("inf is not possible here: write a duration such as 1h30m"))
	case strings.EqualFold(text, "nan"):
		return 0, 0, invalid(s, errors.New("it is not a number; write 5s, 500ms, 1h30m"))
	}
	sc := scanner{rest: text, end: strings.LastIndex(s, text) + len(text), smallest: Inf}
	if strings.HasPrefix(text, "P") {
		err = sc.iso()
	} else {
		err = sc.units()
	}
	if err != nil {
		return 0, 0, invalid(s, err)
	}
	if sc.positive {
		sc.total = max(sc.total, 1) // 0 would mean something else
	}
	return sc.total, sc.smallest, nil
}

func isInf(s string) bool {
	return strings.EqualFold(s, "inf") || strings.EqualFold(s, "infinity")
}

// invalid quotes no more of the text than fits on a line.
func invalid(s string, reason error) error {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return fmt.Errorf("bad duration %q: %w", s, reason)
}

// A scanner reads a span from rest and adds it up in total.
type scanner struct {
	rest     string
	end      int // of rest, in what was given
	total    time.Duration
	smallest time.Duration
	positive bool // some number was not 0
}

// pos is where rest begins, in what was given.
func (sc *scanner) pos() int { return sc.end - len(sc.rest) }

func (sc *scanner) units() error {
	for sc.rest != "" {
		begin := sc.pos()
		n, err := sc.number()
		if err != nil {
			return err
		}
		sc.rest = strings.TrimLeft(sc.rest, " \t")
		end := strings.IndexAny(sc.rest, " \t+-.,:0123456789")
		if end < 0 {
			end = len(sc.rest)
		}
		name, at := sc.rest[:end], sc.pos()
		sc.rest = strings.TrimLeft(sc.rest[end:], " \t")
		if name == "" && sc.rest != "" {
			return diag.At(sc.pos(), missingUnit(sc.rest))
		}
		unit, err := unitOf(name)
		if err != nil {
			return diag.At(at, err)
		}
		if err := sc.add(n, unit); err != nil {
			return diag.At(begin, err)
		}
	}
	return nil
}

func missingUnit(rest string) error {
	switch rest[0] {
	case ':':
		return errors.New("hours and minutes are written 5h30m, minutes and seconds 5m30s")
	case ',':
		return errors.New("the decimal sign is a point, 1.5s")
	}
	return fmt.Errorf("only the last number may go without a unit; give one before %q", rest)
}

// iso reads P[nW][nD][T[nH][nM][nS]] (ISO 8601-1, 5.5.2).
func (sc *scanner) iso() error {
	date, clock, hasClock := strings.Cut(sc.rest[1:], "T")
	if date == "" && clock == "" || hasClock && clock == "" {
		return errors.New("nothing follows; an ISO 8601 duration looks like PT1H30M or P1D")
	}
	end, begin := sc.end, sc.pos()+len("P")
	sc.rest, sc.end = date, begin+len(date)
	if err := sc.designated("YMWD", 0, 0, week, day); err != nil {
		return err
	}
	sc.rest, sc.end = clock, end
	return sc.designated("HMS", time.Hour, time.Minute, time.Second)
}

// designated reads numbers that are each followed by one of letters, in their order. A unit of 0
// has no fixed length.
func (sc *scanner) designated(letters string, units ...time.Duration) error {
	for sc.rest != "" {
		begin := sc.pos()
		n, err := sc.number()
		if err != nil {
			return err
		}
		if sc.rest == "" {
			return diag.At(sc.pos(), fmt.Errorf("a letter out of %s is missing at its end", letters))
		}
		i := strings.IndexByte(letters, sc.rest[0])
		if i < 0 {
			return diag.At(sc.pos(), fmt.Errorf("%q is out of place; an ISO 8601 duration looks like P1W2DT3H4M5S", sc.rest))
		}
		if units[i] == 0 {
			return diag.At(sc.pos(), noFixedLength(map[byte]string{'Y': "year", 'M': "month"}[letters[i]]))
		}
		if err := sc.add(n, units[i]); err != nil {
			return diag.At(begin, err)
		}
		sc.rest, letters, units = sc.rest[1:], letters[i+1:], units[i+1:]
	}
	return nil
}

func (sc *scanner) add(n decimal, unit time.Duration) error {
	d, ok := n.times(unit)
	if !ok || d > Inf-1-sc.total {
		return errTooLong
	}
	sc.total += d
	sc.positive = sc.positive || strings.Trim(n.digits, "0") != ""
	sc.smallest = min(sc.smallest, unit)
	return nil
}

// number takes digits with an optional fraction and, as sleep(1) has it, an optional exponent.
func (sc *scanner) number() (decimal, error) {
	begin := sc.pos()
	whole := sc.digits()
	fraction := ""
	if strings.HasPrefix(sc.rest, ".") {
		sc.rest = sc.rest[1:]
		fraction = sc.digits()
	}
	if whole == "" && fraction == "" {
		return decimal{}, diag.At(begin, fmt.Errorf("a number is missing before %q", sc.rest))
	}
	return decimal{digits: whole + fraction, point: len(whole) + sc.exponent()}, nil
}

func (sc *scanner) digits() string {
	i := 0
	for i < len(sc.rest) && '0' <= sc.rest[i] && sc.rest[i] <= '9' {
		i++
	}
	digits := sc.rest[:i]
	sc.rest = sc.rest[i:]
	return digits
}

// exponent takes e, a sign and digits; without them all, it takes nothing. It is capped where the
// value is 0 or too long whatever the digits say.
func (sc *scanner) exponent() int {
	before := sc.rest
	rest, ok := strings.CutPrefix(before, "e")
	if !ok {
		return 0
	}
	sign := 1
	if r, ok := strings.CutPrefix(rest, "-"); ok {
		rest, sign = r, -1
	} else {
		rest = strings.TrimPrefix(rest, "+")
	}
	sc.rest = rest
	digits := sc.digits()
	if digits == "" {
		sc.rest = before
		return 0
	}
	e := 0
	for i := range len(digits) {
		e = min(e*10+int(digits[i]-'0'), 2*maxText)
	}
	return sign * e
}

// A decimal is the number 0.digits shifted left by point places.
type decimal struct {
	digits string
	point  int
}

// times multiplies exactly, cutting off below the nanosecond. It is false if the product is too
// long.
func (n decimal) times(unit time.Duration) (time.Duration, bool) {
	var whole, fraction int64
	for i := range n.point {
		var digit int64
		if i < len(n.digits) {
			digit = int64(n.digits[i] - '0')
		}
		if whole > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		whole = whole*10 + digit
	}
	// From the last place to the first: a quotient cut off at each place is the exact one cut off
	// at the end.
	for i := len(n.digits) - 1; i >= max(n.point, 0); i-- {
		fraction = (fraction + int64(n.digits[i]-'0')*int64(unit)) / 10
	}
	for i := n.point; i < 0 && fraction > 0; i++ {
		fraction /= 10
	}
	if whole > (math.MaxInt64-fraction)/int64(unit) {
		return 0, false
	}
	return time.Duration(whole*int64(unit) + fraction), true
}
