package stat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
)

func TestStat_tellsKindOfChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}, Changes: ^Atime})
	chmod(t, path, 0o600)
	if d := w.expect("mode", path); d.Now.Mode != 0o600 || d.Prev.Mode != 0o644 {
		t.Errorf("got %+v", d)
	}
	check(t, os.Link(path, path+"2"))
	w.expect("links", path)
	check(t, os.Chtimes(path, time.Time{}, time.Unix(1, 1)))
	if d := w.expect("content", path); d.Now.Mtime != time.Unix(1, 1) {
		t.Errorf("mtime %v", d.Now.Mtime)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	rename(t, path+"2", elsewhere)
	w.quiet()
	appendTo(t, elsewhere, "by another name")
	w.expect("content", path)
	remove(t, elsewhere)
	w.expect("links", path)
	remove(t, path)
	w.expect("removed", path)
	mkdir(t, path)
	if d := w.expect("created", path); d.Now.Type != "directory" {
		t.Errorf("type %q", d.Now.Type)
	}
}

func TestStat_nanosecondsCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	check(t, os.Chtimes(path, time.Time{}, time.Unix(5, 1)))
	w := watchFiles(t, Options{Paths: []string{path}})
	check(t, os.Chtimes(path, time.Time{}, time.Unix(5, 2)))
	w.expect("content", path)
}

func TestStat_whatWasUndoneIsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	w := watchFiles(t, Options{Paths: []string{path}, Settle: 300 * time.Millisecond})
	write(t, path, "x")
	remove(t, path)
	w.quiet()
}

func TestStat_missingPathAppears(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a/b/c/file")
	w := watchFiles(t, Options{Paths: []string{path}})
	mkdir(t, filepath.Dir(path))
	write(t, path, "x")
	w.expect("created", path)
	appendTo(t, path, "y")
	w.expect("content", path)
}

func TestStat_parentsVanishAndReturn(t *testing.T) {
	top := filepath.Join(t.TempDir(), "a")
	path := filepath.Join(top, "b/c/file")
	mkdir(t, filepath.Dir(path))
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}})
	for range 3 {
		rename(t, top, top+"2")
		w.expect("removed", path)
		write(t, filepath.Join(top+"2", "b/c/file"), "written elsewhere")
		w.quiet()
		rename(t, top+"2", top)
		w.expect("created", path)
		appendTo(t, path, "y")
		w.expect("content", path)
		remove(t, top)
		w.expect("removed", path)
		mkdir(t, filepath.Dir(path))
		write(t, path, "z")
		w.expect("created", path)
		appendTo(t, path, "y")
		w.expect("content", path)
	}
}

func TestStat_parentReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a/file")
	mkdir(t, filepath.Join(dir, "a"))
	mkdir(t, filepath.Join(dir, "new"))
	write(t, path, "x")
	write(t, filepath.Join(dir, "new/file"), "new")
	w := watchFiles(t, Options{Paths: []string{path}, Settle: 300 * time.Millisecond})
	rename(t, filepath.Join(dir, "a"), filepath.Join(dir, "old"))
	rename(t, filepath.Join(dir, "new"), filepath.Join(dir, "a"))
	w.expect("replaced,content", path)
	appendTo(t, filepath.Join(dir, "old/file"), "y")
	w.quiet()
	appendTo(t, path, "y")
	w.expect("content", path)
}

// Kubernetes publishes a ConfigMap so: file → ..data/file, ..data → a directory with the time in
// its name, and a new ..data is renamed over the old one.
func TestStat_configMapSwap(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.yaml")
	publish := func(version int) {
		name := fmt.Sprintf("..v%d", version)
		mkdir(t, filepath.Join(dir, name))
		write(t, filepath.Join(dir, name, "app.yaml"), strings.Repeat("x", version))
		symlink(t, name, filepath.Join(dir, "..data_tmp"))
		rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
		if version > 1 {
			remove(t, filepath.Join(dir, fmt.Sprintf("..v%d", version-1)))
		}
	}
	publish(1)
	symlink(t, "..data/app.yaml", path)
	w := watchFiles(t, Options{Paths: []string{path}, Settle: 300 * time.Millisecond})
	for version := 2; version < 5; version++ {
		publish(version)
		if d := w.next(); d.Now.Size != int64(version) || d.Path != path {
			t.Errorf("got %+v", d)
		}
		w.quiet()
	}
}

func TestStat_followsLinks(t *testing.T) {
	dir, far := t.TempDir(), t.TempDir()
	path, target := filepath.Join(dir, "link"), filepath.Join(far, "target")
	symlink(t, "middle", path)
	symlink(t, target, filepath.Join(dir, "middle"))
	w := watchFiles(t, Options{Paths: []string{path}})
	w.quiet() // it dangles
	write(t, target, "x")
	if d := w.expect("created", path); d.Now.Type != "file" {
		t.Errorf("type %q", d.Now.Type)
	}
	appendTo(t, target, "y")
	w.expect("content", path)
	remove(t, target)
	w.expect("removed", path)
	remove(t, path)
	symlink(t, path, path) // leads to itself
	w.quiet()
	remove(t, path)
	write(t, path, "plain")
	w.expect("created", path)
}

func TestStat_relativePaths(t *testing.T) {
	top := t.TempDir()
	mkdir(t, filepath.Join(top, "cwd"))
	t.Chdir(filepath.Join(top, "cwd"))
	paths := []string{"-file", "a/../b", "../up", "."}
	w := watchFiles(t, Options{Paths: paths, Each: true, Changes: Created | Removed | Mode})
	write(t, "-file", "x")
	w.expect("created", "./-file")
	write(t, "b", "x")
	w.expect("created", "b")
	write(t, "../up", "x")
	w.expect("created", "../up")
	chmod(t, ".", 0o700)
	w.expect("mode", ".")
}

func TestStat_directoryItself(t *testing.T) {
	dir := t.TempDir()
	w := watchFiles(t, Options{Paths: []string{dir}})
	write(t, filepath.Join(dir, "new"), "x")
	w.expect("content", dir)
	write(t, filepath.Join(dir, "new"), "more") // changes nothing of the directory
	w.quiet()
}

func TestStat_strangeNames(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"with\nnewline", "\xff\xfe", "-rf", " ", "*", strings.Repeat("n", 255), "..."} {
		paths = append(paths, filepath.Join(dir, name))
	}
	w := watchFiles(t, Options{Paths: paths})
	for _, p := range paths {
		write(t, p, "x")
		w.expect("created", p)
	}
}

func TestStat_deviceSocketFIFO(t *testing.T) {
	dir := t.TempDir()
	fifo, device := filepath.Join(dir, "fifo"), "/dev/null"
	// On a busy machine /dev/null is never quiet.
	w := watchFiles(t, Options{Paths: []string{fifo, device}, Content: true, MaxWait: 100 * time.Millisecond})
	check(t, syscall.Mkfifo(fifo, 0o600))
	if d := w.expect("created", fifo); d.Now.Type != "fifo" {
		t.Errorf("type %q", d.Now.Type)
	}
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	check(t, err)
	defer f.Close()
	_, err = f.WriteString("x")
	check(t, err)
	w.quiet()
}

func TestStat_tellsOnlyTheChangesAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}, Changes: Mode | Created})
	write(t, path, "y")
	chmod(t, path, 0o600)
	w.expect("mode", path)
}

func TestStat_contentIsComparedByHash(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	write(t, path, "same")
	symlink(t, "nowhere", link)
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Content: true})
	write(t, path, "same")
	chmod(t, path, 0o600)
	write(t, path+".new", "same")
	w.expect("created", path+".new")
	rename(t, path+".new", path)
	w.expect("removed", path+".new")
	old, err := lstat(path)
	check(t, err)
	write(t, path, "SAME")
	check(t, os.Chtimes(path, time.Time{}, time.Unix(old.mtime, int64(old.nsec)))) // only a look into it can tell
	w.expect("content", path)
	remove(t, link)
	symlink(t, "nowhere", link)
	w.quiet()
	remove(t, path)
	w.expect("removed", path)
}

func TestStat_atimeIsPolledFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}, Atime: true, Poll: time.Millisecond})
	check(t, os.Chtimes(path, time.Unix(1, 0), time.Time{}))
	w.expect("atime", path)
}

func TestStat_polls(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a/file")
	missing := filepath.Join(t.TempDir(), "x/y")
	w := watchFiles(t, Options{Paths: []string{dir, missing}, Recursive: true, Poll: time.Millisecond, Settle: time.Millisecond})
	if n := len(w.watchedDirs()); n != 0 {
		t.Errorf("%d directories are watched", n)
	}
	mkdir(t, filepath.Dir(path))
	w.expect("created", filepath.Dir(path))
	write(t, path, "x")
	w.expect("created", path)
	appendTo(t, path, "y")
	w.expect("content", path)
	remove(t, filepath.Dir(path))
	w.expect("removed", path, filepath.Dir(path))
	mkdir(t, missing)
	w.expect("created", missing)
}

func TestStat_initialTellsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b"), "x")
	mkdir(t, filepath.Join(dir, "a"))
	write(t, filepath.Join(dir, "a/c"), "x")
	missing := filepath.Join(dir, "missing")
	w := watchFiles(t, Options{Paths: []string{missing, dir}, Recursive: true, Initial: true, Each: true})
	w.expect("", missing)
	w.expect("", dir)
	w.expect("", filepath.Join(dir, "a"))
	w.expect("", filepath.Join(dir, "a/c"))
	w.expect("", filepath.Join(dir, "b"))
	w.expect("", w.fence)
}

// A path may lead through as many links as the kernel follows (path_resolution(7)), each in a
// directory of its own.
func TestStat_followsManyLinks(t *testing.T) {
	const links = 40
	dir := t.TempDir()
	at := func(n int) string { return filepath.Join(dir, fmt.Sprint(n), "link") }
	mkdir(t, filepath.Dir(at(links)))
	for n := range links {
		mkdir(t, filepath.Dir(at(n)))
		symlink(t, at(n+1), at(n))
	}
	write(t, at(links), "x")
	write(t, filepath.Join(dir, "other"), "another")
	w := watchFiles(t, Options{Paths: []string{at(0)}})
	appendTo(t, at(links), "y")
	w.expect("content", at(0))
	symlink(t, filepath.Join(dir, "other"), filepath.Join(dir, "new"))
	rename(t, filepath.Join(dir, "new"), at(links-1))
	w.expect("replaced,content", at(0))
}

func TestStat_untilExists(t *testing.T) {
	dir := t.TempDir()
	here, there := filepath.Join(dir, "here"), filepath.Join(dir, "later/there")
	write(t, here, "x")
	got := untilEnd(t, Options{Paths: []string{here, there}, Until: Exists}, func() { mkdir(t, there) })
	if want := []string{"exists " + here, "created " + there}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStat_untilGone(t *testing.T) {
	missing, path := filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	got := untilEnd(t, Options{Paths: []string{missing, path}, Until: Gone}, func() {
		appendTo(t, path, "changes do not matter")
		remove(t, path)
	})
	if want := []string{"missing " + missing, "removed " + path}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// untilEnd runs a Watcher until it ends by itself, and calls then once it has told of the first
// path. It returns what was told.
func untilEnd(t *testing.T, o Options, then func()) (told []string) {
	t.Helper()
	l := looptest.NewLoop(t)
	o.Settle = time.Millisecond
	s, err := New(l, o, func(d event.Detail) {
		told = append(told, d.(event.Stat).What()+" "+d.Subject())
		if len(told) == 1 {
			then()
		}
	})
	check(t, err)
	check(t, s.Start())
	looptest.Run(t, l)
	return told
}

// What a command did while it ran is not told after Discard, whenever it is seen.
func TestStat_discard(t *testing.T) {
	dir := t.TempDir()
	made, gone := filepath.Join(dir, "made"), filepath.Join(dir, "gone")
	write(t, gone, "x")
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Settle: 300 * time.Millisecond})
	write(t, made, "x")
	remove(t, gone)
	w.do(w.stat.Discard)
	passes(t, w.stat.tree.discarded.Load())
	w.quiet()
	appendTo(t, made, "y")
	w.expect("content", made)
}

func TestStat_startsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	w := watchFiles(t, Options{Paths: []string{path}})
	w.do(func() {
		w.loop.Ref()
		w.stat.Stop()
		write(t, path, "while it was stopped")
		check(t, w.stat.Start())
		w.loop.Unref()
	})
	w.quiet()
	appendTo(t, path, "y")
	w.expect("content", path)
}

func TestStat_feedTellsThePathsAsTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}})
	w.loop.Post(w.stat.Feed)
	w.expect("", path, w.fence)
}

func TestNew_refusesWhatCannotBe(t *testing.T) {
	l := looptest.NewLoop(t)
	for _, tc := range []struct{ path, want string }{
		{"", "an empty path"},
		{"a\x00b", "NUL"},
		{strings.Repeat("n", 256), "a name of 256 bytes"},
		{strings.Repeat("n/", 2048), "a path of 4096 bytes"},
	} {
		if _, err := New(l, Options{Paths: []string{tc.path}}, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.20q: got %v, want %q", tc.path, err, tc.want)
		}
	}
	if _, err := New(l, Options{}, nil); err == nil {
		t.Error("no path is no error")
	}
	bad := Options{Paths: []string{"."}, Recursive: true}
	bad.Ignore.Globs = []string{"["}
	if _, err := New(l, bad, nil); err == nil {
		t.Error("a bad glob is no error")
	}
}

func TestStat_theWorkingDirectoryIsDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cwd")
	mkdir(t, dir)
	t.Chdir(dir)
	write(t, "file", "x")
	var said strings.Builder
	w := watchFiles(t, Options{Paths: []string{"file"}, Report: report.New(&said, "ev", report.Plain, report.Notice)})
	remove(t, dir)
	w.expect("removed", "file")
	w.do(func() {})
	if n := strings.Count(said.String(), "the working directory was deleted"); n != 1 {
		t.Errorf("told %d times: %s", n, &said)
	}
}

// The tree has all of a ConfigMap: its names with two dots are not hidden.
func TestTree_configMapSwap(t *testing.T) {
	dir := t.TempDir()
	data, version := filepath.Join(dir, "..data"), filepath.Join(dir, "..v2")
	mkdir(t, filepath.Join(dir, "..v1"))
	symlink(t, "..v1", data)
	write(t, filepath.Join(dir, "..v1/app.yaml"), "1")
	symlink(t, "..data/app.yaml", filepath.Join(dir, "app.yaml"))
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Settle: 200 * time.Millisecond})
	mkdir(t, version)
	write(t, filepath.Join(version, "app.yaml"), "22")
	symlink(t, "..v2", data+"_tmp")
	rename(t, data+"_tmp", data)
	remove(t, filepath.Join(dir, "..v1"))
	if d := w.next(); !slices.Contains(d.Paths, data) || !slices.Contains(d.Paths, filepath.Join(version, "app.yaml")) {
		t.Errorf("got %+v", d)
	}
}
