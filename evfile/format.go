package evfile

import (
	"slices"
	"strings"
)

// Format writes lines as an Evfile that does the same. A variable that holds for all lines from one
// on stands above that one; since an Evfile can't take a variable away, one that does not is given
// to its lines by --env, unless a placeholder could be seen in it there.
func Format(lines []Line) string {
	var b strings.Builder
	var env []string
	for i, l := range lines {
		words := slices.Clone(l.Words)
		for _, v := range l.Env {
			name, value, _ := strings.Cut(v, "=")
			switch {
			case slices.Contains(env, v):
			case stays(name, lines[i+1:]), strings.Contains(value, "{"):
				b.WriteString(name + "=" + Join([]string{value}) + "\n")
				env = assign(env, []Word{{Text: v}})
			default:
				words = slices.Insert(words, 1, Word{Text: "--env"}, Word{Text: v})
			}
		}
		if l.Label != "" {
			b.WriteString(l.Label + ": ")
		}
		b.WriteString(Join(Line{Words: words}.Args()) + "\n")
	}
	return b.String()
}

// stays reports whether all lines have a variable.
func stays(name string, lines []Line) bool {
	return !slices.ContainsFunc(lines, func(l Line) bool {
		return !slices.ContainsFunc(l.Env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	})
}
