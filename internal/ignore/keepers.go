package ignore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evshell/ev/internal/diag"
)

// keepers are what --ext and --glob ask for. With none, every path is wanted; otherwise one of them
// has to want it.
type keepers struct {
	suffixes []string
	foldExts bool
	globs    []keeper
}

type keeper struct {
	rule
	fold   bool     // case does not matter
	dotted bool     // its last part names a leading dot
	ways   []keeper // match the directories that lead to what the rule matches; none: any directory may
}

// newKeepers reads what is asked for. local makes a pattern relative to the watched directory.
func newKeepers(local func(string) string, o Options) (keepers, error) {
	k := keepers{foldExts: o.FoldExts}
	for _, given := range o.Exts {
		ext := strings.TrimPrefix(given, ".")
		if ext == "" || strings.ContainsAny(ext, `*?[]{}\/,`) {
			return k, diag.Option("Exts", given, fmt.Errorf("--ext %q: no extension: write go or .go, and patterns with --glob", ext))
		}
		if o.FoldExts {
			ext = strings.ToLower(ext)
		}
		k.suffixes = append(k.suffixes, "."+ext)
	}
	for i, glob := range slices.Concat(o.Globs, o.IGlobs) {
		option, flag, fold := "Globs", "--glob", i >= len(o.Globs)
		pattern := local(glob)
		if fold {
			option, flag, pattern = "IGlobs", "--iglob", strings.ToLower(pattern)
		}
		r, err := parseTyped(pattern)
		switch {
		case err != nil: // as it is
		case r.negated:
			err = errors.New("a ! takes nothing out here: use --ignore, or write \\! for the character")
		case r.dirs:
			err = diag.At(len(pattern)-len("/"), errors.New("it ends in a slash: add ** for all that is below"))
		}
		if err != nil {
			return k, diag.Option(option, glob, fmt.Errorf("%s %q: %w", flag, glob, asGiven(glob, pattern, err)))
		}
		g := newKeeper(r, fold)
		depth := 0
		for i, c := range structure(r.glob) {
			switch {
			case c == '{':
				depth++
			case c == '}':
				depth--
			case c == '/' && depth == 0:
				way := r
				way.glob = r.glob[:i]
				g.ways = append(g.ways, newKeeper(way, fold))
			case c == '/':
				r.inPath = false // a slash in braces: how deep it leads is open
			}
		}
		if !r.inPath {
			g.ways = nil
		}
		k.globs = append(k.globs, g)
	}
	return k, nil
}

func newKeeper(r rule, fold bool) keeper {
	last := r.glob[strings.LastIndexByte(r.glob, '/')+1:]
	return keeper{rule: r, fold: fold, dotted: strings.HasPrefix(strings.TrimPrefix(last, `\`), ".")}
}

// want says what the keepers make of a path. For a hidden one only those count that name its dot.
func (k *keepers) want(path, base string, dir, hidden bool) Verdict {
	if len(k.suffixes)+len(k.globs) == 0 {
		if hidden {
			return Out
		}
		return In
	}
	byExt := func(suffix string) bool {
		return strings.HasSuffix(base, suffix) || k.foldExts && strings.HasSuffix(strings.ToLower(base), suffix)
	}
	matches := func(g keeper) bool {
		name := base
		if g.inPath {
			name = path
		}
		if g.fold {
			name = strings.ToLower(name)
		}
		return (g.dotted || !hidden) && g.matches(name)
	}
	leads := func(g keeper) bool {
		return !hidden && len(g.ways) == 0 || slices.ContainsFunc(g.ways, matches)
	}
	switch {
	case slices.ContainsFunc(k.globs, matches), !dir && !hidden && slices.ContainsFunc(k.suffixes, byExt):
		return In
	case dir && (!hidden && len(k.suffixes) > 0 || slices.ContainsFunc(k.globs, leads)):
		return Pass
	}
	return Out
}
