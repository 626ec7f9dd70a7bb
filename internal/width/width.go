// Package width says how many columns a terminal gives to a text.
package width

import (
	"unicode"

	"golang.org/x/text/width"
)

// Rune returns how many columns a character takes: 0 if it joins the one before, 2 if its East
// Asian Width is W or F (Unicode's UAX #11).
func Rune(r rune) int {
	switch {
	case r < 0x300: // the first that combines
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// String returns how many columns a text without control characters takes.
func String(s string) int {
	n := 0
	for _, r := range s {
		n += Rune(r)
	}
	return n
}

// Cut returns the beginning of a text that has room in so many columns.
func Cut(s string, columns int) string {
	for i, r := range s {
		if columns -= Rune(r); columns < 0 {
			return s[:i]
		}
	}
	return s
}
