package stat

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// A timed is a Watcher on fake time, whose source is the test: real files, but
// nothing is known of them that is not told.
type timed struct {
	t      *testing.T
	loop   *loop.Loop
	stat   *Watcher
	dir    string
	told   chan fsnotify.Event
	began  time.Time
	events chan string // when, and of which path
}

// onFakeTime runs a test in a bubble, with a Watcher on the names in a directory or, if
// recursive, on the directory.
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

// A file that a poll finds in the middle of being written is told once it is at
// rest.
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
	if !isBeingWritten(path) {
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
		pass(10 * time.Millisecond)
		w.expect("1.01s b", "1.01s a")
		w.write("a", 10*time.Millisecond)
		w.expect("1.02s a")
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

// A file that is kept open, a log for one, has its writer waited for once.
func TestSettle_aFileThatIsKeptOpen(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond}, []string{"a"}, func(w *timed) {
		f := w.openFile("a")
		w.write("a", time.Second)
		w.expect("500ms a")
		w.write("a", time.Second)
		w.expect("1.01s a")
		check(t, f.Close())
		w.write("a", time.Second)
		w.expect("2.01s a")
		f = w.openFile("a") // it was closed meanwhile: it may well be again
		w.write("a", 100*time.Millisecond)
		w.expect()
		check(t, f.Close())
		pass(10 * time.Millisecond)
		w.expect("3.11s a")
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

func TestSettle_waitsWhileGitIsAtWork(t *testing.T) {
	onFakeTime(t, Options{Settle: 10 * time.Millisecond, Recursive: true}, []string{"a", "b"}, func(w *timed) {
		git := filepath.Join(w.dir, ".git")
		lock := filepath.Join(git, "index.lock")
		mkdir(t, git)
		w.told <- fsnotify.Event{Name: git, Op: fsnotify.Create}
		write(t, lock, "")
		w.write("b", 200*time.Millisecond)
		w.write("a", 200*time.Millisecond)
		w.expect()
		remove(t, lock)
		pass(10 * time.Millisecond)
		w.expect("410ms b", "410ms a")
		write(t, lock, "") // and nobody removes it
		w.write("a", time.Second)
		w.expect("910ms a")
		w.write("a", time.Second)
		w.expect("1.42s a")
	})
}

func TestPoll_waitsUntilTheWriterHasClosed(t *testing.T) {
	onFakeTime(t, Options{Poll: time.Second, Settle: 10 * time.Millisecond}, []string{"a"}, func(w *timed) {
		f := w.openFile("a")
		appendTo(t, filepath.Join(w.dir, "a"), "x")
		pass(1195 * time.Millisecond)
		w.expect()
		check(t, f.Close())
		pass(5 * time.Millisecond)
		w.expect("1.2s a")
	})
}
