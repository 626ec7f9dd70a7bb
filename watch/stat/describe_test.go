package stat

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

func TestStat_describe(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	for _, name := range []string{"x", "a/y", "a/b/z"} {
		write(t, filepath.Join(dir, name), "")
	}
	for _, tt := range []struct {
		want  string
		names []string
		deep  bool
	}{
		{"watching 3 files in 3 directories", []string{""}, true},
		{"watching 1 file in 1 directory", []string{"a/b"}, true},
		{"watching 2 files", []string{"x", "a/b/not there"}, false},
		{"watching 1 directory", []string{"a"}, false},
	} {
		var o Options
		for _, name := range tt.names {
			o.Paths = append(o.Paths, filepath.Join(dir, name))
		}
		o.Recursive = tt.deep
		l := looptest.NewLoop(t)
		w, err := New(l, o, func(event.Detail) {})
		check(t, err)
		check(t, w.Start())
		if got := w.Describe(); got != tt.want {
			t.Errorf("%q: %q, not %q", tt.names, got, tt.want)
		}
		w.Stop()
	}
}
