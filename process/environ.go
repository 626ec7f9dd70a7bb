package process

import (
	"os"
	"slices"
	"strings"

	"github.com/evshell/ev/internal/sdnotify"
)

// Environ returns ev's own environment with what is NAME=value in over, and without what a service
// manager told ev alone.
func Environ(over []string) []string {
	return unique(slices.Concat(sdnotify.Environ(os.Environ()), over))
}

// unique keeps the last setting of each variable: getenv(3) would find the first.
func unique(env []string) []string {
	last := make(map[string]int, len(env))
	for i, v := range env {
		name, _, _ := strings.Cut(v, "=")
		last[name] = i
	}
	kept := env[:0:0]
	for i, v := range env {
		if name, _, _ := strings.Cut(v, "="); last[name] == i {
			kept = append(kept, v)
		}
	}
	return kept
}
