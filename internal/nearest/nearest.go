// Package nearest finds what a mistyped word was meant to be.
package nearest

import (
	"iter"
	"strings"
)

// Of returns the candidate nearest to word, and false if none is near enough to be worth a
// suggestion. Case does not count. Near is an edit distance (a letter more, less, other, or two
// swapped) of at most a third of the word, rounded, never over three; a candidate that begins with
// word is near too. Of equally near ones the first wins.
func Of(word string, candidates iter.Seq[string]) (string, bool) {
	w := []rune(strings.ToLower(word))
	if len(w) < 2 {
		return "", false
	}
	limit := min((len(w)+1)/3, 3)
	best, bestDistance := "", -1
	for candidate := range candidates {
		c := []rune(strings.ToLower(candidate))
		d := distance(w, c)
		near := d <= limit || strings.HasPrefix(string(c), string(w))
		if near && (bestDistance < 0 || d < bestDistance) {
			best, bestDistance = candidate, d
		}
	}
	return best, bestDistance >= 0
}

// distance is the number of insertions, deletions, substitutions and swaps of neighbours that turn
// a into b (Damerau-Levenshtein, optimal string alignment).
func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range b {
			substitute := above[j]
			if a[i] != b[j] {
				substitute++
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, substitute)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
