package event

import (
	"math/bits"
	"strconv"
	"time"

	"github.com/evshell/ev/internal/span"
)

// A Value is one field's value. The zero Value is unknown: empty as text, null in JSON.
type Value struct {
	kind valueKind
	num  int64
	text string
	list []string
	time time.Time
	deep bool // only the first of several is a variable

	measured bool // a duration: its text is rounded
}

type valueKind uint8

const (
	unknown valueKind = iota
	text
	integer
	size
	boolean
	duration
	instant
	words
	paths
	repeated
)

// Text is a value that is any bytes.
func Text(s string) Value { return Value{kind: text, text: s} }

// Word is Text, or unknown if s is empty.
func Word(s string) Value {
	if s == "" {
		return Value{}
	}
	return Text(s)
}

// Int is a whole number.
func Int(n int64) Value { return Value{kind: integer, num: n} }

// Size is a number of bytes: as text with a unit, 11.2MiB.
func Size(n int64) Value { return Value{kind: size, num: n} }

// Bool is true or false.
func Bool(b bool) Value {
	v := Value{kind: boolean}
	if b {
		v.num = 1
	}
	return v
}

// Span is a length of time: seconds in JSON, 1h30m as text.
func Span(d time.Duration) Value { return Value{kind: duration, num: int64(d)} }

// Took is a Span that was measured: as text it is rounded, as a person wants to know it.
func Took(d time.Duration) Value { return Value{kind: duration, num: int64(d), measured: true} }

// Time is an instant: RFC 3339 with nanoseconds, in t's zone; unknown if t is zero.
func Time(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Value{kind: instant, time: t}
}

// Words is a list of words without commas; commas join them as text.
func Words(list []string) Value { return Value{kind: words, list: list} }

// Paths is a list of file names; newlines join them as text.
func Paths(list []string) Value { return Value{kind: paths, list: list} }

// Repeated is what a name has been given, once or more: a list in JSON if there are several, and
// the first of them as text. It is unknown if there is none.
func Repeated(list []string) Value {
	switch len(list) {
	case 0:
		return Value{}
	case 1:
		return Text(list[0])
	}
	return Value{kind: repeated, list: list}
}

// unknownList is a list of which nothing is known.
func unknownList() Value { return Value{list: []string{}} }

// isList reports whether the value is a list by its nature, and not by how often a name was given.
func (v Value) isList() bool {
	return v.kind == words || v.kind == paths || v.kind == unknown && v.list != nil
}

// several returns the values of a name that has more than one, each a variable of its own.
func (v Value) several() []string {
	if v.kind == repeated && !v.deep {
		return v.list
	}
	return nil
}

// Known reports whether the value is known.
func (v Value) Known() bool { return v.kind != unknown }

// String returns the value as text.
func (v Value) String() string {
	if v.kind == text {
		return v.text
	}
	return string(v.AppendText(nil))
}

// AppendText appends the value as it stands in a placeholder and in the environment, with nothing
// escaped.
func (v Value) AppendText(b []byte) []byte {
	switch v.kind {
	case text:
		return append(b, v.text...)
	case integer:
		return strconv.AppendInt(b, v.num, 10)
	case size:
		return appendSize(b, v.num)
	case boolean:
		return strconv.AppendBool(b, v.num != 0)
	case duration:
		if v.measured {
			return append(b, span.Rounded(time.Duration(v.num))...)
		}
		return span.Append(b, time.Duration(v.num))
	case instant:
		return v.time.AppendFormat(b, time.RFC3339Nano)
	case words:
		return appendList(b, v.list, ',')
	case paths:
		return appendList(b, v.list, '\n')
	case repeated:
		return append(b, v.list[0]...)
	case unknown:
	}
	return b
}

// AppendRecords appends the value as it stands in a file: as text, of a list of paths or lines each
// with sep after it.
func (v Value) AppendRecords(b []byte, sep byte) []byte {
	if v.kind != paths {
		return v.AppendText(b)
	}
	for _, s := range v.list {
		b = append(append(b, s...), sep)
	}
	return b
}

// appendSize appends a number of bytes with three digits at least, in the largest unit of which it
// has one.
func appendSize(b []byte, n int64) []byte {
	const units = "KMGTPE"
	unit := min((bits.Len64(uint64(n))-1)/10, len(units))
	if unit < 1 {
		return append(strconv.AppendInt(b, n, 10), 'B')
	}
	x := float64(n) / float64(int64(1)<<(10*unit))
	digits := 2
	if x >= 100 {
		digits = 0
	} else if x >= 10 {
		digits = 1
	}
	return append(append(strconv.AppendFloat(b, x, 'f', digits, 64), units[unit-1]), "iB"...)
}

func appendList(b []byte, list []string, sep byte) []byte {
	for i, s := range list {
		if i > 0 {
			b = append(b, sep)
		}
		b = append(b, s...)
	}
	return b
}
