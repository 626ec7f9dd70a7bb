package span

import (
	"strconv"
	"time"
)

// Format writes d as [Parse] reads it back: 1h30m, 2.5s, 500ms, 1d12h, 0s; [Inf] is inf. Days are
// the largest unit.
func Format(d time.Duration) string {
	return string(Append(nil, d))
}

// Rounded is [Format] of d as a person wants to know it: in whole microseconds or milliseconds, tenths
// of a second from one second on, seconds from a minute on, and minutes from a day on.
func Rounded(d time.Duration) string {
	unit := time.Minute
	switch {
	case d < time.Microsecond:
		unit = time.Nanosecond
	case d < time.Millisecond:
		unit = time.Microsecond
	case d < time.Second:
		unit = time.Millisecond
	case d < time.Minute:
		unit = time.Second / 10
	case d < day:
		unit = time.Second
	}
	return Format(d.Round(unit))
}

// Append is [Format] onto the end of b.
func Append(b []byte, d time.Duration) []byte {
	if d == Inf {
		return append(b, "inf"...)
	}
	n := uint64(d)
	if d < 0 {
		b = append(b, '-')
		n = -n
	}
	start := len(b)
	for _, u := range [...]struct {
		unit uint64
		name byte
	}{{uint64(day), 'd'}, {uint64(time.Hour), 'h'}, {uint64(time.Minute), 'm'}} {
		if n >= u.unit {
			b = append(strconv.AppendUint(b, n/u.unit, 10), u.name)
			n %= u.unit
		}
	}
	switch {
	case n == 0 && len(b) > start:
		return b
	case n == 0 || n >= uint64(time.Second) || len(b) > start:
		return append(appendDecimal(b, n, uint64(time.Second)), 's')
	case n >= uint64(time.Millisecond):
		return append(appendDecimal(b, n, uint64(time.Millisecond)), "ms"...)
	case n >= uint64(time.Microsecond):
		return append(appendDecimal(b, n, uint64(time.Microsecond)), "us"...)
	}
	return append(strconv.AppendUint(b, n, 10), "ns"...)
}

// appendDecimal writes n/unit without trailing zeros; unit is a power of ten.
func appendDecimal(b []byte, n, unit uint64) []byte {
	b = strconv.AppendUint(b, n/unit, 10)
	n %= unit
	if n == 0 {
		return b
	}
	b = append(b, '.')
	for n > 0 {
		unit /= 10
		b = append(b, byte('0'+n/unit))
		n %= unit
	}
	return b
}
