package stat

import (
	"cmp"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/ignore"
)

// look compares what is marked with what was last told, and returns the changes in the order in
// which they were noticed.
func (t *tree) look() []change {
	if t.compareAll {
		t.compareAll = false
		t.markEverything()
	}
	t.changes = make([]change, 0, len(t.marks))
	for i := 0; ; i++ {
		if i == len(t.marks) {
			if t.markNames(); i == len(t.marks) {
				break
			}
		}
		s := t.marks[i]
		m := t.marked[s]
		delete(t.marked, s) // to look here may lead there again
		t.examine(s, m)
	}
	if len(t.marks) > many {
		t.marked = map[spot]mark{}
		defer t.trim()
	}
	t.marks = nil
	clear(t.came)
	changes := merge(t.changes)
	t.changes = nil
	if t.o.State != "" {
		t.found = slices.Clone(changes)
	}
	if t.o.changes()&Moved != 0 {
		changes = pairMoves(changes, t.o.Each)
	}
	for i, c := range changes {
		if changes[i].what &= t.o.changes(); c.doubted && changes[i].what == 0 {
			changes[i].what = c.what
		}
	}
	return slices.DeleteFunc(changes, func(c change) bool { return c.what == 0 })
}

// pairMoves brings together what went from one path and came at another: that comes first then, and
// is all that is told if each is told for itself. Of a file with several names (hard links) the
// paths belong together that end alike: so it is if a directory above them was renamed.
func pairMoves(changes []change, each bool) []change {
	left := map[fileID][]int{}
	for i := range changes {
		if c := &changes[i]; c.before.exists() && !c.now.exists() {
			left[c.before.id()] = append(left[c.before.id()], i)
		}
	}
	if len(left) == 0 {
		return changes
	}
	moved := map[int]int{} // from where to where, and back
	for i := range changes {
		c := &changes[i]
		names := left[c.now.id()]
		if len(names) == 0 || !c.now.exists() || c.what&(Created|Replaced) == 0 {
			continue
		}
		from := slices.MaxFunc(names, func(a, b int) int {
			return cmp.Compare(endsAlike(changes[a].path, c.path), endsAlike(changes[b].path, c.path))
		})
		if old := changes[from]; hasMoved(old.before, c) {
			left[c.now.id()] = slices.DeleteFunc(names, func(i int) bool { return i == from })
			c.what, c.from = c.what|Moved, old.path
			moved[from], moved[i] = i, from
		}
	}
	kept := make([]change, 0, len(changes))
	for i, c := range changes {
		from, ok := moved[i]
		switch {
		case !ok:
			kept = append(kept, c)
		case c.now.exists() && each:
			kept = append(kept, c)
		case c.now.exists():
			kept = append(kept, c, changes[from])
		}
	}
	return kept
}

// endsAlike returns how many bytes at the end of two paths are the same.
func endsAlike(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// hasMoved reports whether what came at a path is what was before at another, and has its inode. A
// file that takes the inode of one that is gone is told from that one by its size and its time of
// modification, which a rename keeps. Those of a directory change with what is in it, and are not
// always looked at: it is another one if it was made after the last look at the one before.
func hasMoved(before file, c *change) bool {
	switch {
	case c.now.format() != before.format():
		return false
	case compare(before, c.now)&Content == 0:
		return true
	}
	made, known := born(c.path)
	return c.now.isDir() && known && made <= before.ctime
}

// merge makes one change of those of the same path. There are two of one that went on changing
// while it was looked at, or that is below two named paths.
func merge(changes []change) []change {
	at := make(map[string]int, len(changes))
	merged := changes[:0]
	for _, c := range changes {
		i, again := at[c.path]
		if !again {
			at[c.path] = len(merged)
			merged = append(merged, c)
			continue
		}
		m := &merged[i]
		m.now, m.doubted = c.now, m.doubted || c.doubted
		switch {
		case !m.before.exists():
			m.what = Created
		case !m.now.exists():
			m.what = Removed
		default:
			m.what = cmp.Or((m.what|c.what)&^(Created|Removed), Replaced)
		}
	}
	return slices.DeleteFunc(merged, func(c change) bool { return !c.before.exists() && !c.now.exists() })
}

// markEverything watches everything anew, and marks what is not as it was.
func (t *tree) markEverything() {
	for _, p := range t.posts {
		p.stale = true
	}
	for _, from := range []*dir{t.sources, t.named} {
		var names []string // for more may be found meanwhile
		for e := range from.kids.all() {
			names = append(names, e.name)
		}
		for _, name := range names {
			s := spot{from, name}
			t.reached(s, structural)
			t.wrote(s, false)
		}
	}
	t.findMounted()
}

// settling reports whether what a poll marked is not yet at rest: whether it is another now than it
// was when last looked at.
func (t *tree) settling() bool {
	moving := false
	for s, m := range t.marked {
		if m.seen == nil || s.dir.forgotten {
			continue
		}
		if now, err := t.state(s); err == nil && now != *m.seen {
			*m.seen = now
			moving = true
		}
	}
	return moving
}

// poll looks at all that nobody tells of, and marks what is not as it was.
func (t *tree) poll() {
	var spots []spot
	for s, w := range t.ways {
		if w.polled {
			spots = append(spots, s)
		}
	}
	slices.SortFunc(spots, func(a, b spot) int { return cmp.Compare(a.path(), b.path()) })
	for _, s := range spots {
		t.resolve(s)
		if s.dir == t.sources {
			t.sourceChanged(s)
			continue
		}
		var before file
		e := s.entry()
		if e != nil {
			before = e.file
		}
		if now, err := t.state(s); err == nil && (now != before || t.maySay(s, now)) {
			t.mark(s, now)
			t.wrote(s, false)
		}
	}
	dirs := make([]*dir, 0, len(t.polled))
	for d := range t.polled {
		if d.inTree() {
			dirs = append(dirs, d)
		}
	}
	slices.SortFunc(dirs, func(a, b *dir) int { return cmp.Compare(a.path, b.path) })
	for _, d := range dirs {
		t.rescan(d)
	}
}

// rescan reads a directory again, and what is new in it.
func (t *tree) rescan(d *dir) {
	t.scan(d, 0)
	for e := range d.kids.all() {
		if kid := e.dir; kid.isThere() && !kid.watched() && !t.polled[kid] {
			t.walk(kid, 0)
		}
	}
}

// polls reports whether there is anything to poll.
func (t *tree) polls() bool { return len(t.polled) > 0 || t.unsure > 0 }

// examine compares one spot with what was last told of it.
func (t *tree) examine(s spot, m mark) {
	if s.dir.forgotten || s.dir.stale {
		return
	}
	now, err := t.state(s)
	if err != nil {
		t.cannotSee(s, err)
		return // what can't be seen has not changed
	}
	t.canSee(s)
	e := s.entry()
	var before file
	if e != nil {
		before = e.file
	}
	if !now.isDir() && e != nil && e.dir != nil {
		t.forget(e.dir)
		e.dir = nil
	}
	switch {
	case now.exists():
		if e == nil {
			if s.dir.inTree() && !s.counts(now) {
				return
			}
			s.dir.kids.insert(entry{name: s.name, file: now})
		} else {
			e.file = now
		}
		t.noteNames(before, now, t.addChange(s, m, before, now)&Content != 0)
		t.seeToNames(s, now)
		e = s.entry()
		t.examineDir(s, e, before, now)
	case s.dir.inTree():
		t.noteNames(before, now, false)
		t.addChange(s, m, before, now)
		s.dir.kids.remove(s.name)
		t.leave(s)
	default:
		e.file = now
		t.noteNames(before, now, false)
		t.addChange(s, m, before, now)
	}
}

// examineDir enters the directory at a spot, or makes sure that it is watched.
//
// Mostly stirred has entered it already, when it came. If it is another inode than was last told,
// it is watched and read once more all the same. The source knows its watches by name alone. When
// directories change names (a and b are swapped, or b is deleted and a takes its name) it may hear
// of the end of the old b only after the new one has been added under that name, and then it ends
// the wrong watch, without a word. No order of calls avoids that while names go round. Now it is
// quiet, so a watch that is added lasts; and reading the directory finds what happened in it while
// it may not have been watched. So it is with one that came in place of another, which may have
// had the number of its inode.
func (t *tree) examineDir(s spot, e *entry, before, now file) {
	switch {
	case !now.isDir() || !t.o.Recursive:
	case s.dir.inTree() && !s.counts(now):
	case e.dir == nil:
		t.enter(s, now)
	case e.dir.unread || e.dir.stale || e.dir.id() != now.id() || t.came[e.dir]:
		t.rearm(e.dir)
	case before.id() != now.id():
		t.unwatch(e.dir)
		t.watch(e.dir)
		t.rescan(e.dir)
	}
}

// forget tells that everything in a directory is gone, and lets it go.
func (t *tree) forget(d *dir) {
	t.unwatch(d)
	for e := range d.kids.all() {
		s := spot{d, e.name}
		if e.dir != nil {
			t.forget(e.dir)
		}
		t.addChange(s, mark{}, e.file, file{})
		t.leave(s)
		t.canSee(s)
	}
	d.forgotten = true
	t.canSee(spot{dir: d})
}

// addChange adds a change, if it is one that the user may want to be told of, and returns what it
// is.
func (t *tree) addChange(s spot, m mark, before, now file) Changes {
	what := t.compare(before, now)
	var was *record
	if t.o.State != "" {
		r := t.recordOf(s, before)
		was = &r
	}
	if t.o.Content || t.o.Atime {
		what = t.lookInto(s, before, now, what)
	}
	if m.written && !t.o.Content && now.isFile() && what&(Created|Replaced) == 0 &&
		before.ctime != now.ctime && (m.told || what == 0) {
		what |= Content
	}
	doubted := t.doubted[s]
	if doubted && what == 0 {
		before = something(cmp.Or(now.format(), before.format(), unix.S_IFREG))
		what = compare(before, now)
	}
	delete(t.doubted, s)
	if what == 0 || t.isOld(s, now) || !t.o.ofType(now) && !t.o.ofType(before) {
		return what
	}
	if isDir := now.isDir() || !now.exists() && before.isDir(); isDir && s.dir.inTree() && s.verdict(true) != ignore.In {
		return what
	}
	t.changes = append(t.changes, change{spot: s, path: s.show(), what: what, before: before, now: now, was: was, doubted: doubted})
	return what
}

// compare says in which ways what counts has changed.
func (t *tree) compare(before, now file) Changes {
	what := compare(before, now)
	if t.o.Recursive && before.isDir() && now.isDir() {
		what &^= Content | Links // its entries tell of themselves
	}
	return what
}

// isOld reports whether a change is from before the last Discard. What is gone changed the
// directory that it was in.
func (t *tree) isOld(s spot, now file) bool {
	switch {
	case t.discarded.Load() == 0:
		return false
	case now.exists():
		return now.ctime <= t.discarded.Load()
	}
	return changedAt(s.path()) <= t.discarded.Load()
}

// cannotSee takes in that a spot can't be looked at, or without a name what is in its directory.
// That is said once, and tried again.
func (t *tree) cannotSee(s spot, err error) {
	t.unseen[s] = true
	if t.reported[s] {
		return
	}
	t.reported[s] = true
	path := s.dir.path
	if s.name != "" {
		path = s.path()
	}
	if errors.Is(err, unix.EACCES) {
		t.o.Report.Noticef("%s: permission denied: changes there are reported once it is granted", path)
		return
	}
	t.o.Report.Noticef("%s: %v: changes there are reported once it can be read again", path, err)
}

// canSee takes in that a spot can be looked at.
func (t *tree) canSee(s spot) {
	if len(t.reported) > 0 && !t.ways[s].cut {
		delete(t.reported, s)
		delete(t.unseen, s)
	}
}
