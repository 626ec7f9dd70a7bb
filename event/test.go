package event

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/span"
)

// A Test is a question to an event, that holds for it or does not: --if.
type Test struct {
	Field string

	op     string
	text   string
	regexp *regexp.Regexp
	number float64
	span   time.Duration
	counts bool // number is one
	lasts  bool // span is one
}

// A Tester is a Detail of which a Test sees another value than a reader does.
type Tester interface {
	// Tested returns the value of such a field.
	Tested(name string) (Value, bool)
}

// ParseTest reads FIELD=TEXT, FIELD!=TEXT, FIELD~REGEXP, FIELD!~REGEXP, a comparison FIELD<N with
// <, <=, > or >=, or a FIELD alone. An error knows its place in s ([diag.Offset]).
func ParseTest(s string) (t Test, err error) {
	at := strings.IndexAny(s, "=!~<>")
	if at < 0 {
		at = len(s)
	}
	if t.Field = s[:at]; t.Field == "" {
		return t, errors.New("write a field first, as in status!=0")
	}
	rest := s[at:]
	for _, op := range []string{"!=", "!~", "<=", ">=", "=", "~", "<", ">", ""} {
		if strings.HasPrefix(rest, op) {
			t.op, t.text = op, rest[len(op):]
			break
		}
	}
	switch t.op {
	case "":
		if rest != "" {
			return t, diag.At(at, errors.New("! stands before = or ~"))
		}
	case "~", "!~":
		if t.regexp, err = regexp.Compile(t.text); err != nil {
			return t, diag.At(at+len(t.op), err)
		}
	case "<", "<=", ">", ">=":
		t.number, t.counts = parseNumber(t.text)
		if t.span, err = span.Parse(t.text); err == nil {
			t.lasts = true
		} else if !t.counts {
			return t, diag.At(at+len(t.op), fmt.Errorf("%s compares with a number, a size or a span, as in 10, 4k, 1h30m, not with %q", t.op, t.text))
		}
	}
	return t, nil
}

// parseNumber reads a number, or a size: 4096, 64k, 1MiB.
func parseNumber(s string) (float64, bool) {
	lower := strings.ToLower(s)
	digits := strings.TrimRight(lower, "kmgtib")
	shift, ok := map[string]int{"": 0, "b": 0, "k": 10, "kib": 10, "m": 20, "mib": 20, "g": 30, "gib": 30, "t": 40, "tib": 40}[lower[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	return n * float64(int64(1)<<shift), err == nil && ok
}

// Holds reports whether the test does for an event. For a list it does if it does for one of it;
// for what is unknown, only FIELD= does.
func (t Test) Holds(e Event) bool {
	var v Value
	found := false
	if d, ok := e.Detail.(Tester); ok {
		v, found = d.Tested(t.Field)
	}
	if !found {
		v, _ = e.Lookup(t.Field)
	}
	if !v.Known() {
		return t.op == "=" && t.text == ""
	}
	switch v.kind {
	case words, paths, repeated:
		for _, one := range v.list {
			if t.holds(Text(one)) {
				return true
			}
		}
		return len(v.list) == 0 && t.op == "=" && t.text == ""
	case unknown, text, integer, size, boolean, duration, instant:
	}
	return t.holds(v)
}

func (t Test) holds(v Value) bool {
	switch t.op {
	case "":
		return v.String() != ""
	case "=":
		return matches(t.text, v.String())
	case "!=":
		return !matches(t.text, v.String())
	case "~":
		return t.regexp.MatchString(v.String())
	case "!~":
		return !t.regexp.MatchString(v.String())
	}
	order, ok := t.compare(v)
	if !ok {
		return false
	}
	switch t.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// compare tells whether a value is less than what it is compared with, as much, or more.
func (t Test) compare(v Value) (order int, ok bool) {
	switch v.kind {
	case integer, size:
		return compare(float64(v.num), t.number), t.counts
	case duration:
		return compare(v.num, int64(t.span)), t.lasts
	case unknown, text, boolean, instant, words, paths, repeated:
	}
	if n, err := strconv.ParseFloat(v.String(), 64); err == nil && t.counts {
		return compare(n, t.number), true
	}
	if d, err := span.Parse(v.String()); err == nil && t.lasts {
		return compare(d, t.span), true
	}
	return 0, false
}

func compare[T float64 | int64 | time.Duration](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// matches reports whether a text is what a pattern of a shell says, in which * is any text and ?
// any character.
func matches(pattern, s string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == s
	}
	p, r := []rune(pattern), []rune(s)
	star, mark := -1, 0 // the last *, and what it has taken up to
	i, k := 0, 0
	for k < len(r) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, k
			i++
		case i < len(p) && (p[i] == '?' || p[i] == r[k]):
			i, k = i+1, k+1
		case star >= 0:
			mark++
			i, k = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}
