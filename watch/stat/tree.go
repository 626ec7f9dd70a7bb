package stat

import (
	"hash/maphash"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/evshell/ev/internal/ignore"
)

// A tree is what was last seen of the paths that a Watcher was given, and of all that is below
// them. Two rules keep it true:
//
//   - A notice only says where to look: it marks a spot. What changed is decided
//     by comparing what lstat(2) says with what was last told.
//   - A directory is watched first and read afterwards. What happens in between
//     is seen twice, which does no harm.
//
// So a notice too many costs one lstat, and one too few (an overflow, a watch that came late, an
// inode that took another's place) is made up for by looking at everything again.
//
// A change passes through the tree in two steps. As soon as a batch of notices comes, notice marks
// the spots that they point to, and puts watches on directories that are new: the sooner, the less
// has to be found out by reading. Once all is quiet, look compares each marked spot with its entry,
// in the order of the marks, and writes down the differences. Between the two steps entries are
// what was last told, not what is there, and a directory may already be watched under a path whose
// entry still says that it is another: stale and forgotten say so.
//
// Two kinds of directories are watched. Those with a top are part of a tree that is watched
// recursively: every name in them has an entry. The others are posts, which stand on the way to a
// named path or to an ignore file, and in which only a few names are waited for (see resolve). The
// same directory may be both, and be in several trees under several paths: the Hub makes one watch
// of it.
//
// One goroutine at a time has the tree: the loop's, or that of an errand. Only readings are made by
// others as well.
type tree struct {
	o       *Options
	n       *notifier // without a Hub all is polled
	named   *dir      // no directory: its entries are the named paths
	sources *dir      // nor this: its entries are the ignore files from outside

	posts         map[string]*dir // directories on the way to followed paths
	watched       int             // directories that are
	ways          map[spot]way
	polled        map[*dir]bool
	alone         map[spot]bool   // files in the tree that are watched themselves; true: as mount points
	doubted       map[spot]bool   // to be told, whatever kind of change it is
	linked        map[fileID]bool // files with other names, which have changed
	came          map[*dir]bool   // directories whose names have come or gone since the last look
	unsure        int             // ways with something polled on them
	remotes       map[uint32]bool // by device: its file system doesn't tell
	hashes        map[spot]uint64 // of contents, if they matter
	seed          maphash.Seed
	atimes        map[spot]int64 // nanoseconds since 1970, if they matter
	marks         []spot         // where to look, in the order in which it was told
	marked        map[spot]mark
	staleLocks    map[string]bool
	compareAll    bool // look everywhere
	changes       []change
	found         []change      // with State: all that the last look found
	unseen        map[spot]bool // what can't be looked at; without a name: what is in a directory
	reported      map[spot]bool // it is told that it can't
	limitReported bool          // that no more can be watched
	cwd           string        // where relative paths begin
	strayed       bool          // it is told that the working directory is gone
	armed         bool          // there is no way back
	failed        error         // why it can't be armed
	interrupted   *atomic.Bool  // nor is to be

	discarded atomic.Int64 // changes older than this don't count: nanoseconds since 1970
	away      bool         // an errand has the tree; the loop's own

	reading reading // walk's and scan's own
	merged  []entry
	known   []*entry
}

// A dir is one directory. The sizes of dir and entry are what a large tree costs.
type dir struct {
	path      string // as the kernel is asked for it, clean
	parent    *dir   // nil: not part of the tree
	top       *top
	kids      kids
	n         *notifier // who is told of what happens in it; nil: it isn't watched
	prev      *dir      // others who are told: one watch of the inode serves all
	next      *dir
	ino       uint64
	dev       uint32
	stale     bool // something else may be at its path
	unread    bool // it could not be read
	forgotten bool // it is no longer part of the tree
	file      bool // it is none, but a file that is watched itself
}

// An entry is what was last told of one name. Its file is zero while it is only known that there is
// something to tell.
type entry struct {
	name string
	file file
	dir  *dir // if it is a directory whose entries count
}

// A top is a named directory: what its ignore rules hold for.
type top struct {
	path     string
	absolute string // the same; "" as long as nobody has asked
	rules    *ignore.Matcher
	depth    int      // how deep it is watched; 0: no limit
	own      []string // what ev itself writes in it, by relative paths
}

// A spot is a place at which there may be a file.
type spot struct {
	dir  *dir
	name string
}

// A mark is what is known of a spot at which something may have changed.
type mark struct {
	seen    *file // what a poll saw there
	written bool  // it may have been written
	told    bool  // and the kernel told so
}

// A change is what one look found.
type change struct {
	spot        spot
	path        string // of the spot, as it is shown
	what        Changes
	before, now file
	from        string  // of Moved: where it was
	was         *record // before, for who has a State
	doubted     bool    // told, whatever kind of change it is
}

func newTree(o *Options, interrupted *atomic.Bool) *tree {
	t := &tree{
		o:           o,
		interrupted: interrupted,
		named:       &dir{},
		sources:     &dir{},
		posts:       map[string]*dir{},
		ways:        map[spot]way{},
		polled:      map[*dir]bool{},
		remotes:     map[uint32]bool{},
		marked:      map[spot]mark{},
		alone:       map[spot]bool{},
		doubted:     map[spot]bool{},
		linked:      map[fileID]bool{},
		came:        map[*dir]bool{},
		staleLocks:  map[string]bool{},
		unseen:      map[spot]bool{},
		reported:    map[spot]bool{},
	}
	if o.Content {
		t.hashes, t.seed = map[spot]uint64{}, maphash.MakeSeed()
	}
	if o.Atime {
		t.atimes = map[spot]int64{}
	}
	t.cwd = absolute(".")
	return t
}

func (d *dir) id() fileID    { return fileID{d.ino, d.dev} }
func (d *dir) setID(f file)  { d.ino, d.dev = f.ino, f.dev }
func (d *dir) watched() bool { return d.n != nil }
func (d *dir) inTree() bool  { return d.top != nil }
func (s spot) path() string  { return joinPath(s.dir.path, s.name) }
func (s spot) entry() *entry { return s.dir.entry(s.name) }

// spot is the place that the directory itself takes.
func (d *dir) spot() spot {
	if !d.parent.inTree() {
		return spot{d.parent, d.path}
	}
	_, base := splitPath(d.path)
	return spot{d.parent, base}
}

// show is the path as the user knows it. What is below "." begins with "./", as find(1) has it, and
// so does what begins with "-": no name is taken for a flag.
func (s spot) show() string {
	path := s.path()
	if strings.HasPrefix(path, "-") || s.dir.inTree() && s.dir.top.path == "." {
		return "./" + path
	}
	return path
}

// asIs is no change, but how a spot is.
func (s spot) asIs(f file) change { return change{spot: s, path: s.show(), now: f} }

// entry returns a name's entry, or nil. It is valid until another one comes or goes.
func (d *dir) entry(name string) *entry { return d.kids.find(name) }

// insert returns a name's entry, which is e if there was none.
func (d *dir) insert(e entry) *entry {
	if old := d.entry(e.name); old != nil {
		return old
	}
	d.kids.insert(e)
	return d.entry(e.name)
}

// dirs returns the directories that have a path: the one on the way to followed paths, and those of
// the tree, in which there is one for each named path that it is below.
func (t *tree) dirs(path string) []*dir {
	var list []*dir
	if p := t.posts[path]; p != nil {
		list = append(list, p)
	}
	below := func(named, rest string) {
		e := t.named.entry(named)
		for e != nil && e.dir != nil {
			if rest == "" {
				list = append(list, e.dir)
				return
			}
			var name string
			name, rest, _ = strings.Cut(rest, "/")
			e = e.dir.entry(name)
		}
	}
	for i := len(path); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		below(path[:i], strings.TrimPrefix(path[i:], "/"))
	}
	switch {
	case path == "/" || path == ".": // done
	case path[0] == '/':
		below("/", path[1:])
	default:
		below(".", path)
	}
	return list
}

// verdict says whether what is at a spot in the tree counts.
func (s spot) verdict(isDir bool) ignore.Verdict { return s.dir.top.verdict(s.path(), isDir) }

func (p *top) verdict(path string, isDir bool) ignore.Verdict {
	if p.depth > 0 && p.depthOf(path) > p.depth {
		return ignore.Out
	}
	rel := p.rel(path)
	if len(p.own) > 0 && slices.Contains(p.own, rel) {
		return ignore.Out
	}
	return p.rules.Match(rel, isDir)
}

// depthOf is how deep a path is in the directory, which is 0 itself.
func (p *top) depthOf(path string) int {
	if path == p.path {
		return 0
	}
	return strings.Count(p.rel(path), "/") + 1
}

// isEntered reports whether what is in a directory counts, or may.
func (p *top) isEntered(path string) bool { return p.depth == 0 || p.depthOf(path) < p.depth }

func (p *top) rel(path string) string {
	switch {
	case path == p.path:
		return "."
	case p.path == ".":
		return path
	}
	return strings.TrimPrefix(path[len(p.path):], "/")
}

// state looks at a spot. Named paths are followed, and so is every link under Follow; where that
// leads nowhere, a link in a tree is still a link.
func (t *tree) state(s spot) (file, error) {
	path := s.path()
	switch {
	case s.dir == t.named && t.o.NoFollow:
		return lstat(path)
	case !s.dir.inTree():
		return stat(path)
	}
	f, err := lstat(path)
	if err == nil && f.isLink() && t.o.Follow {
		if to, err := stat(path); err != nil || to.exists() {
			return to, err
		}
	}
	return f, err
}

// mark remembers that a spot is to be looked at. A poll says what it saw there.
func (t *tree) mark(s spot, seen file) {
	m, again := t.marked[s]
	if !again {
		t.marks = append(t.marks, s)
	}
	m.seen = nil
	if seen.exists() {
		saw := seen
		m.seen = &saw
	}
	t.marked[s] = m
}

// wrote remembers of a marked spot that it may have been written, and whether the kernel told so:
// only the time of its last change may say that it was (ctime, in inode(7)).
func (t *tree) wrote(s spot, told bool) {
	if m, ok := t.marked[s]; ok {
		m.written, m.told = true, m.told || told
		t.marked[s] = m
	}
}

// arm looks at everything for the first time.
func (t *tree) arm() error {
	for _, p := range t.o.Paths {
		t.named.insert(entry{name: p})
	}
	for _, p := range t.o.Paths {
		s := spot{t.named, p}
		t.resolve(s)
		f, err := t.state(s)
		if err != nil {
			t.cannotSee(s, err)
		}
		e := s.entry()
		e.file = f
		t.learn(s, f)
		if t.o.Recursive && f.isDir() {
			top, err := t.newTop(p)
			if err != nil {
				return err
			}
			e.dir = &dir{path: p, parent: t.named, top: top}
			e.dir.setID(f)
			t.walk(e.dir, math.MaxInt64)
		}
		if t.failed != nil {
			return t.failed
		}
	}
	t.findSources()
	t.findMounted()
	t.armed = true
	if t.watched > many {
		t.trim()
	}
	return t.failed
}

// disarm ends all watching.
func (t *tree) disarm() {
	if t.n.hub == nil || t.n.hub.leave(t.n) {
		return
	}
	for _, p := range t.posts {
		t.unwatch(p)
	}
	for e := range t.named.kids.all() {
		if e.dir != nil {
			t.release(e.dir)
		}
	}
}

// many is how much is worth to tidy up after.
const many = 1000

// trim gives back what it took to read a large tree.
func (t *tree) trim() {
	t.reading, t.merged, t.known = reading{}, nil, nil
	for e := range t.named.kids.all() {
		if e.dir != nil {
			e.dir.top.rules.Forget(".") // they are read again where they are asked for
		}
	}
	debug.FreeOSMemory()
}

// all returns everything that counts, as it is.
func (t *tree) all() []change {
	var list []change
	var below func(d *dir)
	below = func(d *dir) {
		for e := range d.kids.all() {
			s := spot{d, e.name}
			if t.o.ofType(e.file) && (!e.file.isDir() || s.verdict(true) == ignore.In) {
				list = append(list, s.asIs(e.file))
			}
			if e.dir != nil {
				below(e.dir)
			}
		}
	}
	for _, p := range t.o.Paths {
		e := t.named.entry(p)
		if t.o.ofType(e.file) {
			list = append(list, spot{t.named, p}.asIs(e.file))
		}
		if e.dir != nil {
			below(e.dir)
		}
	}
	return list
}

// asNamed returns the named paths, as they are.
func (t *tree) asNamed() []change {
	list := make([]change, 0, len(t.o.Paths))
	for _, p := range t.o.Paths {
		s := spot{t.named, p}
		list = append(list, s.asIs(s.entry().file))
	}
	return list
}
