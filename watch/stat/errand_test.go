package stat

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// hang has a look at a path hang until it is released. It tells of each that hangs.
func (w *watched) hang(t *testing.T, path string) (hanging <-chan string, release func()) {
	t.Helper()
	real := system.stat
	held, released := make(chan string, 100), make(chan struct{})
	for looking := true; looking; {
		w.do(func() {
			if looking = w.stat.Looking(); looking {
				return
			}
			system.stat = func(p string, st *unix.Stat_t) error {
				if p == path {
					select {
					case <-released:
					default:
						held <- p
						<-released
					}
				}
				return real(p, st)
			}
		})
	}
	t.Cleanup(func() { system.stat = real })
	return held, func() { close(released) }
}

func TestErrand_aLookThatHangsHoldsUpNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}})
	hanging, release := w.hang(t, path)
	appendTo(t, path, "y")
	looptest.Receive(t, hanging, "nobody looks")
	w.do(func() {}) // the loop goes on
	w.do(w.stat.Feed)
	appendTo(t, path, "z")
	release()
	w.expect("content", path)
	w.expect("", path, w.fence)
	appendTo(t, path, "z")
	w.expect("content", path)
}

// The comparison of a large tree after an overflow is nothing that the loop waits for: its timers go
// on while it is under way.
func TestErrand_comparisonAfterAnOverflowLeavesTheLoopFree(t *testing.T) {
	const dirs, ticks = 300, 20
	root := t.TempDir()
	var last string
	for i := range dirs {
		last = filepath.Join(root, fmt.Sprintf("dir%03d", i))
		mkdir(t, last)
	}
	l := looptest.NewLoop(t)
	errs, events := make(chan error), make(chan event.Stat, 10)
	s, err := New(l, Options{Paths: []string{root}, Recursive: true, Hub: fakeHub(deafSource{}, nil, errs)},
		func(d event.Detail) { events <- d.(event.Stat) })
	check(t, err)
	check(t, s.Start())
	looptest.Go(t, l, s.Stop)

	real := system
	t.Cleanup(func() { system = real })
	held, released := make(chan bool, 1), make(chan bool)
	var read atomic.Int64
	looptest.On(t, l, func() {
		system.open = func(path string, flags int, mode uint32) (int, error) {
			if read.Add(1) == dirs/2 { // in the midst of it
				held <- true
				<-released
			}
			return real.open(path, flags, mode)
		}
	})
	write(t, filepath.Join(last, "file"), "x")
	errs <- fsnotify.ErrEventOverflow
	looptest.Receive(t, held, "nothing is compared")
	ticked := make(chan bool, ticks)
	looptest.On(t, l, func() {
		left := ticks
		var timer *loop.Timer
		timer = loop.NewTimer(l, 0, time.Millisecond, func() {
			ticked <- true
			if left--; left == 0 {
				timer.Stop()
			}
		})
		timer.Start()
	})
	for range ticks {
		looptest.Receive(t, ticked, "the loop is held up")
	}
	if len(events) > 0 {
		t.Error("told before it was compared")
	}
	close(released)
	if d := looptest.Receive(t, events, "nothing is told"); d.Path != filepath.Join(last, "file") {
		t.Errorf("got %+v", d)
	}
}

func TestErrand_stopWhileALookHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "x")
	w := watchFiles(t, Options{Paths: []string{path}})
	hanging, release := w.hang(t, path)
	appendTo(t, path, "y")
	looptest.Receive(t, hanging, "nobody looks")
	w.do(func() {
		w.loop.Ref()
		w.stat.Stop()
	})
	release()
	w.do(func() {
		check(t, w.stat.Start())
		w.loop.Unref()
	})
	appendTo(t, path, "z")
	w.expect("content", path)
	w.quiet()
}

// What fails once is said once, counted as long as it can't be seen, and told then.
func TestRetry_oneFailingCallIsMadeUpFor(t *testing.T) {
	for name, fail := range map[string]func(once func() error){
		"open": func(once func() error) {
			real := system.open
			system.open = func(path string, flags int, mode uint32) (int, error) {
				if strings.HasSuffix(path, "new") {
					if err := once(); err != nil {
						return -1, err
					}
				}
				return real(path, flags, mode)
			}
		},
		"getdents64": func(once func() error) {
			real := system.readDirent
			system.readDirent = func(fd int, buf []byte) (int, error) {
				if err := once(); err != nil {
					return -1, err
				}
				return real(fd, buf)
			}
		},
		"newfstatat": func(once func() error) {
			real := system.fstatat
			system.fstatat = func(fd int, name string, st *unix.Stat_t, flags int) error {
				if err := once(); err != nil {
					return err
				}
				return real(fd, name, st, flags)
			}
		},
		"lstat": func(once func() error) {
			real := system.lstat
			system.lstat = func(path string, st *unix.Stat_t) error {
				if strings.HasSuffix(path, "new") {
					if err := once(); err != nil {
						return err
					}
				}
				return real(path, st)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			real := system
			defer func() { system = real }()
			root, away := t.TempDir(), t.TempDir()
			mkdir(t, filepath.Join(away, "new/deep"))
			write(t, filepath.Join(away, "new/deep/file"), "x")
			var said strings.Builder
			w := watchFiles(t, Options{Paths: []string{root}, Recursive: true, Each: true, Report: report.New(&said, "ev", report.Plain, report.Notice)})
			failed, unseen := false, 0
			w.do(func() {
				fail(func() error {
					if failed {
						return nil
					}
					failed = true
					return unix.EIO
				})
			})
			rename(t, filepath.Join(away, "new"), filepath.Join(root, "new"))
			w.expectAll(filepath.Join(root, "new"), filepath.Join(root, "new/deep"), filepath.Join(root, "new/deep/file"))
			appendTo(t, filepath.Join(root, "new/deep/file"), "y")
			w.expect("content", filepath.Join(root, "new/deep/file"))
			w.do(func() { unseen = w.stat.Unseen() })
			if !failed || unseen != 0 || strings.Count(said.String(), "once it can be read again") > 1 {
				t.Errorf("failed: %v, unseen: %d, said: %s", failed, unseen, &said)
			}
		})
	}
}

// Rules that can't be read are obeyed once they can be.
func TestRetry_ignoreFile(t *testing.T) {
	if os.Getuid() == 0 {
		asNobody(t)
		return
	}
	root := t.TempDir()
	rules := filepath.Join(root, ".ignore")
	write(t, rules, "*.log\n")
	chmod(t, rules, 0)
	var said strings.Builder
	o := Options{Paths: []string{root}, Recursive: true, Each: true, Report: report.New(&said, "ev", report.Plain, report.Notice)}
	w := watchFiles(t, o)
	write(t, filepath.Join(root, "a.log"), "x")
	w.expect("created", filepath.Join(root, "a.log"))
	unseen := 0
	w.do(func() { unseen = w.stat.Unseen() })
	if unseen != 1 || !strings.Contains(said.String(), "not obeyed") {
		t.Errorf("%d unseen, said %s", unseen, &said)
	}
	chmod(t, rules, 0o600)
	w.do(w.stat.retry)
	for until := time.Now().Add(looptest.Patience); unseen != 0 && time.Now().Before(until); { // a look may take its time
		w.do(func() { unseen = w.stat.Unseen() })
	}
	if unseen != 0 {
		t.Errorf("%d unseen", unseen)
	}
	write(t, filepath.Join(root, "b.log"), "x")
	w.quiet()
}
