package ignore

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// parseTyped reads a pattern of the command line: doublestar's language, with git's "!" in front and "/" at the end.
// It is held against the path when it has a slash elsewhere, against the base name when not.
func parseTyped(pattern string) (rule, error) {
	glob, negated := strings.CutPrefix(pattern, "!")
	glob, dirs := strings.CutSuffix(glob, "/")
	inPath := strings.Contains(glob, "/")
	glob = strings.TrimPrefix(strings.TrimPrefix(glob, "./"), "/")
	switch {
	case glob == "":
		return rule{}, errors.New("an empty pattern: name a file or a directory")
	case !doublestar.ValidatePattern(glob):
		return rule{}, errors.New(`a [, { or \ is not completed: write \[, \{ or \\ to mean the character`)
	case alternatives(glob) > maxAlternatives:
		return rule{}, fmt.Errorf("braces that stand for over %d patterns: give several simpler ones", maxAlternatives)
	}
	for part := range strings.SplitSeq(glob, "/") {
		if part == "" || part == "." || part == ".." {
			return rule{}, fmt.Errorf("no path has a part %q: write it relative to the watched directory", part)
		}
	}
	return rule{glob: glob, negated: negated, dirs: dirs, inPath: inPath, typed: true}, nil
}

// maxAlternatives bounds the time that a pattern with braces takes: doublestar tries them one by one.
const maxAlternatives = 1000

// alternatives is how many patterns without braces a valid one stands for, or more.
func alternatives(glob string) int {
	n, open := 1, []int{}
	for _, c := range structure(glob) {
		switch last := len(open) - 1; c {
		case '{':
			open = append(open, 1)
		case ',':
			if last >= 0 {
				open[last]++
			}
		case '}':
			n = min(n*open[last], maxAlternatives+1)
			open = open[:last]
		}
	}
	return n
}

// structure yields the bytes of a valid pattern that stand outside of classes and behind no backslash.
func structure(glob string) iter.Seq2[int, byte] {
	return func(yield func(int, byte) bool) {
		class := false
		for i := 0; i < len(glob); i++ {
			switch c := glob[i]; {
			case c == '\\':
				i++
			case class:
				class = c != ']'
			case c == '[':
				class = true
			case !yield(i, c):
				return
			}
		}
	}
}
