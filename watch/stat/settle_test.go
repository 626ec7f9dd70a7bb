package stat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/ignore"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// A timed is a Watcher on fake time, whose source is the test: real files, but nothing is known of
// them that is not told.
type timed struct {
	t      *testing.T
	loop   *loop.Loop
	stat   *Watcher
	dir    string
	told   chan fsnotify.Event
	began  time.Time
	events chan string // when, and of which path
}

// onFakeTime runs a test in a bubble, with a Watcher on the names in a directory or, if recursive,
// on the directory.
func onFakeTime(t *testing.T, o Options, names []string, test func(*timed)) {
	t.Helper()
	w := &timed{t: t, dir: t.TempDir()}
	for _, name := range names {
		write(t, filepath.Join(w.dir, name), "")
		o.Paths = append(o.Paths, filepath.Join(w.dir, name))
	}
	if o.Recursive {
		o.Paths = []string{w.dir}
	}
	synctest.Test(t, func(t *testing.T) {
		w.t, w.began = t, time.Now()
		w.told, w.events = make(chan fsnotify.Event), make(chan string, 100)
		l, err := loop.New(loop.WithBackend(looptest.New()))
		check(t, err)
		o.Hub = fakeHub(deafSource{}, w.told, nil)
		s, err := New(l, o, func(d event.Detail) {
			for _, p := range d.(event.Stat).Paths {
				w.events <- time.Since(w.began).String() + " " + filepath.Base(p)
			}
		})
		check(t, err)
		check(t, s.Start())
		w.loop, w.stat = l, s
		done := make(chan struct{})
		go func() {
			defer close(done)
			check(t, l.Run(t.Context(), loop.RunDefault))
		}()
		test(w)
		pass(time.Minute) // all that is under way ends
		l.Post(s.Stop)
		<-done
		close(w.told)
	})
}

// pass lets time pass in the bubble.
func pass(d time.Duration) { <-time.After(d) }

// write changes a file and tells of it, and lets time pass.
func (w *timed) write(name string, then time.Duration) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	appendTo(w.t, path, "x")
	w.told <- fsnotify.Event{Name: path, Op: fsnotify.Write}
	pass(then)
}

func (w *timed) expect(events ...string) {
	w.t.Helper()
	synctest.Wait()
	var got []string
	for len(w.events) > 0 {
		got = append(got, <-w.events)
	}
	if !slices.Equal(got, events) {
		w.t.Errorf("got %q, want %q", got, events)
	}
}

func TestSettle_waitsForQuiet(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, MaxWait: time.Second}, []string{"a", "b"}, func(w *timed) {
		w.write("b", 9*time.Millisecond)
		w.write("a", 9*time.Millisecond)
		w.write("b", 9*time.Millisecond)
		w.expect()
		pass(time.Millisecond)
		w.expect("28ms b", "28ms a")
		w.write("a", 11*time.Millisecond)
		w.expect("38ms a")
	})
}

func TestSettle_maxWaitCapsIt(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, MaxWait: 100 * time.Millisecond}, []string{"a"}, func(w *timed) {
		for range 40 {
			w.write("a", 7*time.Millisecond)
		}
		w.expect("100ms a", "205ms a") // 105ms is when the second wait began
	})
}

func TestSettle_withoutMaxWaitItWaitsOn(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond}, []string{"a"}, func(w *timed) {
		for range 1000 {
			w.write("a", 5*time.Millisecond)
		}
		w.expect()
		pass(5 * time.Millisecond)
		w.expect("5.005s a")
	})
}

func TestSettle_zeroTellsEachAtOnce(t *testing.T) {
	onFakeTime(t, Options{}, []string{"a"}, func(w *timed) {
		w.write("a", 0)
		w.expect("0s a")
		w.write("a", 0)
		w.expect("0s a")
	})
}

func TestSettle_unrelatedNamesDoNotPutItOff(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond}, []string{"a"}, func(w *timed) {
		w.write("a", 9*time.Millisecond)
		w.told <- fsnotify.Event{Name: filepath.Join(w.dir, "unrelated"), Op: fsnotify.Create}
		pass(time.Millisecond)
		w.expect("10ms a")
	})
}

func TestHold_whatChangesWaits(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, MaxWait: 50 * time.Millisecond}, []string{"a", "b"}, func(w *timed) {
		w.loop.Post(func() { w.stat.Hold(true) })
		for range 20 {
			w.write("b", 20*time.Millisecond)
			w.write("a", 0)
		}
		w.expect()
		w.loop.Post(func() { w.stat.Hold(false) })
		w.expect("400ms b", "400ms a")
		w.write("a", 10*time.Millisecond)
		w.expect("410ms a")
	})
}

// What was not told is found out when it is looked for, by polling.
func TestPoll_interval(t *testing.T) {
	onFakeTime(t, Options{Poll: 5 * time.Second, Settle: 10 * time.Millisecond}, []string{"a", "b"}, func(w *timed) {
		pass(time.Second)
		appendTo(t, filepath.Join(w.dir, "b"), "x")
		appendTo(t, filepath.Join(w.dir, "a"), "x")
		pass(4*time.Second + 9*time.Millisecond)
		w.expect()
		pass(time.Millisecond)
		w.expect("5.01s a", "5.01s b")
	})
}

// A file that a poll finds in the middle of being written is told once it is at rest.
func TestPoll_waitsUntilAFileIsAtRest(t *testing.T) {
	onFakeTime(t, Options{Poll: time.Second, Settle: 10 * time.Millisecond, MaxWait: time.Second}, []string{"a"}, func(w *timed) {
		appendTo(t, filepath.Join(w.dir, "a"), "x")
		pass(1005 * time.Millisecond)
		appendTo(t, filepath.Join(w.dir, "a"), "x")
		pass(10 * time.Millisecond)
		appendTo(t, filepath.Join(w.dir, "a"), "x")
		w.expect()
		pass(15 * time.Millisecond)
		w.expect("1.03s a")
	})
}

// openFile opens a file for writing, or skips the test where nobody tells that it is.
func (w *timed) openFile(name string) *os.File {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	check(w.t, err)
	if !fdio.IsBeingWritten(path) {
		_ = f.Close()
		w.t.Skip("nothing tells here that a file is open for writing")
	}
	return f
}

func TestSettle_waitsUntilTheWriterHasClosed(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond}, []string{"a", "b"}, func(w *timed) {
		f := w.openFile("a")
		w.write("b", 0)
		for range 5 {
			w.write("a", 200*time.Millisecond)
		}
		w.expect()
		check(t, f.Close())
		pass(100 * time.Millisecond) // a tenth of the wait may be over before that is seen
		w.expect("1.078s b", "1.078s a")
		w.write("a", 10*time.Millisecond)
		w.expect("1.11s a")
	})
}

func TestSettle_maxWaitCapsTheWaitForAWriter(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, MaxWait: 100 * time.Millisecond}, []string{"a"}, func(w *timed) {
		f := w.openFile("a")
		w.write("a", 101*time.Millisecond)
		w.expect("100ms a")
		check(t, f.Close())
	})
}

// A writer that rests has not finished. What is written without end is told each MaxWait, and once
// more at the end.
func TestSettle_aSlowWriter(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, MaxWait: 975 * time.Millisecond}, []string{"a"}, func(w *timed) {
		f := w.openFile("a")
		for range 70 {
			w.write("a", 50*time.Millisecond)
		}
		w.expect("975ms a", "1.975s a", "2.975s a") // each wait begins with a write
		check(t, f.Close())
		pass(200 * time.Millisecond)
		w.expect("3.506s a")
	})
	onFakeTime(t, Options{Settle: 10 * time.Millisecond}, []string{"a"}, func(w *timed) {
		f := w.openFile("a")
		w.write("a", 1500*time.Millisecond)
		w.write("a", time.Hour)
		w.expect()
		check(t, f.Close())
		pass(slowestLook)
		w.expect("1h0m1.7s a")
	})
}

func TestSettle_whoWaitsForAPathToGoWaitsForNoWriter(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, Until: Gone}, []string{"a", "b"}, func(w *timed) {
		f := w.openFile("b")
		w.write("b", 0)
		a := filepath.Join(w.dir, "a")
		remove(t, a)
		w.told <- fsnotify.Event{Name: a, Op: fsnotify.Remove}
		pass(10 * time.Millisecond)
		w.expect("10ms a")
		check(t, f.Close())
	})
}

// Between the deletion of a file and its new version a shell starts a process.
func TestSettle_whatIsGoneMayComeBack(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond}, []string{"a", "b"}, func(w *timed) {
		a := filepath.Join(w.dir, "a")
		for _, back := range []bool{true, false} {
			remove(t, a)
			w.told <- fsnotify.Event{Name: a, Op: fsnotify.Remove}
			pass(45 * time.Millisecond)
			w.expect()
			if back {
				write(t, a, "new")
				w.told <- fsnotify.Event{Name: a, Op: fsnotify.Create}
				pass(10 * time.Millisecond)
				w.expect("55ms a")
			}
		}
		pass(5 * time.Millisecond)
		w.expect("105ms a")
	})
}

// Git writes files while it has the index locked: here, in a linked work tree, whether or not its
// ignore rules are obeyed, and for files that are named one by one.
func TestSettle_waitsWhileGitIsAtWork(t *testing.T) {
	for name, o := range map[string]Options{
		"tree":             {Recursive: true},
		"without rules":    {Recursive: true, Ignore: ignore.Options{NoIgnore: true, Hidden: true}},
		"named one by one": {},
	} {
		for _, linked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, linked=%v", name, linked), func(t *testing.T) {
				o.Settle = 10 * time.Millisecond
				git := filepath.Join(t.TempDir(), "main/.git")
				var said strings.Builder
				o.Report = report.New(&said, "ev", report.Plain, report.Notice)
				onFakeTime(t, o, []string{"a", "b"}, func(w *timed) {
					dot := filepath.Join(w.dir, ".git")
					if linked {
						git = filepath.Join(git, "worktrees/here")
						mkdir(t, git)
						write(t, filepath.Join(git, "commondir"), "../..\n")
						write(t, dot, "gitdir: "+git+"\n")
					} else {
						git = dot
						mkdir(t, git)
					}
					w.told <- fsnotify.Event{Name: dot, Op: fsnotify.Create}
					pass(time.Second)
					lock := filepath.Join(git, "index.lock")
					write(t, lock, "")
					w.write("b", 200*time.Millisecond)
					w.write("a", 200*time.Millisecond)
					for len(w.events) > 0 { // .git itself, without rules
						if e := <-w.events; !strings.HasSuffix(e, " .git") {
							t.Errorf("told: %s", e)
						}
					}
					remove(t, lock)
					pass(50 * time.Millisecond)
					w.expect("1.405s b", "1.405s a")
					write(t, lock, "") // and nobody removes it
					w.write("a", 59*time.Second)
					w.expect()
					pass(2 * time.Second)
					w.expect("1m1.755s a")
					w.write("a", time.Second)
					w.expect("1m2.46s a")
					if n := strings.Count(said.String(), lock+" has existed for a minute"); n != 1 {
						t.Errorf("the stale lock is told %d times", n)
					}
				})
			})
		}
	}
}

func TestPoll_waitsUntilTheWriterHasClosed(t *testing.T) {
	onFakeTime(t, Options{Poll: time.Second, Settle: 10 * time.Millisecond}, []string{"a"}, func(w *timed) {
		f := w.openFile("a")
		appendTo(t, filepath.Join(w.dir, "a"), "x")
		pass(1195 * time.Millisecond)
		w.expect()
		check(t, f.Close())
		pass(25 * time.Millisecond)
		w.expect("1.212s a")
	})
}
