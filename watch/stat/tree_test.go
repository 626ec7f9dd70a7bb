package stat

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/ignore"
	"github.com/evshell/ev/internal/looptest"
)

// all has everything in a tree count.
func all() ignore.Options { return ignore.Options{Hidden: true, NoIgnore: true} }

// expectAll checks that events tell of exactly these paths, in whatever order.
func (w *watched) expectAll(paths ...string) {
	w.t.Helper()
	var got []string
	for len(got) < len(paths) {
		got = append(got, w.next().Paths...)
	}
	slices.Sort(got)
	slices.Sort(paths)
	if !slices.Equal(got, paths) {
		w.t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(paths, "\n"))
	}
}

func TestTree_tellsPathsInTheOrderOfChange(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "sub"))
	c, a, b := filepath.Join(dir, "c"), filepath.Join(dir, "a"), filepath.Join(dir, "sub/b")
	for _, p := range []string{a, b, c} {
		write(t, p, "")
	}
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Settle: 300 * time.Millisecond})
	for _, p := range []string{c, a, b, c} {
		appendTo(t, p, "x")
	}
	if d := w.expect("content", c, a, b); d.Path != c || d.Now.Size != 2 || d.Count != 3 {
		t.Errorf("got %+v", d)
	}
}

// To look at a path is most of what a notice costs.
func TestTree_looksOnceAtAFileThatIsWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	s, err := New(looptest.NewLoop(t), Options{Paths: []string{dir}, Recursive: true}, func(event.Detail) {})
	check(t, err)
	check(t, s.Start())
	defer s.Stop()
	real, looks := system, 0
	defer func() { system = real }()
	system.lstat = func(path string, st *unix.Stat_t) error {
		if path == file {
			looks++
		}
		return real.lstat(path, st)
	}
	write(t, file, "x")
	s.tree.notice(batch{notices: []notice{{file, fsnotify.Create | fsnotify.Write}}})
	if changes := s.tree.look(); len(changes) != 1 || changes[0].path != file {
		t.Errorf("changed: %+v", changes)
	}
	if looks != 1 {
		t.Errorf("looked %d times", looks)
	}
}

func TestTree_eachPathIsAnEvent(t *testing.T) {
	dir := t.TempDir()
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true, Settle: 300 * time.Millisecond})
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	mkdir(t, b)
	write(t, a, "")
	w.expect("created", b)
	w.expect("created", a)
}

func TestTree_directoriesMadeAndFilledAtOnce(t *testing.T) {
	dir := t.TempDir()
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	var want []string
	for i := range 50 {
		deep := filepath.Join(dir, fmt.Sprint(i), "x/y/z")
		mkdir(t, deep)
		write(t, filepath.Join(deep, "file"), "x")
		for p := filepath.Join(deep, "file"); p != dir; p = filepath.Dir(p) {
			want = append(want, p)
		}
	}
	w.expectAll(want...)
	appendTo(t, filepath.Join(dir, "49/x/y/z/file"), "y")
	w.expect("content", filepath.Join(dir, "49/x/y/z/file"))
}

func TestTree_movedInBringsItsFilesMovedOutIsLetGo(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	mkdir(t, filepath.Join(outside, "new/sub"))
	write(t, filepath.Join(outside, "new/sub/file"), "x")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	before := len(w.watchedDirs())
	in := filepath.Join(dir, "in")
	for range 2 {
		rename(t, filepath.Join(outside, "new"), in)
		w.expectAll(in, filepath.Join(in, "sub"), filepath.Join(in, "sub/file"))
		if n := len(w.watchedDirs()); n != before+2 {
			t.Errorf("%d directories more are watched, not 2", n-before)
		}
		rename(t, in, filepath.Join(outside, "new"))
		w.expectAll(in, filepath.Join(in, "sub"), filepath.Join(in, "sub/file"))
		if n := len(w.watchedDirs()); n != before {
			t.Errorf("%d directories that have left are still watched", n-before)
		}
		appendTo(t, filepath.Join(outside, "new/sub/file"), "x")
		w.quiet()
	}
}

func TestTree_renamedWithin(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	mkdir(t, filepath.Join(from, "sub"))
	write(t, filepath.Join(from, "sub/file"), "x")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	for range 3 {
		rename(t, from, to)
		w.expectAll(to, filepath.Join(to, "sub"), filepath.Join(to, "sub/file"))
		appendTo(t, filepath.Join(to, "sub/file"), "x")
		w.expect("content", filepath.Join(to, "sub/file"))
		from, to = to, from
	}
}

func TestTree_rootDeletedReplacedAndMissingAtFirst(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a/root")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	for range 3 {
		mkdir(t, dir)
		write(t, filepath.Join(dir, "file"), "x")
		w.expectAll(dir, filepath.Join(dir, "file"))
		appendTo(t, filepath.Join(dir, "file"), "y")
		w.expect("content", filepath.Join(dir, "file"))
		remove(t, filepath.Dir(dir))
		w.expectAll(dir, filepath.Join(dir, "file"))
	}
	write(t, filepath.Dir(dir), "a file in place of its parent")
	w.quiet()
}

func TestTree_directoryReplacedByALinkToItsLike(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	sub := filepath.Join(dir, "sub")
	mkdir(t, sub)
	write(t, filepath.Join(sub, "file"), "x")
	write(t, filepath.Join(outside, "file"), "another")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true, Settle: 300 * time.Millisecond})
	appendTo(t, filepath.Join(sub, "file"), "y")
	remove(t, sub)
	symlink(t, outside, sub)
	w.expect("removed", filepath.Join(sub, "file"))
	if d := w.next(); d.Path != sub || d.Now.Type != "symlink" {
		t.Errorf("got %+v", d)
	}
	appendTo(t, filepath.Join(outside, "file"), "y")
	w.quiet()
}

func TestTree_ignoredCostsNoWatch(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, ".git/objects"))
	mkdir(t, filepath.Join(dir, "node_modules/a/b"))
	mkdir(t, filepath.Join(dir, "src"))
	write(t, filepath.Join(dir, ".gitignore"), "node_modules\n*.o\n")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true})
	for _, p := range w.watchedDirs() {
		if strings.Contains(p, "node_modules") || strings.Contains(p, "objects") {
			t.Errorf("%s is watched", p)
		}
	}
	write(t, filepath.Join(dir, "node_modules/a/b/file"), "x")
	write(t, filepath.Join(dir, "src/x.o"), "x")
	write(t, filepath.Join(dir, ".hidden"), "x")
	w.quiet()
	mkdir(t, filepath.Join(dir, "src/node_modules/c"))
	w.quiet()
	write(t, filepath.Join(dir, "src/x.c"), "x")
	w.expect("created", filepath.Join(dir, "src/x.c"))
}

func TestTree_changedIgnoreFileCountsAtOnce(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, ".git/info"))
	mkdir(t, filepath.Join(dir, "build/deep"))
	rules := filepath.Join(dir, ".gitignore")
	old, file := filepath.Join(dir, "build/deep/old"), filepath.Join(dir, "build/deep/file")
	write(t, rules, "build\n")
	write(t, old, "x")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true})
	without := len(w.watchedDirs())
	before, err := lstat(old)
	check(t, err)
	passes(t, before.ctime)

	write(t, rules, "")
	write(t, file, "x")
	w.expect("created", file) // and nothing of old, which was there before
	appendTo(t, old, "y")
	w.expect("content", old)

	write(t, filepath.Join(dir, ".git/info/exclude"), "build\n")
	write(t, file, "y")
	w.quiet()
	if n := len(w.watchedDirs()); n != without {
		t.Errorf("%d directories are watched, were %d", n, without)
	}
	remove(t, filepath.Join(dir, ".git/info/exclude"))
	w.quiet()
	appendTo(t, file, "y")
	w.expect("content", file)
}

func TestTree_filtersByExtension(t *testing.T) {
	dir := t.TempDir()
	o := Options{Paths: []string{dir}, Recursive: true}
	o.Ignore.Exts = []string{"go"}
	w := watchFiles(t, o)
	mkdir(t, filepath.Join(dir, "sub"))
	write(t, filepath.Join(dir, "sub/a.txt"), "x")
	write(t, filepath.Join(dir, "sub/a.go"), "x")
	w.expect("created", filepath.Join(dir, "sub/a.go"))
	remove(t, filepath.Join(dir, "sub"))
	w.expect("removed", filepath.Join(dir, "sub/a.go"))
}

func TestTree_linksAreFollowedOnDemand(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	target := filepath.Join(outside, "file")
	write(t, target, "x")
	mkdir(t, filepath.Join(dir, "sub"))
	symlink(t, outside, filepath.Join(dir, "sub/out"))
	symlink(t, target, filepath.Join(dir, "file"))
	symlink(t, "..", filepath.Join(dir, "sub/loop"))
	symlink(t, "nowhere", filepath.Join(dir, "dangling"))
	not := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Ignore: all()})
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Ignore: all(), Follow: true, Settle: 300 * time.Millisecond})
	through, direct := filepath.Join(dir, "sub/out/file"), filepath.Join(dir, "file")
	appendTo(t, target, "y")
	w.expectAll(through, direct)
	not.quiet()

	// The link is made to lead to another directory, and back: the old one is let go.
	other := t.TempDir()
	remove(t, filepath.Join(dir, "sub/out"))
	symlink(t, other, filepath.Join(dir, "sub/out"))
	w.expectAll(through, filepath.Join(dir, "sub/out"))
	write(t, filepath.Join(other, "new"), "x")
	w.expect("created", filepath.Join(dir, "sub/out/new"))
}

// The kernel, and fsnotify, tell of an inode under one name.
func TestTree_oneDirectoryUnderTwoNames(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "real"))
	symlink(t, "real", filepath.Join(dir, "link"))
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	w := watchFiles(t, Options{Paths: []string{real, link, filepath.Join(dir, "real/file")}, Recursive: true, Settle: 300 * time.Millisecond})
	write(t, filepath.Join(real, "file"), "x")
	w.expectAll(filepath.Join(real, "file"), filepath.Join(link, "file"))
	rename(t, real, filepath.Join(dir, "moved"))
	w.expectAll(real, link, filepath.Join(real, "file"), filepath.Join(link, "file"))
	symlink(t, "moved", filepath.Join(dir, "new"))
	rename(t, filepath.Join(dir, "new"), link)
	w.expectAll(link, filepath.Join(link, "file"))
	appendTo(t, filepath.Join(dir, "moved/file"), "y")
	w.expect("content", filepath.Join(link, "file"))
}

func TestTree_workingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	mkdir(t, "sub")
	w := watchFiles(t, Options{Paths: []string{"."}, Recursive: true, Ignore: all()})
	write(t, "-x", "")
	w.expect("created", "./-x")
	write(t, "sub/y", "")
	w.expect("created", "./sub/y")
	chmod(t, ".", 0o700)
	w.expect("mode", ".")
}

func TestTree_writesAsFastAsTheyGo(t *testing.T) {
	dir := t.TempDir()
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true, Settle: time.Millisecond, MaxWait: 10 * time.Millisecond})
	var files []*os.File
	for i := range 100 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		check(t, err)
		defer f.Close()
		files = append(files, f)
	}
	for i := range 50_000 {
		_, err := files[i%100].WriteString("x")
		check(t, err)
	}
	for whole := map[string]bool{}; len(whole) < len(files); {
		if d := w.next(); d.Now.Size == 500 {
			whole[d.Path] = true
		}
	}
}

// What is done to a file by one of its names is told of all that are in the tree.
func TestTree_otherNamesOfAFile(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "sub/b")
	mkdir(t, filepath.Dir(b))
	write(t, a, "x")
	check(t, os.Link(a, b))
	w := watchFiles(t, Options{Paths: []string{root}, Recursive: true})
	appendTo(t, b, "y")
	w.expectAll(a, b)
	c := filepath.Join(root, "c")
	check(t, os.Link(a, c))
	w.expectAll(a, b, c)
	rename(t, c, filepath.Join(outside, "c"))
	w.expect("removed", c)
	appendTo(t, filepath.Join(outside, "c"), "z")
	w.expectAll(a, b)
	remove(t, b)
	w.expectAll(a, b)
	w.quiet()
}

// A named file is watched itself: a name that it got later makes it change unseen otherwise.
func TestStat_aSecondNameAfterTheStart(t *testing.T) {
	path, other := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "other")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}})
	check(t, os.Link(path, other))
	w.expect("links", path)
	appendTo(t, other, "y")
	w.expect("content", path)
	write(t, filepath.Join(filepath.Dir(path), "new"), "new")
	rename(t, filepath.Join(filepath.Dir(path), "new"), path)
	w.expect("replaced,content,links", path)
	appendTo(t, other, "y")
	w.quiet()
}

// Where the file system knows no upper and lower case, --ext does not either.
func TestTree_extensionsWithoutCase(t *testing.T) {
	real := system
	t.Cleanup(func() { system = real })
	for _, folds := range []bool{true, false} {
		system = real
		root := filepath.Join(t.TempDir(), "tree")
		mkdir(t, root)
		if folds {
			system.lstat = func(path string, st *unix.Stat_t) error {
				dir, base := splitPath(path)
				if strings.EqualFold(base, "tree") {
					path = joinPath(dir, "tree")
				}
				return real.lstat(path, st)
			}
		}
		o := Options{Paths: []string{root}, Recursive: true}
		o.Ignore.Exts = []string{"go"}
		told, why, err := Explain(o, filepath.Join(root, "A.GO"))
		check(t, err)
		if told != folds && runtime.GOOS != "darwin" { // where it has none anyway
			t.Errorf("without case: %t, told: %t (%s)", folds, told, why)
		}
	}
}
