package stat

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Here a tree becomes an image, and an image is what a tree begins with: paint and recall.

// paint writes down what was last told of a tree, but for the paths of which that was not dealt
// with yet: of these it is what was before.
func (t *tree) paint(before map[string]record) []byte {
	d := newDraft(rootsOf(t.o.Paths), t.o.Recursive)
	left := make(map[string]bool, len(before))
	for path := range before {
		left[path] = true
	}
	var below func(dir *dir)
	below = func(dir *dir) {
		for e := range dir.kids.all() {
			s := spot{dir, e.name}
			r := t.recordOf(s, e.file)
			if len(before) > 0 {
				path := s.path()
				if old, ok := before[path]; ok {
					r = old
					delete(left, path)
				}
			}
			if r.file.exists() {
				d.add(s.absolute(), dir.inTree(), r)
			}
			if e.dir != nil {
				below(e.dir)
			}
		}
	}
	below(t.named)
	for path := range left { // they are in a tree: a named path always has an entry
		if r := before[path]; r.file.exists() {
			d.add(absolute(path), true, r)
		}
	}
	text := d.end()
	for s := range t.doubted {
		text = appendNote(text, s.absolute(), cmp.Or(s.format(), unix.S_IFREG))
	}
	return text
}

// format is the type of file that was last told of a spot; 0 if there was none.
func (s spot) format() uint32 {
	if e := s.entry(); e != nil {
		return e.file.format()
	}
	return 0
}

// rootsOf are the named paths, absolute and sorted.
func rootsOf(paths []string) []string {
	list := make([]string, 0, len(paths))
	for _, p := range paths {
		list = append(list, absolute(p))
	}
	slices.Sort(list)
	return list
}

// absolute is the absolute path of a spot.
func (s spot) absolute() string {
	if !s.dir.inTree() {
		return absolute(s.path())
	}
	top := s.dir.top
	if top.absolute == "" {
		top.absolute = absolute(top.path)
	}
	return joinPath(top.absolute, top.rel(s.path()))
}

// recordOf is what is remembered of a spot.
func (t *tree) recordOf(s spot, f file) record {
	hash, hashed := t.hashes[s]
	return record{file: f, hash: hash, hashed: hashed, atime: t.atimes[s]}
}

// recall puts what an image says in the place of what has been found, and marks what is not the
// same.
func (t *tree) recall(m *image) {
	devs := map[uint32]uint32{} // a file system may have another number each time
	for e := range t.named.kids.all() {
		if old, ok := m.named[absolute(e.name)]; ok && old.file.ino == e.file.ino {
			devs[old.file.dev] = e.file.dev
		}
	}
	var below func(d *dir, records map[string]record)
	below = func(d *dir, records map[string]record) {
		for e := range d.kids.all() {
			s := spot{d, e.name}
			path := s.absolute()
			old, ok := records[path]
			if ok && !old.met { // it may be below two named paths
				old.met = true
				records[path] = old
			}
			_, doubted := m.notes[path]
			t.recallEntry(s, e, old, devs, doubted)
			if e.dir != nil {
				below(e.dir, m.inTree)
			}
		}
	}
	below(t.named, m.named)
	for path, format := range m.notes {
		if _, ok := m.inTree[path]; !ok { // it was there for a while, or is a named path
			m.inTree[path] = record{file: something(format)}
		}
	}
	var gone []string
	for path, r := range m.inTree {
		if !r.met {
			gone = append(gone, path)
		}
	}
	slices.Sort(gone) // a directory before what was in it
	for _, path := range gone {
		t.recallGone(path, m.inTree[path], devs)
	}
}

// something is a file of which nothing is known.
func something(format uint32) file { return file{ino: math.MaxUint64, mode: format} }

// recallEntry has an entry be what it was. In doubt it is told, though it seems to be the same:
// something else may have been told of it in between.
func (t *tree) recallEntry(s spot, e *entry, old record, devs map[uint32]uint32, doubted bool) {
	if dev, ok := devs[old.file.dev]; ok {
		old.file.dev = dev
	} else if old.file.ino == e.file.ino && old.file.ctime == e.file.ctime {
		old.file.dev = e.file.dev
	}
	if doubted {
		t.doubted[s] = true
		t.mark(s, e.file)
	} else if t.o.Recursive && old.file.isDir() && t.compare(old.file, e.file) == 0 {
		return // its size and its times are nothing
	}
	found := t.recordOf(s, e.file)
	old.met = false
	if !t.o.Content {
		old.hash, old.hashed = 0, false
	}
	if old.atime == 0 || !t.o.Atime {
		old.atime = found.atime
	}
	if old == found {
		return
	}
	now := e.file
	e.file = old.file
	if old.file.isDir() && !now.isDir() && e.dir == nil { // for what was in it is gone, too
		e.dir = t.goneDir(s, old.file)
	}
	t.unlearn(s)
	if old.hashed {
		t.hashes[s] = old.hash
	}
	if t.o.Atime {
		t.atimes[s] = old.atime
	}
	t.mark(s, now)
	t.wrote(s, false)
}

// recallGone enters what was there, if it was in a directory that is watched, or was in one that is
// gone itself; and would count.
func (t *tree) recallGone(path string, old record, devs map[uint32]uint32) {
	if dev, ok := devs[old.file.dev]; ok {
		old.file.dev = dev
	}
	for _, p := range t.o.Paths {
		if abs := absolute(p); t.o.Recursive && path != abs && isBelow(path, abs) {
			at := spot{t.named, p}
			rest := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, abs), "/"), "/")
			for len(rest) > 0 {
				d := t.dirAt(at)
				if d == nil {
					break
				}
				at, rest = spot{d, rest[0]}, rest[1:]
			}
			if len(rest) == 0 {
				t.recallIn(at, old)
			}
		}
	}
}

// dirAt returns the directory at a spot, also one that is there no more; nil if what is in it does
// not count.
func (t *tree) dirAt(s spot) *dir {
	e := s.entry()
	if e == nil {
		e = s.dir.insert(entry{name: s.name})
		if !s.dir.stale {
			t.mark(s, file{})
		}
	}
	if e.dir == nil {
		if now, err := t.state(s); err != nil || now.isDir() {
			return nil
		}
		e.dir = t.goneDir(s, e.file)
		if !s.dir.stale && !t.isMarked(s) {
			t.mark(s, file{})
		}
	}
	return e.dir
}

func (t *tree) recallIn(s spot, old record) {
	if s.entry() != nil || !s.counts(old.file) {
		return
	}
	e := entry{name: s.name, file: old.file}
	if old.file.isDir() {
		e.dir = t.goneDir(s, old.file)
	}
	s.dir.insert(e)
	if old.hashed && t.o.Content {
		t.hashes[s] = old.hash
	}
	if !s.dir.stale {
		t.mark(s, file{})
	}
}

// goneDir is the directory that was at a spot, and is no more; nil if what was in it does not
// count.
func (t *tree) goneDir(s spot, old file) *dir {
	d := &dir{path: s.path(), parent: s.dir, top: s.dir.top, stale: true}
	d.setID(old)
	switch {
	case !t.o.Recursive || s.dir.inTree() && !s.dir.top.isEntered(d.path):
		return nil
	case !s.dir.inTree():
		top, err := t.newTop(d.path)
		if err != nil {
			return nil // which has been told
		}
		d.top = top
	}
	return d
}
