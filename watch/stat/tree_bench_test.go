package stat

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// BenchmarkTree_arm watches a tree of 2,021 directories with 2,000 files.
func BenchmarkTree_arm(b *testing.B) {
	root := b.TempDir()
	for i := range 2000 {
		dir := filepath.Join(root, fmt.Sprintf("a%d/b%d", i%20, i))
		mkdir(b, dir)
		write(b, filepath.Join(dir, "file.go"), "x")
	}
	l, err := loop.New()
	check(b, err)
	defer l.Close()
	s, err := New(l, Options{Paths: []string{root}, Recursive: true}, func(event.Detail) {})
	check(b, err)
	b.ReportAllocs()
	for b.Loop() {
		check(b, s.Start())
		s.Stop()
	}
}

// BenchmarkTree_look is the cost of one notice: an lstat, and the comparison.
func BenchmarkTree_look(b *testing.B) {
	file := filepath.Join(b.TempDir(), "file")
	write(b, file, "x")
	l, err := loop.New()
	check(b, err)
	defer l.Close()
	s, err := New(l, Options{Paths: []string{filepath.Dir(file)}, Recursive: true}, func(event.Detail) {})
	check(b, err)
	check(b, s.Start())
	defer s.Stop()
	heard := batch{notices: []notice{{path: file, op: structural}}}
	b.ReportAllocs()
	for b.Loop() {
		s.tree.notice(heard)
		if changes := s.tree.look(); len(changes) > 0 {
			b.Fatalf("changed: %+v", changes)
		}
	}
}
