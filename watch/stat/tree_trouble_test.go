package stat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
)

func TestTree_permissionDeniedIsSaidAndTriedAgain(t *testing.T) {
	if os.Getuid() == 0 {
		asNobody(t)
		return
	}
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	mkdir(t, secret)
	write(t, filepath.Join(secret, "file"), "x")
	chmod(t, secret, 0)
	t.Cleanup(func() { _ = os.Chmod(secret, 0o700) })
	var said strings.Builder
	o := Options{Paths: []string{dir, filepath.Join(secret, "file")}, Recursive: true, Each: true, Report: report.New(&said, "ev", report.Plain, report.Notice)}
	w := watchFiles(t, o)
	w.quiet()
	chmod(t, secret, 0o700)
	w.expectAll(secret, filepath.Join(secret, "file"))
	appendTo(t, filepath.Join(secret, "file"), "y")
	w.expect("content", filepath.Join(secret, "file"))
	for _, want := range []string{secret + ": permission denied", filepath.Join(secret, "file") + ": permission denied"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, &said)
		}
	}
}

// asNobody runs the test again without root's privileges.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	exe := filepath.Join(t.TempDir(), "test")
	data, err := os.ReadFile(os.Args[0])
	check(t, err)
	check(t, os.WriteFile(exe, data, 0o755))
	tmp := t.TempDir()
	for p := tmp; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		check(t, os.Chmod(p, 0o755))
		check(t, os.Chmod(filepath.Dir(exe), 0o755))
	}
	check(t, os.Chown(tmp, nobody, nobody))
	t.Setenv("TMPDIR", tmp)
	p, err := os.StartProcess(exe, []string{exe, "-test.run=^" + t.Name() + "$", "-test.v"}, &os.ProcAttr{
		Files: []*os.File{nil, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	})
	check(t, err)
	if state, err := p.Wait(); err != nil || !state.Success() {
		t.Errorf("as nobody: %v, %v", state, err)
	}
}

// A full source has room for so many watches.
type fullSource struct {
	source
	room int
}

func (s *fullSource) Add(dir string) error {
	if s.room--; s.room < 0 {
		return unix.ENOSPC
	}
	return s.source.Add(dir)
}

func TestTree_watchLimit(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a/b/c")
	mkdir(t, deep)
	l := looptest.NewLoop(t)
	full := &Hub{open: func(h *Hub) (source, <-chan fsnotify.Event, <-chan error, error) {
		s, events, errs, err := openKernel(h)
		return &fullSource{s, 3}, events, errs, err
	}}
	s, err := New(l, Options{Paths: []string{dir}, Recursive: true, Hub: full}, func(event.Detail) {})
	check(t, err)
	err = s.Start()
	if err == nil || !strings.Contains(err.Error(), "--poll-fallback") || s.Active() {
		t.Errorf("got %v", err)
	}
	if limit := "fs.inotify.max_user_watches"; runtime.GOOS == "linux" && !strings.Contains(err.Error(), "sudo sysctl "+limit+"=") {
		t.Errorf("%v: it does not say how to raise %s", err, limit)
	}

	var said strings.Builder
	events := make(chan event.Stat, 10)
	s, err = New(l, Options{
		Paths: []string{dir}, Recursive: true, PollFallback: true, Hub: full,
		Report: report.New(&said, "ev", report.Plain, report.Notice),
	}, func(d event.Detail) { events <- d.(event.Stat); l.Break() })
	check(t, err)
	check(t, s.Start())
	write(t, filepath.Join(deep, "file"), "x")
	looptest.Run(t, l)
	if d := <-events; d.Path != filepath.Join(deep, "file") {
		t.Errorf("got %+v", d)
	}
	if !strings.Contains(said.String(), "polled") {
		t.Errorf("said %q", &said)
	}
	s.Stop()
}

func TestTree_overflowIsComparedAgain(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "sub"))
	file := filepath.Join(dir, "sub/file")
	l := looptest.NewLoop(t)
	var said strings.Builder
	var got event.Stat
	errs := make(chan error)
	s, err := New(l, Options{
		Paths: []string{dir}, Recursive: true, Hub: fakeHub(deafSource{}, nil, errs), Report: report.New(&said, "ev", report.Plain, report.Verbose),
	}, func(d event.Detail) { got = d.(event.Stat); l.Break() })
	check(t, err)
	check(t, s.Start())
	defer s.Stop()
	write(t, file, "x")
	errs <- fsnotify.ErrEventOverflow
	looptest.Run(t, l)
	if got.Path != file || !strings.Contains(said.String(), "compared again") {
		t.Errorf("got %+v, said %q", got, &said)
	}
}

// fakeHub has a fake for a source, which tells what comes from the channels.
func fakeHub(s source, events <-chan fsnotify.Event, errs <-chan error) *Hub {
	return &Hub{open: func(*Hub) (source, <-chan fsnotify.Event, <-chan error, error) { return s, events, errs, nil }}
}

// A deafSource never tells anything.
type deafSource struct{}

func (deafSource) Add(string) error    { return nil }
func (deafSource) Remove(string) error { return errors.New("not watched") }
func (deafSource) Close() error        { return nil }

// A recordingSource is deaf, and has what it was asked for.
type recordingSource struct {
	deafSource
	added *[]string
}

func (s recordingSource) Add(dir string) error { *s.added = append(*s.added, dir); return nil }

// Where a directory was, and none is any more, none is asked for: the kernel would watch what its
// path leads to now, and end the watch of what has its inode now.
func TestTree_watchesDirectoriesAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/gone", "a/link", "a/file", "a/stays"} {
		mkdir(t, filepath.Join(dir, name))
	}
	l := looptest.NewLoop(t)
	var added []string
	errs := make(chan error)
	s, err := New(l, Options{Paths: []string{dir}, Recursive: true, Hub: fakeHub(recordingSource{added: &added}, nil, errs)}, func(event.Detail) { l.Break() })
	check(t, err)
	check(t, s.Start())
	defer s.Stop()
	for _, name := range []string{"a/gone", "a/link", "a/file"} {
		remove(t, filepath.Join(dir, name))
	}
	symlink(t, t.TempDir(), filepath.Join(dir, "a/link"))
	write(t, filepath.Join(dir, "a/file"), "")
	added = nil
	errs <- fsnotify.ErrEventOverflow
	looptest.Run(t, l)
	if !slices.Contains(added, filepath.Join(dir, "a/stays")) {
		t.Errorf("what is there is not watched anew: %q", added)
	}
	for _, name := range added {
		if f, _ := look(name, unix.Lstat); !f.isDir() {
			t.Errorf("%s is asked for", name)
		}
	}
}

func TestTree_mountsAreNoticed(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "at")
	mkdir(t, at)
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	if err := mountTmpfs(at); err != nil {
		t.Skip("can't mount here: ", err)
	}
	t.Cleanup(func() { _ = unmount(at) })
	if d := w.next(); d.Path != at || !slices.Contains(d.Change, "replaced") {
		t.Errorf("got %+v", d)
	}
	write(t, filepath.Join(at, "file"), "x")
	w.expect("created", filepath.Join(at, "file"))
	check(t, unmount(at))
	w.expectAll(at, filepath.Join(at, "file"))
	write(t, filepath.Join(at, "file"), "x")
	w.expect("created", filepath.Join(at, "file"))
}

func TestTree_bindMountIsTheSameDirectoryTwice(t *testing.T) {
	dir := t.TempDir()
	real, at := filepath.Join(dir, "real"), filepath.Join(dir, "at")
	mkdir(t, real)
	mkdir(t, at)
	w := watchFiles(t, Options{Paths: []string{dir}, Recursive: true, Each: true})
	if err := mountBind(real, at); err != nil {
		t.Skip("can't mount here: ", err)
	}
	t.Cleanup(func() { _ = unmount(at) })
	w.expectAll(at)
	write(t, filepath.Join(at, "file"), "x")
	w.expectAll(filepath.Join(at, "file"), filepath.Join(real, "file"))
	check(t, unmount(at))
	w.expectAll(at, filepath.Join(at, "file"))
	appendTo(t, filepath.Join(real, "file"), "x")
	w.expect("content", filepath.Join(real, "file"))
}

// A file that is mounted over another, as container engines do, is in the directory that it comes
// from: that alone is told by the kernel.
func TestTree_aFileThatIsAMountPoint(t *testing.T) {
	for _, recursive := range []bool{false, true} {
		t.Run(fmt.Sprint("recursive=", recursive), func(t *testing.T) {
			dir, host := t.TempDir(), filepath.Join(t.TempDir(), "host")
			at, later := filepath.Join(dir, "sub/at"), filepath.Join(dir, "sub/later")
			mkdir(t, filepath.Dir(at))
			for _, path := range []string{at, later, host} {
				write(t, path, path)
			}
			if err := mountBind(host, at); err != nil {
				t.Skip("can't mount here: ", err)
			}
			t.Cleanup(func() { _ = unmount(at) })
			o := Options{Paths: []string{at, later}, Each: true}
			if recursive {
				o = Options{Paths: []string{dir}, Recursive: true, Each: true}
			}
			w := watchFiles(t, o)
			appendTo(t, host, "x")
			w.expect("content", at)
			check(t, mountBind(host, later))
			t.Cleanup(func() { _ = unmount(later) })
			w.expect("replaced,content", later)
			appendTo(t, host, "x")
			w.expectAll(at, later)
			check(t, unmount(at))
			w.expect("replaced,content", at)
			appendTo(t, host, "x")
			w.expect("content", later)
			appendTo(t, at, "x")
			w.expect("content", at)
		})
	}
}

func TestTree_tooFewDescriptors(t *testing.T) {
	real := system
	defer func() { system = real }()
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "sub"))
	system.open = func(path string, flags int, mode uint32) (int, error) {
		if filepath.Base(path) == "sub" {
			return -1, unix.EMFILE
		}
		return real.open(path, flags, mode)
	}
	s, err := New(looptest.NewLoop(t), Options{Paths: []string{dir}, Recursive: true}, func(event.Detail) {})
	check(t, err)
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "ulimit -n") || s.Active() {
		t.Errorf("got %v", err)
	}
}
