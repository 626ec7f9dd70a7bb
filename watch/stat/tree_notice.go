package stat

import (
	"math"

	"github.com/fsnotify/fsnotify"

	"github.com/evshell/ev/internal/ignore"
)

// notice takes in a batch: it marks what the notices point to, and watches what is new at once. It
// reports whether any of them mattered.
func (t *tree) notice(b batch) bool {
	relevant := b.lost != ""
	for _, x := range b.notices {
		if t.noticed(x) {
			relevant = true
		}
	}
	if b.lost != "" {
		t.o.Report.Verbosef("%s: everything is compared again", b.lost)
		t.compareAll = true
	}
	return relevant
}

func (t *tree) noticed(x notice) bool {
	t.o.Report.Debugf("%s: %s", x.path, x.op)
	relevant := false
	at, base := splitPath(x.path)
	if base == ".." {
		at, base = x.path, ""
	}
	if p := t.posts[x.path]; p != nil {
		p.stale = p.stale || x.op&structural != 0
		waiting := t.n.waiting(p, "")
		relevant = t.markAll(waiting)
		for _, s := range waiting {
			t.wroteIf(s, x.op)
		}
	}
	for _, d := range t.dirs(at) {
		if d.inTree() {
			relevant = t.stirred(d, base, x.op) || relevant
			t.wroteIf(spot{d, base}, x.op)
			continue
		}
		waiting := t.n.waiting(d, base)
		if base == "" && x.op&structural != 0 {
			waiting = t.n.waitingForAny(d)
		}
		for _, s := range waiting {
			relevant = t.reached(s, x.op) || relevant
			t.wroteIf(s, x.op)
		}
		if x.op&structural != 0 {
			relevant = t.markAll(t.n.waiting(d, "")) || relevant
		}
	}
	return relevant
}

func (t *tree) wroteIf(s spot, op fsnotify.Op) {
	if op&fsnotify.Write != 0 {
		t.wrote(s, true)
	}
}

func (t *tree) markAll(spots []spot) bool {
	for _, s := range spots {
		t.mark(s, file{})
	}
	return len(spots) > 0
}

// reached takes in that something happened on the way of a followed path.
func (t *tree) reached(s spot, op fsnotify.Op) bool {
	if op&structural != 0 || t.ways[s].cut {
		t.resolve(s)
		if s.dir != t.sources && t.o.Recursive {
			t.reenter(s)
		}
	}
	if s.dir == t.sources {
		return t.sourceChanged(s)
	}
	t.mark(s, file{})
	return true
}

// stirred takes in that something happened to a name in a directory of the tree.
func (t *tree) stirred(d *dir, base string, op fsnotify.Op) bool {
	if base == "" {
		if op&structural != 0 {
			t.rearm(d)
		}
		t.mark(d.spot(), file{})
		return true
	}
	s := spot{d, base}
	path := s.path()
	marks := len(t.marks)
	if ignore.IsRules(base) && (op&structural != 0 || base != ".git") {
		t.reread(d, path)
	}
	e := s.entry()
	if op&structural == 0 || e == nil && isFile(op) {
		if e == nil && s.verdict(false) != ignore.In {
			return len(t.marks) > marks
		}
		t.mark(s, file{})
		return true
	}
	if e != nil {
		t.reenter(s)
	} else if f, err := t.state(s); err == nil {
		if !f.exists() || !s.counts(f) {
			return len(t.marks) > marks // among others, what came and went
		}
		if f.isDir() {
			t.enter(s, f)
		}
	}
	t.mark(s, file{})
	return true
}

// isFile reports whether it was no directory that came: what is written is none, and has not given
// way to one. So it need not be looked at before all is quiet.
func isFile(op fsnotify.Op) bool {
	return op&fsnotify.Write != 0 && op&(fsnotify.Remove|fsnotify.Rename) == 0
}

// counts reports whether what is at a spot in the tree has an entry.
func (s spot) counts(f file) bool { return s.dir.top.counts(s.path(), f) }

func (p *top) counts(path string, f file) bool {
	v := p.verdict(path, f.isDir())
	return v == ignore.In || v == ignore.Pass && f.isDir()
}

// reenter sees to the directory that is at a spot now, if there is one, or was.
func (t *tree) reenter(s spot) {
	if e := s.entry(); e != nil && e.dir != nil {
		t.rearm(e.dir)
		t.came[e.dir] = true
	} else if f, err := t.state(s); err == nil && f.isDir() {
		t.enter(s, f)
	}
}

// enter begins to watch the directory at a spot, in which all is new.
func (t *tree) enter(s spot, f file) {
	path := s.path()
	d := &dir{path: path, parent: s.dir, top: s.dir.top}
	if !s.dir.inTree() {
		top, err := t.newTop(path)
		if err != nil {
			t.o.Report.Errorf("%v", err)
			return
		}
		d.top = top
	} else if !s.counts(f) || !s.dir.top.isEntered(path) || t.leadsBack(d, f) {
		return
	}
	d.setID(f)
	d.top.rules.Forget(d.top.rel(path))
	s.dir.insert(entry{name: path[len(path)-len(s.name):]}).dir = d
	t.walk(d, 0)
}

// reread applies the ignore rules of a directory, of which those at path changed, to all that is in
// it. What no longer counts is let go; what now does is taken as it is, if it is older than the
// rules.
func (t *tree) reread(d *dir, path string) {
	d.top.rules.Forget(d.top.rel(d.path))
	t.walk(d, changedAt(path))
	t.findSources()
}

// changedAt is when what is at a path, or the lack of it, came to be so.
func changedAt(path string) int64 {
	f, err := lstat(path)
	if err == nil && !f.exists() {
		dir, _ := splitPath(path)
		f, err = lstat(dir)
	}
	if err != nil || !f.exists() {
		return math.MaxInt64
	}
	return f.ctime
}

// findSources waits for the ignore files of which no watch in the tree tells.
func (t *tree) findSources() {
	for e := range t.named.kids.all() {
		if e.dir == nil {
			continue
		}
		for _, path := range e.dir.top.rules.Sources() {
			s := spot{t.sources, path}
			if s.entry() == nil {
				t.resolve(s)
				f, _ := t.state(s) // what can't be read has been told by its reader
				t.sources.insert(entry{name: path, file: f})
			}
		}
	}
}

// sourceChanged applies an ignore file from outside anew, if it is not the same any more, and
// reports whether that marked anything.
func (t *tree) sourceChanged(s spot) bool {
	f, err := t.state(s)
	e := s.entry()
	if err != nil {
		t.cannotSee(s, err)
		return false
	}
	t.canSee(s)
	if f == e.file {
		return false
	}
	e.file = f
	marks := len(t.marks)
	for e := range t.named.kids.all() {
		if e.dir != nil {
			e.dir.top.rules.Forget(".")
			t.walk(e.dir, changedAt(s.path()))
		}
	}
	t.findSources()
	return len(t.marks) > marks
}
