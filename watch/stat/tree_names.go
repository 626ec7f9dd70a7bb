package stat

import (
	"path/filepath"
	"strings"

	"github.com/evshell/ev/internal/mounts"
)

// The directory that a file is in does not tell all of it. The kernel tells the directory by which
// somebody has reached the file, so it is silent about what is done by another of the file's names
// (a hard link), and about a file that is mounted over another, as container engines do with single
// files: that one is in the directory that it comes from. What can be known of that in a tree is
// found here. Named paths are watched themselves.

// findMounted has the files in the tree that are mount points watched themselves.
func (t *tree) findMounted() {
	for s, mounted := range t.alone {
		if mounted {
			t.leave(s)
		}
	}
	if !t.o.Recursive || t.n.hub == nil {
		return
	}
	for e := range t.named.kids.all() {
		if e.dir == nil {
			continue
		}
		real, err := filepath.EvalSymlinks(absolute(e.dir.path))
		if err != nil {
			continue
		}
		for _, point := range mounts.Points() {
			if point == real || !isBelow(point, real) {
				continue
			}
			path := joinPath(e.dir.path, strings.TrimPrefix(strings.TrimPrefix(point, real), "/"))
			at, base := splitPath(path)
			for _, d := range t.dirs(at) {
				s := spot{d, base}
				if f, err := t.state(s); err == nil && f.exists() && !f.isDir() && d.inTree() && s.counts(f) {
					t.watchItself(s, f)
					t.alone[s] = true
				}
			}
		}
	}
}

// absolute is filepath.Abs, or the path itself where the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// watchItself has a file in the tree tell of what happens to it.
func (t *tree) watchItself(s spot, f file) {
	var w way
	w.add(t.post(s.path(), f, s, ""), "")
	t.leave(s)
	if w.polled = t.polled[w.steps[0].post]; w.polled {
		t.unsure++
	}
	t.ways[s], t.alone[s] = w, false
	if now, err := t.state(s); err == nil && now != f {
		t.mark(s, now) // it changed before it was watched
	}
}

// maxAlone is how many files of a tree are watched themselves because they have other names, which
// may be outside of it. A store of packages has hundreds of thousands of them.
const maxAlone = 1000

// seeToNames has a file in the tree watched itself as long as it has other names.
func (t *tree) seeToNames(s spot, f file) {
	mounted, alone := t.alone[s]
	switch {
	case !s.dir.inTree() || mounted || t.n.hub == nil:
	case f.isFile() && f.nlink > 1:
		if alone || len(t.alone) < maxAlone {
			t.watchItself(s, f)
		}
	case alone:
		t.leave(s)
	}
}

// noteNames remembers a file whose other names are to be looked at as well: what was done by one of
// them changed all.
func (t *tree) noteNames(before, now file, written bool) {
	if before == now {
		return
	}
	for _, f := range []file{before, now} {
		if !f.isDir() && (f.nlink > 1 || before.exists() && now.exists() && before.nlink != now.nlink) {
			t.linked[f.id()] = t.linked[f.id()] || written
		}
	}
}

// markNames marks the other names, in the tree, of the files that have changed.
func (t *tree) markNames() {
	if len(t.linked) == 0 {
		return
	}
	var below func(d *dir)
	below = func(d *dir) {
		for e := range d.kids.all() {
			if written, ok := t.linked[e.file.id()]; ok {
				t.mark(spot{d, e.name}, file{})
				if written {
					t.wrote(spot{d, e.name}, false)
				}
			}
			if e.dir != nil {
				below(e.dir)
			}
		}
	}
	below(t.named)
	clear(t.linked)
}
