package stat

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// A counted source counts how many there are of it.
type counted struct {
	source
	open *atomic.Int32
}

func (s counted) Close() error {
	s.open.Add(-1)
	return s.source.Close()
}

// countedHub returns a Hub, and how many sources it has.
func countedHub() (*Hub, *atomic.Int32) {
	n := &atomic.Int32{}
	return &Hub{open: func(h *Hub) (source, <-chan fsnotify.Event, <-chan error, error) {
		s, events, errs, err := openKernel(h)
		n.Add(1)
		return counted{s, n}, events, errs, err
	}}, n
}

// watchTogether starts Stats on one loop that share a Hub. Each has a fence.
func watchTogether(t *testing.T, hub *Hub, options ...Options) []*watched {
	t.Helper()
	l := looptest.NewLoop(t)
	var list []*watched
	for _, o := range options {
		w := &watched{t: t, loop: l, events: make(chan event.Stat, 10000)}
		w.fence = filepath.Join(t.TempDir(), "fence")
		o.Paths, o.Hub = append(slices.Clone(o.Paths), w.fence), hub
		if o.Settle == 0 {
			o.Settle = 50 * time.Millisecond
		}
		var err error
		w.stat, err = New(l, o, func(d event.Detail) { w.events <- d.(event.Stat) })
		check(t, err)
		check(t, w.stat.Start())
		list = append(list, w)
	}
	l.Ref() // all may have been stopped for a while
	looptest.Go(t, l, func() {
		for _, w := range list {
			w.stat.Stop()
		}
		l.Unref()
	})
	return list
}

// do calls a function on the loop's goroutine, and waits for it.
func (w *watched) do(fn func()) {
	w.t.Helper()
	looptest.On(w.t, w.loop, fn)
}

func (w *watched) stop()  { w.do(w.stat.Stop) }
func (w *watched) again() { w.do(func() { check(w.t, w.stat.Start()) }) }

// spellings returns names for a file in a directory: an absolute one, one by a symbolic link, and
// one relative to the directory.
func spellings(t *testing.T, dir string) []Options {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	symlink(t, dir, link)
	t.Chdir(dir)
	return []Options{
		{Paths: []string{filepath.Join(dir, "file")}},
		{Paths: []string{filepath.Join(link, "file")}},
		{Paths: []string{"./file"}},
		{Paths: []string{link}, Recursive: true, Each: true},
		{Paths: []string{"."}, Recursive: true, Each: true},
	}
}

// told returns the path by which each of the spellings is told of the file.
func told(o Options) string {
	switch {
	case !o.Recursive:
		return filepath.Clean(o.Paths[0])
	case o.Paths[0] == ".":
		return "./file"
	}
	return filepath.Join(o.Paths[0], "file")
}

func TestHub_oneDirectoryUnderSeveralNames(t *testing.T) {
	hub, sources := countedHub()
	dir := t.TempDir()
	options := spellings(t, dir)
	all := watchTogether(t, hub, options...)
	for _, change := range []string{"created", "content"} {
		f, err := os.OpenFile(filepath.Join(dir, "file"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		check(t, err)
		if change == "content" {
			_, err = f.WriteString("x")
			check(t, err)
		}
		check(t, f.Close())
		for i, w := range all {
			w.expect(change, told(options[i]))
		}
	}
	if n := sources.Load(); n != 1 {
		t.Errorf("%d sources", n)
	}
	f, err := stat(dir)
	check(t, err)
	all[0].do(func() {
		n := 0
		for _, p := range hub.names {
			if p.first.id() == f.id() {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the directory is watched by %d names", n)
		}
	})
}

// Whoever stays misses nothing, whichever of the names was watched first.
func TestHub_stopOfOneLeavesTheOthers(t *testing.T) {
	hub, sources := countedHub()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	options := spellings(t, dir)
	write(t, file, "x")
	all := watchTogether(t, hub, options...)
	for i, out := range all {
		out.stop()
		appendTo(t, file, "y")
		for j, w := range all {
			if j != i {
				w.expect("content", told(options[j]))
			}
		}
		out.again()
		appendTo(t, file, "z")
		for j, w := range all {
			w.expect("content", told(options[j]))
		}
	}
	for i, w := range all {
		if n := sources.Load(); n != 1 {
			t.Errorf("%d sources while %d are active", n, len(all)-i)
		}
		w.stop()
	}
	all[0].do(func() {
		if n := sources.Load(); n != 0 || len(hub.places)+len(hub.names)+len(hub.hearers) > 0 {
			t.Errorf("%d sources when all have stopped, %d places, %d names, %d hearers", n, len(hub.places), len(hub.names), len(hub.hearers))
		}
	})
	all[1].again()
	appendTo(t, file, "z")
	all[1].expect("content", told(options[1]))
}

// What stops has no watch left of its own.
func TestHub_watchesEndWithTheLastWhoAsked(t *testing.T) {
	hub := &Hub{}
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "a/b"))
	all := watchTogether(t, hub,
		Options{Paths: []string{dir}, Recursive: true},
		Options{Paths: []string{dir}, Recursive: true},
		Options{Paths: []string{filepath.Join(t.TempDir(), "other")}})
	count := func() (n int) {
		all[0].do(func() { n = hub.watched() })
		return n
	}
	both := count()
	all[0].stop()
	fence := 1 // the directory of the fence
	if n := count(); n != both-fence {
		t.Errorf("%d watched, not %d", n, both-fence)
	}
	all[1].stop()
	if n := count(); n != both-2*fence-3 {
		t.Errorf("%d watched, not %d", n, both-2*fence-3)
	}
	all[2].do(func() {
		if n := len(hub.source.(kernel).WatchList()); n != hub.watched() || n != len(hub.names) {
			t.Errorf("the kernel watches %d, the Hub %d by %d names", n, hub.watched(), len(hub.names))
		}
	})
}

// The new directory often has the number of the one that was there.
func TestHub_directoryDeletedAndMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	link := filepath.Join(t.TempDir(), "link")
	symlink(t, dir, link)
	options := []Options{
		{Paths: []string{filepath.Join(dir, "file")}},
		{Paths: []string{filepath.Join(dir, "file")}},
		{Paths: []string{filepath.Join(link, "file")}},
	}
	mkdir(t, dir)
	write(t, filepath.Join(dir, "file"), "x")
	all := watchTogether(t, &Hub{}, options...)
	for range 5 {
		remove(t, dir)
		for i, w := range all {
			w.expect("removed", told(options[i]))
		}
		mkdir(t, dir)
		write(t, filepath.Join(dir, "file"), "x")
		for i, w := range all {
			w.expect("created", told(options[i]))
		}
		appendTo(t, filepath.Join(dir, "file"), "y")
		for i, w := range all {
			w.expect("content", told(options[i]))
		}
	}
}

// A watch ends when the directory leaves the name that the source has for it, though others know it
// by names that still hold.
func TestHub_directoryMovedAwayFromOneOfItsNames(t *testing.T) {
	dir := t.TempDir()
	first, second, link := filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "link")
	mkdir(t, first)
	write(t, filepath.Join(first, "file"), "x")
	symlink(t, "first", link)
	all := watchTogether(t, &Hub{},
		Options{Paths: []string{filepath.Join(first, "file")}},
		Options{Paths: []string{filepath.Join(link, "file")}},
		Options{Paths: []string{dir}, Recursive: true, Each: true})
	rename(t, first, second)
	all[0].expect("removed", filepath.Join(first, "file"))
	all[1].expect("removed", filepath.Join(link, "file"))
	all[2].expectAll(second, filepath.Join(second, "file"))
	appendTo(t, filepath.Join(second, "file"), "y")
	all[2].expect("content", filepath.Join(second, "file"))
	remove(t, link)
	all[2].expect("removed", link)
	symlink(t, "second", link)
	all[1].expect("created", filepath.Join(link, "file"))
	all[2].expect("created", link)
	mkdir(t, first)
	write(t, filepath.Join(first, "file"), "new")
	all[0].expect("created", filepath.Join(first, "file"))
	all[2].expectAll(first, filepath.Join(first, "file"))
	appendTo(t, filepath.Join(second, "file"), "z")
	all[1].expect("content", filepath.Join(link, "file"))
	all[2].expect("content", filepath.Join(second, "file"))
	for _, w := range all {
		w.quiet()
	}
}

// The source takes a name for the inode that it was given for, so a name that is needed for another
// has to be taken from it, and whoever knows that inode by another name goes on.
func TestHub_nameIsNeededForAnother(t *testing.T) {
	dir := t.TempDir()
	old, at := filepath.Join(dir, "old"), filepath.Join(dir, "at")
	mkdir(t, filepath.Join(old, "d"))
	mkdir(t, filepath.Join(at, "d"))
	write(t, filepath.Join(at, "d/file"), "x")
	if err := mountBind(filepath.Join(at, "d"), filepath.Join(old, "d")); err != nil {
		t.Skip("can't mount here: ", err)
	}
	t.Cleanup(func() { _ = unmount(filepath.Join(old, "d")) })
	all := watchTogether(t, &Hub{},
		Options{Paths: []string{filepath.Join(at, "d/file")}},
		Options{Paths: []string{filepath.Join(old, "d/file")}})
	all[0].stop() // the name stays
	rename(t, at, at+"2")
	mkdir(t, filepath.Join(at, "d"))
	all[0].again()
	write(t, filepath.Join(at, "d/file"), "y")
	all[0].expect("created", filepath.Join(at, "d/file"))
	appendTo(t, filepath.Join(old, "d/file"), "z")
	all[1].expect("content", filepath.Join(old, "d/file"))
	for _, w := range all {
		w.quiet()
	}
}

// Of a directory that is the working directory no other tells.
func TestHub_workingDirectoryMoved(t *testing.T) {
	dir := t.TempDir()
	here := filepath.Join(dir, "here")
	mkdir(t, here)
	t.Chdir(here)
	all := watchTogether(t, &Hub{},
		Options{Paths: []string{"file"}},
		Options{Paths: []string{"."}, Recursive: true, Each: true})
	rename(t, here, filepath.Join(dir, "there"))
	for _, w := range all {
		w.quiet()
	}
	write(t, "file", "x")
	all[0].expect("created", "file")
	all[1].expect("created", "./file")
}

func TestHub_overflowReachesAll(t *testing.T) {
	errs := make(chan error)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	all := watchTogether(t, fakeHub(deafSource{}, nil, errs), Options{Paths: []string{a}}, Options{Paths: []string{b}})
	write(t, a, "x")
	write(t, b, "x")
	errs <- fsnotify.ErrEventOverflow
	all[0].expect("created", a)
	all[1].expect("created", b)
}

func TestHub_unrelatedNamesWakeOnlyThoseInterested(t *testing.T) {
	events := make(chan fsnotify.Event)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	all := watchTogether(t, fakeHub(deafSource{}, events, nil), Options{Paths: []string{a}}, Options{Paths: []string{b}})
	write(t, a, "x")
	write(t, b, "x")
	events <- fsnotify.Event{Name: a, Op: fsnotify.Create}
	all[0].expect("created", a)
	all[1].do(func() {
		if b := all[1].stat.tree.n.take(); len(b.notices) > 0 || len(all[1].stat.tree.marks) > 0 {
			t.Errorf("told of %v", b.notices)
		}
	})
}

// A limit that only one runs into is told by that one, and harms nobody else.
func TestHub_limit(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "a/b/c"))
	file := filepath.Join(dir, "file")
	full := &fullSource{}
	hub := &Hub{open: func(h *Hub) (source, <-chan fsnotify.Event, <-chan error, error) {
		s, events, errs, err := openKernel(h)
		full.source, full.room = s, 100
		return full, events, errs, err
	}}
	w := watchTogether(t, hub, Options{Paths: []string{file}})[0]
	w.do(func() {
		before := hub.watched()
		full.room = 2
		s, err := New(w.loop, Options{Paths: []string{dir}, Recursive: true, Hub: hub}, func(event.Detail) {})
		check(t, err)
		if err := s.Start(); err == nil {
			t.Error("started, beyond the limit")
		}
		if n := hub.watched(); n != before {
			t.Errorf("%d directories are watched, not %d", n, before)
		}
	})
	write(t, file, "x")
	w.expect("created", file)
}

// That no source can be had is an error of those who want one, and tried again.
func TestHub_noSource(t *testing.T) {
	fails := true
	hub := &Hub{}
	hub.open = func(h *Hub) (source, <-chan fsnotify.Event, <-chan error, error) {
		if fails {
			return nil, nil, nil, unix.EMFILE
		}
		return openKernel(h)
	}
	l := looptest.NewLoop(t)
	s, err := New(l, Options{Paths: []string{filepath.Join(t.TempDir(), "file")}, Hub: hub}, func(event.Detail) {})
	check(t, err)
	if err := s.Start(); err == nil || s.Active() {
		t.Error("started")
	}
	fails = false
	check(t, s.Start())
	s.Stop()
}
