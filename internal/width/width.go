// Package width says how many columns a terminal gives to a text.
package width

import "unicode"

// isWide tells the scripts and symbols that take two columns: East Asian Width W and F
// of Unicode's UAX #11, in whole blocks. Single wide symbols in blocks of narrow ones
// (U+231A, say) are taken for narrow.
func isWide(r rune) bool {
	switch {
	case r >= 0x1100 && r <= 0x115f, // Hangul's initial consonants
		r >= 0x2e80 && r <= 0x303e, // radicals, punctuation
		r >= 0x3041 && r <= 0xa4cf, // Kana, Hangul, Han, Yi
		r >= 0xa960 && r <= 0xa97f,
		r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff01 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x17000 && r <= 0x1b2ff, // Tangut, Khitan, more Kana
		r >= 0x1f300 && r <= 0x1f64f, // pictures
		r >= 0x1f680 && r <= 0x1f6ff,
		r >= 0x1f900 && r <= 0x1f9ff,
		r >= 0x1fa70 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd: // more Han
		return true
	}
	return false
}

// Rune returns how many columns a character takes: 0 if it joins the one before.
func Rune(r rune) int {
	switch {
	case r < 0x300: // the first that combines
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case isWide(r):
		return 2
	}
	return 1
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
