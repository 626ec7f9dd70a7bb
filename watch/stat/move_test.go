package stat

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/event"
)

// expectMove checks that the next event tells of one that moved.
func (w *watched) expectMove(change, from, to string) event.Stat {
	w.t.Helper()
	d := w.next()
	if strings.Join(d.Change, ",") != change || d.From != from || d.Path != to {
		w.t.Fatalf("got %+v, want %s from %s to %s", d, change, from, to)
	}
	return d
}

func TestMoved_withinATreeAndAcross(t *testing.T) {
	one, two, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	a, b, c := filepath.Join(one, "a"), filepath.Join(one, "sub/b"), filepath.Join(two, "c")
	mkdir(t, filepath.Dir(b))
	write(t, a, "x")
	w := watchFiles(t, Options{Paths: []string{one, two}, Recursive: true})
	rename(t, a, b)
	if d := w.expectMove("created,removed,moved", a, b); len(d.Paths) != 2 || d.Paths[1] != a {
		t.Errorf("paths %q", d.Paths)
	}
	rename(t, b, c)
	w.expectMove("created,removed,moved", b, c)
	write(t, a, "another")
	w.expect("created", a)
	rename(t, a, c)
	w.expectMove("removed,moved,replaced,content", a, c)
	rename(t, c, filepath.Join(elsewhere, "c"))
	if d := w.expect("removed", c); d.From != "" {
		t.Errorf("from %s", d.From)
	}
	rename(t, filepath.Join(elsewhere, "c"), c)
	w.expect("created", c)
}

func TestMoved_eachIsOneEvent(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "old/sub"))
	write(t, filepath.Join(dir, "old/sub/file"), "x")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	rename(t, filepath.Join(dir, "old"), filepath.Join(dir, "new"))
	for range 3 {
		d := w.next()
		if want := strings.Replace(d.Path, "/new", "/old", 1); strings.Join(d.Change, ",") != "created,moved" || d.From != want {
			t.Errorf("got %+v", d)
		}
	}
	w.quiet()
}

// The names of one file keep their places when a directory above them is renamed.
func TestMoved_namesOfOneFile(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"old/a", "old/b"} {
		mkdir(t, filepath.Join(dir, sub))
	}
	write(t, filepath.Join(dir, "old/a/z"), "x")
	for _, name := range []string{"old/a/b", "old/b/c", "old/b/a"} {
		check(t, os.Link(filepath.Join(dir, "old/a/z"), filepath.Join(dir, name)))
	}
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	rename(t, filepath.Join(dir, "old"), filepath.Join(dir, "new"))
	for range 7 {
		d := w.next()
		if want := strings.Replace(d.Path, "/new", "/old", 1); d.From != want || !slices.Contains(d.Change, "moved") {
			t.Errorf("%s: %v from %s", d.Path, d.Change, d.From)
		}
	}
}

// A directory is the same one though there is other in it by then.
func TestMoved_directoryThatHasChanged(t *testing.T) {
	dir := t.TempDir()
	old, moved := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	mkdir(t, old)
	if _, known := born(old); !known {
		t.Skip("the file system does not know when a file was made")
	}
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	write(t, filepath.Join(old, "file"), "x")
	w.expect("created", filepath.Join(old, "file"))
	rename(t, old, moved)
	for range 2 {
		d := w.next()
		if want := strings.Replace(d.Path, moved, old, 1); strings.Join(d.Change, ",") != "created,moved" || d.From != want {
			t.Errorf("got %+v, want from %s", d, want)
		}
	}
	w.quiet()
}

// A file that takes the inode of one that is gone is another.
func TestMoved_notWhatIsNew(t *testing.T) {
	dir := t.TempDir()
	for range 20 {
		write(t, filepath.Join(dir, "old"), "x")
		w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true})
		remove(t, filepath.Join(dir, "old"))
		write(t, filepath.Join(dir, "new"), "x")
		if d := w.next(); d.From != "" {
			t.Errorf("got %+v", d)
		}
		remove(t, filepath.Join(dir, "new"))
	}
}

func TestMoved_alone(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "x")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Changes: Moved})
	w.do(func() { w.stat.o.Changes |= Created | Removed }) // for the fence
	rename(t, a, b)
	w.expectMove("created,removed,moved", a, b)
}

// What is written and gets its old times back has the same size and mtime: its ctime tells.
func TestContent_sameSizeOldTime(t *testing.T) {
	for name, o := range map[string]Options{"notified": {}, "polled": {Poll: 20 * time.Millisecond}, "tree": {Recursive: true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			write(t, path, "x")
			old := time.Unix(1e9, 0)
			check(t, os.Chtimes(path, old, old))
			if o.Paths = []string{path}; o.Recursive {
				o.Paths = []string{dir}
			}
			w := watchFiles(t, o)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteString("y")
			check(t, err)
			check(t, os.Chtimes(path, old, old))
			check(t, f.Close())
			w.expect("content", path)
			chmod(t, path, 0o600)
			w.expect("mode", path)
			check(t, os.Chtimes(path, time.Now(), old)) // as touch -a does
			_, err = os.ReadFile(path)
			check(t, err)
			if o.Poll == 0 { // a poll can't tell the one from the other
				w.quiet()
			}
		})
	}
}

func TestStat_dotdotBehindALink(t *testing.T) {
	dir, far := t.TempDir(), t.TempDir()
	mkdir(t, filepath.Join(far, "deep/deeper"))
	mkdir(t, filepath.Join(dir, "plain"))
	symlink(t, filepath.Join(far, "deep/deeper"), filepath.Join(dir, "link"))
	t.Chdir(dir)
	w := watchFiles(t, Options{Paths: []string{"link/../f", "plain/../g", "./plain//h"}, Each: true})
	write(t, "f", "not this")
	write(t, filepath.Join(far, "deep/f"), "x")
	w.expect("created", "link/../f")
	write(t, "g", "x")
	w.expect("created", "g")
	write(t, "plain/h", "x")
	w.expect("created", "plain/h")
	tree := watchFiles(t, Options{Paths: []string{"link/.."}, Recursive: true, Each: true})
	appendTo(t, filepath.Join(far, "deep/f"), "y")
	tree.expect("content", "link/../f")
	write(t, filepath.Join(far, "deep/deeper/new"), "x")
	tree.expect("created", "link/../deeper/new")
	appendTo(t, "f", "y")
	tree.quiet()
	for path, want := range map[string]string{"/": "/", "/..": "/", "../../a": "../../a", "a/..": ".", ".": ".", "a//b/./c/": "a/b/c", "a/b/../..": ".", "/a/../../b": "/b"} {
		if got := clean(path); got != want {
			t.Errorf("clean(%q) = %q, want %q", path, got, want)
		}
	}
}
