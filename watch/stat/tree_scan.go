package stat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/ignore"
	"github.com/evshell/ev/internal/limits"
)

// newTop makes what holds for the directory at a named path.
func (t *tree) newTop(path string) (*top, error) {
	o := t.o.Ignore
	o.FoldExts = foldsCase(path)
	rules, err := ignore.New(path, o)
	if err != nil {
		return nil, err
	}
	return &top{path: path, rules: rules, depth: t.o.Depth, own: t.o.ownIn(path)}, nil
}

// foldsCase reports whether a file system knows no upper and lower case: whether a directory has
// its name in the other one as well.
func foldsCase(path string) bool {
	path = absolute(path)
	dir, base := splitPath(path)
	other := strings.ToUpper(base)
	if other == base {
		other = strings.ToLower(base)
	}
	if other == base {
		return false
	}
	one, err := lstat(path)
	two, err2 := lstat(joinPath(dir, other))
	return err == nil && err2 == nil && one.exists() && one.id() == two.id()
}

// leadsBack reports whether the inode of a directory is one that it is in: a symbolic link made a
// loop.
func (t *tree) leadsBack(d *dir, f file) bool {
	for up := d.parent; t.o.Follow && up.inTree(); up = up.parent {
		if up.id() == f.id() {
			t.o.Report.Verbosef("%s leads back to %s: it is not followed", d.path, up.path)
			return true
		}
	}
	return false
}

// scan reads a directory, as it is now.
func (t *tree) scan(d *dir, since int64) {
	t.reading.read(d)
	t.takeIn(&t.reading, since)
}

// takeIn marks each name in a directory at which there was something else than was last told.
// Directories that are new are made, but not yet read.
func (t *tree) takeIn(r *reading, since int64) {
	d := r.dir
	switch {
	case isAbsent(r.err):
		t.confirm(d, file{})
		t.canSee(spot{dir: d})
		return // whatever told of it will be looked at
	case !t.armed && errors.Is(r.err, unix.EMFILE):
		t.failed = fmt.Errorf("%s: %w", d.path, limits.Descriptors(r.err))
		return
	case r.err != nil:
		d.unread = true
		t.cannotSee(spot{dir: d}, r.err)
		return
	}
	t.confirm(d, r.file)
	d.stale = false
	d.unread = false
	t.canSee(spot{dir: d})
	var rules []string
	for _, l := range r.names {
		if ignore.IsRules(l.name) {
			rules = append(rules, l.name)
		}
	}
	d.top.rules.Enter(d.top.rel(d.path), rules)
	merged, kids := t.merged[:0], slices.AppendSeq(t.known[:0], d.kids.all())
	t.known = kids
	for _, l := range r.names {
		if l.err != nil {
			t.cannotSee(spot{d, l.name}, l.err)
			continue
		}
		for len(kids) > 0 && kids[0].name < l.name {
			t.mark(spot{d, kids[0].name}, file{})
			t.displace(kids[0].dir)
			merged, kids = append(merged, *kids[0]), kids[1:]
		}
		e := entry{name: l.name}
		known := len(kids) > 0 && kids[0].name == l.name
		if known {
			e, kids = *kids[0], kids[1:]
		}
		if t.meet(d, &e, l.file, known, since) {
			merged = append(merged, e)
		}
	}
	for _, e := range kids {
		t.mark(spot{d, e.name}, file{})
		t.displace(e.dir)
		merged = append(merged, *e)
	}
	if len(merged) == len(t.known) {
		for i, e := range t.known {
			*e = merged[i]
		}
	} else {
		d.kids = kidsOf(merged)
	}
	clear(merged)
	clear(t.known)
	t.merged = merged
}

// meet brings one entry together with what was found under its name, and reports whether it is to
// be kept.
func (t *tree) meet(d *dir, e *entry, f file, known bool, since int64) bool {
	s := spot{d, e.name}
	path := s.path()
	linked := f.isLink() && t.o.Follow
	if linked {
		t.resolve(s)
		to, err := t.state(s)
		if err != nil {
			t.cannotSee(s, err)
		} else {
			f = to
		}
	}
	if !d.top.counts(path, f) {
		if known {
			t.drop(s, e.dir)
		}
		return false
	}
	if f.isDir() && d.top.isEntered(path) {
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
	} else {
		t.displace(e.dir)
	}
	switch {
	case known && e.file == f && !t.maySay(s, f):
	case !known && (f.ctime < since || f.isDir() && since > 0) && !t.isMarked(s):
		e.file = f
		t.learn(s, f)
		t.seeToNames(s, f)
	default:
		t.mark(s, f)
		t.wrote(s, false)
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
	t.canSee(s)
	t.unlearn(s)
}

// bury makes the marks in a directory that is no longer known void.
func (t *tree) bury(d *dir) {
	d.forgotten = true
	t.canSee(spot{dir: d})
	for e := range d.kids.all() {
		if e.dir != nil {
			t.bury(e.dir)
		}
		t.leave(spot{d, e.name})
		t.canSee(spot{d, e.name})
		t.unlearn(spot{d, e.name})
	}
}
