package stat

import (
	"cmp"
	"errors"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

var errInterrupted = errors.New("interrupted before everything was watched")

// walk watches a directory and all below it, and reads them. What is new there is marked, unless it
// last changed before since (nanoseconds since 1970): then it is taken as if it had always been
// there. So are directories if there is a since, as what is new in one of them changes it, however
// old it is.
//
// Marks come in the order of the names. When there are none to come, a helper does most of the
// reading.
func (t *tree) walk(d *dir, since int64) {
	var h helper
	todo := []*dir{d} // the next one last
	for t.failed == nil {
		r := h.take(len(todo) == 0)
		if r == nil {
			last := len(todo) - 1
			if last < 0 {
				break
			}
			d, todo = todo[last], todo[:last]
			t.watch(d)
			if !t.armed && last > h.busy && h.give(d) {
				continue
			}
			r = &t.reading
			r.read(d)
		}
		t.takeIn(r, since)
		first := len(todo)
		for e := range r.dir.kids.all() {
			if e.dir.isThere() {
				todo = append(todo, e.dir)
			}
		}
		slices.Reverse(todo[first:])
		if t.interrupted.Load() {
			t.failed = errInterrupted
		}
		if r != &t.reading {
			h.idle = append(h.idle, r)
		}
	}
	h.dismiss()
}

// release ends the watches of a directory and of all below it. Until they have been read again,
// what is found under their paths says nothing: a symbolic link may lead from there to other files
// of the same names.
func (t *tree) release(d *dir) {
	t.unwatch(d)
	delete(t.came, d)
	d.stale = true
	for e := range d.kids.all() {
		if e.dir != nil {
			t.release(e.dir)
		}
	}
}

// displace takes in that no directory is any more where d was. It is not watched until there is one
// again: its path leads elsewhere or nowhere, and its inode may be another directory's by now,
// whose watch would be ended in its place.
func (t *tree) displace(d *dir) {
	if d.isThere() {
		t.release(d)
		d.setID(file{})
	}
}

// isThere reports whether a directory was found at its path when that was last looked at.
func (d *dir) isThere() bool { return d != nil && d.id() != fileID{} }

// rearm watches anew what is at a directory's path now, and marks what is not as it was: the path
// may have come to stand for another directory, or its watch may have ended.
func (t *tree) rearm(d *dir) {
	t.release(d)
	d.top.rules.Forget(d.top.rel(d.path))
	f, err := t.state(d.spot())
	switch {
	case err != nil:
		t.cannotSee(spot{dir: d}, err)
	case f.isDir():
		d.setID(f)
		t.walk(d, 0)
	}
}

// A reading is what was found in a directory. To make it is the kernel's work, nearly all, and may
// be done on any goroutine.
type reading struct {
	dir     *dir
	file    file // what is at its path now
	err     error
	names   []listed // sorted
	fd      int
	dirents []byte
	stat    unix.Stat_t
}

type listed struct {
	name string
	file file
	err  error // why nobody knows
}

func (r *reading) read(d *dir) {
	r.dir, r.names = d, r.names[:0]
	if r.err = r.open(); r.err == nil {
		r.err = r.list()
		_ = unix.Close(r.fd)
	}
}

func (r *reading) open() error {
	err := fdio.Retry(func() (err error) {
		r.fd, err = system.open(r.dir.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	if err = fdio.Retry(func() error { return unix.Fstat(r.fd, &r.stat) }); err != nil {
		_ = unix.Close(r.fd)
	}
	r.file = newFile(&r.stat)
	return err
}

// list reads the names, and looks at each.
func (r *reading) list() error {
	if r.dirents == nil {
		r.dirents = make([]byte, 8192)
	}
	var names []string
	for n := 1; n > 0; {
		err := fdio.Retry(func() (err error) {
			n, err = system.readDirent(r.fd, r.dirents)
			return err
		})
		if err != nil {
			return err
		}
		_, _, names = unix.ParseDirent(r.dirents[:n], -1, names)
	}
	for _, name := range names {
		err := fdio.Retry(func() error { return system.fstatat(r.fd, name, &r.stat, unix.AT_SYMLINK_NOFOLLOW) })
		switch {
		case err == nil:
			r.names = append(r.names, listed{name: name, file: newFile(&r.stat)})
		case !isAbsent(err):
			r.names = append(r.names, listed{name: name, err: err})
		}
	}
	slices.SortFunc(r.names, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	return nil
}

// A helper makes readings on a goroutine of its own. The zero helper has none yet.
type helper struct {
	todo, done chan *reading // room for all there are
	idle       []*reading
	busy       int // readings that are not back yet
}

// ahead is how many readings a helper may have: enough not to run out of them.
const ahead = 16

// give hands a directory over, unless the helper has enough to do.
func (h *helper) give(d *dir) bool {
	if h.todo == nil && runtime.GOMAXPROCS(0) > 1 {
		h.todo, h.done = make(chan *reading, ahead), make(chan *reading, ahead)
		for range ahead {
			h.idle = append(h.idle, &reading{})
		}
		go h.work(h.todo, h.done)
	}
	last := len(h.idle) - 1
	if last < 0 {
		return false
	}
	r := h.idle[last]
	h.idle = h.idle[:last]
	r.dir = d
	h.todo <- r
	h.busy++
	return true
}

func (h *helper) work(todo <-chan *reading, done chan<- *reading) {
	for r := range todo {
		r.read(r.dir)
		done <- r
	}
}

// take returns a reading that is done, or nil. It may wait for one.
func (h *helper) take(wait bool) (r *reading) {
	switch {
	case h.busy == 0:
		return nil
	case wait:
		r = <-h.done
	default:
		select {
		case r = <-h.done:
		default:
			return nil
		}
	}
	h.busy--
	return r
}

// dismiss has the helper go, once it has done what it was given.
func (h *helper) dismiss() {
	if h.todo != nil {
		close(h.todo)
	}
}
