package evfile

import (
	"slices"
	"strings"
)

// Format writes lines as an Evfile that Parse reads as the same lines. Variables can't be taken away
// in an Evfile: those of a line are also in force in the lines below it.
func Format(lines []Line) string {
	var b strings.Builder
	var env []string
	for _, l := range lines {
		for _, v := range l.Env {
			if name, value, _ := strings.Cut(v, "="); !slices.Contains(env, v) {
				b.WriteString(name + "=" + Join([]string{value}) + "\n")
				env = assign(env, []Word{{Text: v}})
			}
		}
		if l.Label != "" {
			b.WriteString(l.Label + ": ")
		}
		b.WriteString(Join(l.Args()) + "\n")
	}
	return b.String()
}
