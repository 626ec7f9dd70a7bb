// Package width says how many columns a terminal gives to a text.
package width

import (
	"iter"

	"github.com/clipperhouse/displaywidth"
)

// String returns how many columns a text without control characters takes: what joins the character
// before takes none, what is wide in East Asia two, and so does an emoji, of however many code points
// (Unicode's UAX #11 and UTS #51).
func String(s string) int { return displaywidth.String(s) }

// Characters yields the characters of a text as a reader counts them (grapheme clusters, UAX #29),
// each with its columns.
func Characters(s string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for g := displaywidth.StringGraphemes(s); g.Next(); {
			if !yield(g.Value(), g.Width()) {
				return
			}
		}
	}
}

// Cut returns the beginning of a text that has room in so many columns.
func Cut(s string, columns int) string {
	end := 0
	for character, w := range Characters(s) {
		if columns -= w; columns < 0 {
			break
		}
		end += len(character)
	}
	return s[:end]
}
