package watch

import (
	"cmp"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/ignore"
)

// newTop makes what holds for the directory at a named path.
func (t *tree) newTop(path string) (*top, error) {
	rules, err := ignore.New(path, t.o.Ignore)
	if err != nil {
		return nil, err
	}
	return &top{path, rules}, nil
}

// leadsBack reports whether the inode of a directory is one that it is in: a
// symbolic link made a loop.
func (t *tree) leadsBack(d *dir, f file) bool {
	for up := d.parent; t.o.Follow && up.inTree(); up = up.parent {
		if up.id() == f.id() {
			t.o.Report.Verbosef("%s leads back to %s: it is not followed", d.path, up.path)
			return true
		}
	}
	return false
}

var errInterrupted = errors.New("interrupted before everything was watched")

// walk watches a directory and all below it, and reads them. What is new there is
// marked, unless it last changed before since (nanoseconds since 1970): then it
// is taken as if it had always been there. So are directories if there is a
// since, as what is new in one of them changes it, however old it is.
func (t *tree) walk(d *dir, since int64) {
	if t.stop.Load() {
		t.failed = errInterrupted
		return
	}
	t.watch(d)
	t.scan(d, since)
	for i := 0; i < len(d.kids) && t.failed == nil; i++ {
		if kid := d.kids[i].dir; kid != nil {
			t.walk(kid, since)
		}
	}
}

// release ends the watches of a directory and of all below it. Until they have been
// read again, what is found under their paths says nothing: a symbolic link may
// lead from there to other files of the same names.
func (t *tree) release(d *dir) {
	t.unwatch(d)
	d.stale = true
	for _, e := range d.kids {
		if e.dir != nil {
			t.release(e.dir)
		}
	}
}

// rearm watches anew what is at a directory's path now, and marks what is not as
// it was: the path may have come to stand for another directory, or its watch may
// have ended.
func (t *tree) rearm(d *dir) {
	t.release(d)
	d.top.rules.Forget(d.top.rel(d.path))
	if f, err := t.state(d.spot()); err == nil && f.isDir() {
		d.setID(f)
		t.walk(d, 0)
	}
}

// scan reads a directory, and marks each name at which there is something else
// than was last told. Directories that are new are made, but not yet read.
func (t *tree) scan(d *dir, since int64) {
	switch err := t.list(d.path); {
	case isAbsent(err):
		return // whatever told of it will be looked at
	case err != nil:
		d.blind = true
		t.say(d.path, err)
		return
	}
	d.stale = false
	if d.blind {
		d.blind = false
		delete(t.said, d.path)
	}
	var rules []string
	for _, l := range t.listing {
		if ignore.IsRules(l.name) {
			rules = append(rules, l.name)
		}
	}
	d.top.rules.Enter(d.top.rel(d.path), rules)
	merged, kids := t.merged[:0], d.kids
	for _, l := range t.listing {
		for len(kids) > 0 && kids[0].name < l.name {
			t.mark(spot{d, kids[0].name}, file{})
			merged, kids = append(merged, kids[0]), kids[1:]
		}
		e := entry{name: l.name}
		known := len(kids) > 0 && kids[0].name == l.name
		if known {
			e, kids = kids[0], kids[1:]
		}
		if t.meet(d, &e, l.file, known, since) {
			merged = append(merged, e)
		}
	}
	for _, e := range kids {
		t.mark(spot{d, e.name}, file{})
		merged = append(merged, e)
	}
	if len(merged) == len(d.kids) {
		copy(d.kids, merged)
	} else {
		d.kids = append(make([]entry, 0, len(merged)), merged...)
	}
	clear(merged)
	t.merged = merged
}

// meet brings one entry together with what was found under its name, and reports
// whether it is to be kept.
func (t *tree) meet(d *dir, e *entry, f file, known bool, since int64) bool {
	s := spot{d, e.name}
	path := s.path()
	linked := f.isLink() && t.o.Follow
	if linked {
		t.resolve(s)
		if to, err := t.state(s); err == nil {
			f = to
		}
	}
	if !d.top.counts(path, f) {
		if known {
			t.drop(s, e.dir)
		}
		return false
	}
	if f.isDir() {
		if e.dir == nil {
			kid := &dir{path: path, parent: d, top: d.top}
			if kid.setID(f); !linked || !t.leadsBack(kid, f) {
				e.dir = kid
			}
		} else if e.dir.id() != f.id() {
			t.release(e.dir)
			e.dir.setID(f)
		}
		e.name = path[len(path)-len(e.name):] // one string for both
	}
	switch {
	case known && e.file == f && !t.maySay(s, f):
	case !known && (f.ctime < since || f.isDir() && since > 0) && !t.isMarked(s):
		e.file = f
		t.learn(s, f)
	default:
		t.mark(s, f)
		return known || e.dir != nil
	}
	return true
}

func (t *tree) isMarked(s spot) bool {
	_, ok := t.marked[s]
	return ok
}

// drop forgets what is at a spot, and tells nobody.
func (t *tree) drop(s spot, d *dir) {
	if d != nil {
		t.release(d)
		t.bury(d)
	}
	t.leave(s)
	t.unlearn(s)
}

// bury makes the marks in a directory that is no longer known void.
func (t *tree) bury(d *dir) {
	d.gone = true
	for _, e := range d.kids {
		if e.dir != nil {
			t.bury(e.dir)
		}
		t.leave(spot{d, e.name})
		t.unlearn(spot{d, e.name})
	}
}

type listed struct {
	name string
	file file
}

// list reads the names in a directory and looks at each, into t.listing, sorted.
func (t *tree) list(path string) error {
	t.listing = t.listing[:0]
	var fd, n int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if t.dirents == nil {
		t.dirents = make([]byte, 8192)
	}
	var names []string
	for n = 1; n > 0; {
		err := retry(func() (err error) {
			n, err = unix.ReadDirent(fd, t.dirents)
			return err
		})
		if err != nil {
			return err
		}
		_, _, names = unix.ParseDirent(t.dirents[:n], -1, names)
	}
	for _, name := range names {
		err := retry(func() error { return unix.Fstatat(fd, name, &t.stat, unix.AT_SYMLINK_NOFOLLOW) })
		if err == nil {
			t.listing = append(t.listing, listed{name, newFile(&t.stat)})
		} else if !isAbsent(err) {
			t.say(joinPath(path, name), err)
		}
	}
	slices.SortFunc(t.listing, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	return nil
}
