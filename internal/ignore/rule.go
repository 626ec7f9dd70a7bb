package ignore

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// rule is one pattern, ready to be matched.
type rule struct {
	head, glob, tail string // see compile
	negated          bool   // brings back what an earlier rule ignores
	dirs             bool   // counts for directories only
	inPath           bool   // held against the path, not the base name
	typed            bool   // glob is doublestar's own language: runes, braces
	line             int    // where it stands in its file
	text             string // as it was written
}

// list is the rules of one place, the last one first in importance.
type list struct {
	place
	file  string // "" for --ignore
	rules []rule
	fold  bool  // letters match in either case
	next  *list // the list that is asked when this one says nothing
}

// place is the directory that patterns are relative to.
type place struct {
	cut   int    // how much of a path below the root leads to it
	above string // when it is above the root, the way from it to the root, with a slash at the end
}

// find returns the rule that decides about a path in this list or, when none does, in the next
// ones; else nil.
func (l *list) find(path, base string, dir bool) *rule {
	r, _ := l.locate(path, base, dir)
	return r
}

// locate is find, and tells the list that has the rule.
func (l *list) locate(path, base string, dir bool) (*rule, *list) {
	for ; l != nil; l = l.next {
		path, base := path, base
		if l.fold {
			path, base = lower(path), lower(base)
		}
		local := ""
		for i := len(l.rules) - 1; i >= 0; i-- {
			r := &l.rules[i]
			if r.dirs && !dir {
				continue
			}
			name := base
			if r.inPath {
				if local == "" {
					local = l.above + path[l.cut:]
				}
				name = local
			}
			if r.matches(name) {
				return r, l
			}
		}
	}
	return nil, nil
}

func (r *rule) matches(name string) bool {
	if r.glob == "" {
		return name == r.head
	}
	if len(name) < len(r.head)+len(r.tail) || !strings.HasPrefix(name, r.head) || !strings.HasSuffix(name, r.tail) {
		return false
	}
	name = name[len(r.head) : len(name)-len(r.tail)]
	switch {
	case r.glob == "*" && !r.inPath:
		return true
	case r.typed:
		return doublestar.MatchUnvalidated(r.glob, name)
	}
	return doublestar.MatchUnvalidated(r.glob, widen(name))
}

// parseRules reads an ignore file in git's format (gitignore(5)). A pattern that can never match is
// left out and passed to bad with the number of its line.
func parseRules(text []byte, fold bool, bad func(line int, err error)) []rule {
	var rules []rule
	n := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		n++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		line, _, _ = bytes.Cut(line, []byte{0}) // as C reads it
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		pattern := trimSpaces(string(line))
		r, err := parseRule(pattern, fold)
		switch {
		case err != nil:
			bad(n, fmt.Errorf("%q never matches: %w", pattern, err))
		case r.head+r.glob != "":
			r.line, r.text = n, pattern
			rules = append(rules, r)
		}
	}
	return rules
}

func parseRule(pattern string, fold bool) (r rule, err error) {
	pattern, r.negated = strings.CutPrefix(pattern, "!")
	pattern, r.dirs = strings.CutSuffix(pattern, "/")
	r.inPath = strings.Contains(pattern, "/")
	pattern = strings.TrimPrefix(pattern, "/")
	// At any depth is what a base name says as well, and faster.
	if name, ok := strings.CutPrefix(strings.TrimLeft(pattern, "*"), "/"); ok && strings.HasPrefix(pattern, "**") &&
		!strings.Contains(name, "/") {
		pattern, r.inPath = name, false
	}
	r.head, r.glob, r.tail, err = compile(pattern, r.inPath, fold)
	return r, err
}

// trimSpaces takes the blanks off the end of a line, but one that stands behind a backslash.
func trimSpaces(line string) string {
	kept := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		kept = i + 1
	}
	return line[:min(kept, len(line))]
}
