package stat

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// A watched is a Watcher on a loop of its own, on real files.
type watched struct {
	t      *testing.T
	loop   *loop.Loop
	stat   *Watcher
	events chan event.Stat
	fence  string
}

// watchFiles starts a Watcher on the paths, and on a further one: the fence, with which a test
// finds out that nothing else has happened.
func watchFiles(t *testing.T, o Options) *watched {
	t.Helper()
	w := &watched{t: t, events: make(chan event.Stat, 10000)}
	w.fence = filepath.Join(t.TempDir(), "fence")
	o.Paths = append(slices.Clone(o.Paths), w.fence)
	if o.Settle == 0 {
		o.Settle = 50 * time.Millisecond
	}
	w.start(o)
	return w
}

func (w *watched) start(o Options) {
	w.t.Helper()
	w.loop = looptest.NewLoop(w.t)
	var err error
	w.stat, err = New(w.loop, o, func(d event.Detail) { w.events <- d.(event.Stat) })
	check(w.t, err)
	check(w.t, w.stat.Start())
	w.t.Cleanup(func() { check(w.t, w.loop.Verify()) })
	looptest.Go(w.t, w.loop, w.stat.Stop)
}

func (w *watched) next() event.Stat {
	w.t.Helper()
	return looptest.Receive(w.t, w.events, "no event")
}

// expect checks the next event: its kinds of change and its paths.
func (w *watched) expect(change string, paths ...string) event.Stat {
	w.t.Helper()
	d := w.next()
	if got := strings.Join(d.Change, ","); got != change || !slices.Equal(d.Paths, paths) {
		w.t.Fatalf("got %s of %q, want %s of %q", got, d.Paths, change, paths)
	}
	return d
}

// quiet checks that nothing has been told, nor will be, of what was done so far.
func (w *watched) quiet() {
	w.t.Helper()
	now, err := lstat(w.fence)
	if err != nil {
		w.t.Fatal(err)
	}
	if now.exists() {
		remove(w.t, w.fence)
		w.expect("removed", w.fence)
		return
	}
	write(w.t, w.fence, "")
	w.expect("created", w.fence)
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	check(tb, os.WriteFile(path, []byte(text), 0o644))
}

// passes has the clock of the file system, which ticks slowly, pass a time in nanoseconds since
// 1970: what is changed from then on is later.
func passes(tb testing.TB, at int64) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "clock")
	for now := (file{}); now.ctime <= at; {
		write(tb, path, "")
		var err error
		now, err = lstat(path)
		check(tb, err)
	}
}

func mkdir(tb testing.TB, path string)        { tb.Helper(); check(tb, os.MkdirAll(path, 0o755)) }
func remove(tb testing.TB, path string)       { tb.Helper(); check(tb, os.RemoveAll(path)) }
func rename(tb testing.TB, from, to string)   { tb.Helper(); check(tb, os.Rename(from, to)) }
func symlink(tb testing.TB, to, path string)  { tb.Helper(); check(tb, os.Symlink(to, path)) }
func chmod(tb testing.TB, p string, m uint32) { tb.Helper(); check(tb, os.Chmod(p, os.FileMode(m))) }

// watchedDirs returns what the system watches for it.
func (w *watched) watchedDirs() []string {
	var list []string
	w.do(func() {
		for _, p := range w.stat.o.Hub.places {
			if !p.first.file {
				list = append(list, p.name)
			}
		}
	})
	return list
}

func appendTo(tb testing.TB, path, text string) {
	tb.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	check(tb, err)
	_, err = f.WriteString(text)
	check(tb, err)
	check(tb, f.Close())
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Each way in which an editor or a tool saves a file is one event, and the file is whole when it
// comes.
func TestStat_eachSaveIsOneEvent(t *testing.T) {
	for name, steps := range map[string]string{
		"in place":                                     "write file",
		"truncate, then write (VS Code)":               "truncate file, append file",
		"in chunks":                                    "truncate file, chunks file",
		"rename over it (sed -i)":                      "write new, rename new file",
		"rename over it, set its times (rsync)":        "write new, chmod new, rename new file, age file",
		"delete and recreate (git checkout)":           "remove file, write file",
		"delete, recreate, set its mode (install)":     "remove file, write file, chmod file",
		"copy, write in place (vim backupcopy=yes)":    "write file~, write file, remove file~",
		"rename it, write anew (vim backupcopy=no)":    "write 4913, remove 4913, rename file file~, write file, remove file~",
		"write a new one, delete, rename (some tools)": "write new, remove file, rename new file",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			write(t, path, "before")
			// The quiet time is long, so that a busy machine does not cut a save in two.
			w := watchFiles(t, Options{Paths: []string{path}, Settle: 300 * time.Millisecond})
			for range 2 { // none of them makes it deaf
				save(t, filepath.Dir(path), steps)
				d := w.next()
				if d.Now.Size != int64(len(saved)) || !d.Prev.Exists || !slices.Contains(d.Change, "content") || !slices.Equal(d.Paths, []string{path}) {
					t.Errorf("got %+v", d)
				}
				w.quiet()
				write(t, path, "before")
				w.next()
			}
		})
	}
}

// saved is what is in a file that was saved.
const saved = "what is saved\n"

// save does what is written in steps, to the files of a directory.
func save(t *testing.T, dir, steps string) {
	t.Helper()
	for step := range strings.SplitSeq(steps, ", ") {
		words := strings.Fields(step)
		path := filepath.Join(dir, words[1])
		switch words[0] {
		case "write":
			write(t, path, saved)
		case "truncate":
			check(t, os.Truncate(path, 0))
		case "append":
			appendTo(t, path, saved)
		case "chunks":
			for _, c := range saved {
				appendTo(t, path, string(c))
			}
		case "rename":
			rename(t, path, filepath.Join(dir, words[2]))
		case "remove":
			remove(t, path)
		case "chmod":
			chmod(t, path, 0o640)
		case "age":
			check(t, os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)))
		default:
			t.Fatalf("no such step: %s", step)
		}
	}
}

func TestStat_startIsInterrupted(t *testing.T) {
	l := looptest.NewLoop(t)
	s, err := New(l, Options{Paths: []string{t.TempDir()}, Recursive: true}, func(event.Detail) { t.Error("told") })
	check(t, err)
	s.Interrupt()
	if err := s.Start(); err == nil || s.Active() {
		t.Errorf("active %v, %v", s.Active(), err)
	}
	looptest.Run(t, l) // nothing holds it
}
