package ignore

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/evshell/ev/internal/diag"
)

// parseTyped reads a pattern of the command line: doublestar's language, with git's "!" in front
// and "/" at the end. It is held against the path when it has a slash elsewhere, against the base
// name when not.
func parseTyped(pattern string) (rule, error) {
	glob, negated := strings.CutPrefix(pattern, "!")
	glob, dirs := strings.CutSuffix(glob, "/")
	inPath := strings.Contains(glob, "/")
	glob = strings.TrimPrefix(strings.TrimPrefix(glob, "./"), "/")
	given, at := glob, len(strings.TrimSuffix(pattern, "/"))-len(glob)
	glob = expandClasses(glob)
	if below, ok := strings.CutSuffix(glob, "/**"); ok && below != "" && below != "**" {
		glob += "/*" // doublestar's "a/**" takes in a
	}
	switch {
	case glob == "":
		return rule{}, errors.New("an empty pattern: name a file or a directory")
	case !doublestar.ValidatePattern(glob):
		return rule{}, errors.New(`a [, { or \ is not completed: write \[, \{ or \\ to mean the character`)
	case alternatives(glob) > maxAlternatives:
		return rule{}, fmt.Errorf("braces that stand for over %d patterns: give several simpler ones", maxAlternatives)
	}
	for part := range strings.SplitSeq(given, "/") {
		if part == "" || part == "." || part == ".." {
			return rule{}, diag.At(at, fmt.Errorf("no path has a part %q: write it relative to the watched directory", part))
		}
		at += len(part + "/")
	}
	return rule{glob: glob, negated: negated, dirs: dirs, inPath: inPath, typed: true}, nil
}

// maxAlternatives bounds the time that a pattern with braces takes: doublestar tries them one by
// one.
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

// structure yields the bytes of a valid pattern that stand outside of classes and behind no
// backslash.
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

// expandClasses writes out the classes of POSIX that doublestar does not know: [[:digit:]]. One
// that there is not stays, and so does what stands outside of brackets.
func expandClasses(glob string) string {
	if !strings.Contains(glob, "[:") {
		return glob
	}
	var out strings.Builder
	open := false
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\' && i+1 < len(glob):
			out.WriteByte(c)
			i++
		case open && c == '[' && i+1 < len(glob) && glob[i+1] == ':':
			name, _, closed := strings.Cut(glob[i+2:], ":]")
			member := posix(name, false)
			if !closed || member == nil {
				break
			}
			var set [256]bool
			for b := range 0x80 {
				set[b] = b != '/' && b != 0 && member(byte(b))
			}
			class := formatClass(&set)
			out.WriteString(class[1 : len(class)-1])
			i += len("[:") + len(name) + len(":]") - 1
			continue
		case c == '[':
			open = true
		case c == ']':
			open = false
		}
		out.WriteByte(glob[i])
	}
	return out.String()
}

// local makes a pattern relative to the watched directory, if it names that: the absolute path
// always, the path as it was given if there is no such path below it.
func (m *Matcher) local(pattern string) string {
	glob, negated := strings.CutPrefix(pattern, "!")
	rest, ok := strings.CutPrefix(glob, absolute(m.root)+"/")
	if !ok && m.root != "." && m.root != "/" {
		root := strings.TrimPrefix(m.root, "./")
		if rest, ok = strings.CutPrefix(strings.TrimPrefix(glob, "./"), root+"/"); ok {
			_, err := os.Lstat(filepath.Join(m.root, root))
			ok = err != nil
		}
	}
	switch {
	case !ok || rest == "":
		return pattern
	case negated:
		return "!/" + rest
	}
	return "/" + rest
}

// asGiven is an error of a pattern as one of the pattern as it was given, whose end is the same:
// its place is another.
func asGiven(given, pattern string, err error) error {
	if at := diag.Offset(err); at > 0 {
		return diag.At(at+len(given)-len(pattern), err)
	}
	return err
}

// noise says whose a temporary name is that comes and goes beside what is saved or copied; "" if it
// is none.
func noise(base string) string {
	last := len(base) - 1
	switch {
	case last < 1:
		return ""
	case base[last] == '~':
		return "an editor's backup (*~)"
	case base[0] == '#' && base[last] == '#':
		return "Emacs's auto-save file (#*#)"
	case strings.HasPrefix(base, ".#"):
		return "Emacs's lock (.#*)"
	case base[0] == '.' && last > 3 && base[last-3:last] == ".sw":
		return "Vim's swap file (.*.sw?)"
	case strings.HasSuffix(base, ".tmp") && (strings.HasPrefix(base, ".syncthing.") || strings.HasPrefix(base, "~syncthing~")):
		return "Syncthing's temporary file (.syncthing.*.tmp)"
	case isRsync(base):
		return "rsync's temporary file (.*.XXXXXX)"
	}
	return ""
}

// isRsync reports whether rsync(1), or mkstemp(3), made a name: a dot in front, and six letters and
// digits behind it. What has small letters alone is more likely a word: .env.sample.
func isRsync(base string) bool {
	i := strings.LastIndexByte(base, '.')
	if base[0] != '.' || i < 1 || len(base)-i-1 != 6 {
		return false
	}
	word := true
	for _, c := range []byte(base[i+1:]) {
		alnum := '0' <= c && c <= '9' || 'a' <= lowerByte(c) && lowerByte(c) <= 'z'
		if !alnum {
			return false
		}
		word = word && 'a' <= c && c <= 'z'
	}
	return !word
}
