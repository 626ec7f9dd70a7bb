package stat

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// structural are the operations after which a name may stand for another file.
const structural = fsnotify.Create | fsnotify.Remove | fsnotify.Rename

// A notice says that it may be worth looking at a path.
type notice struct {
	path string
	op   fsnotify.Op
}

// splitPath divides a path into the directory that tells of it and the name there. A directory that
// speaks of itself, being the root or the working directory, has no name.
func splitPath(path string) (dir, base string) {
	switch i := strings.LastIndexByte(path, '/'); {
	case path == "." || path == "/":
		return path, ""
	case i < 0:
		return ".", path
	case i == 0:
		return "/", path[1:]
	default:
		return path[:i], path[i+1:]
	}
}

// clean is filepath.Clean, but what stands before a ".." stays if it is a symbolic link: the kernel
// goes up from where it leads.
func clean(path string) string {
	at := ""
	if path[0] == '/' {
		at = "/"
	}
	for part := range strings.SplitSeq(path, "/") {
		switch _, base := splitPath(at); {
		case part == "" || part == ".":
		case part != ".." || base == "..":
			at = joinPath(at, part)
		case at == "/": // is above itself
		case at == "":
			at = ".."
		default:
			if f, err := lstat(at); err != nil || f.isLink() {
				at = joinPath(at, "..")
			} else if at, _ = splitPath(at); at == "." {
				at = ""
			}
		}
	}
	return cmp.Or(at, ".")
}

// joinPath is the way back.
func joinPath(dir, base string) string {
	switch dir {
	case "", ".":
		return base
	case "/":
		return "/" + base
	}
	return dir + "/" + base
}

// A batch is what has been told since the last one was taken.
type batch struct {
	notices []notice      // one a path, in the order in which they first came
	lost    string        // why there may be more to see than was told, or ""
	quiet   time.Duration // since the last of them
}

func (b *batch) isEmpty() bool { return b.lost == "" && len(b.notices) == 0 }

// maxNotices is how many paths are remembered before it is cheaper to look at everything again.
const maxNotices = 1 << 16

// A notifier takes in what a Hub tells, at once and on the Hub's goroutine: a reader that is late
// is what makes the kernel's queue overflow.
//
// It owns what is waited for, so that what does not matter is left out there already: in a
// directory that is only on the way to a path (a post) hardly any name does, and what is unrelated
// must not wake the loop. Who has the tree alone changes that.
type notifier struct {
	hub  *Hub   // nil: nobody tells
	wake func() // there is something to take

	mu      sync.Mutex
	batch   batch
	index   map[string]int // of a path in batch.notices
	last    time.Time
	awaited map[*dir]map[string][]spot // by post and name; "": any name
}

func newNotifier(wake func()) *notifier {
	return &notifier{wake: wake, index: map[string]int{}, awaited: map[*dir]map[string][]spot{}}
}

// await has a spot wait for a name in a post.
func (n *notifier) await(post *dir, name string, s spot) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.awaited[post] == nil {
		n.awaited[post] = map[string][]spot{}
	}
	n.awaited[post][name] = append(n.awaited[post][name], s)
}

// forgo ends what await began, and reports whether nothing is waited for in the post any more.
func (n *notifier) forgo(post *dir, name string, s spot) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := n.awaited[post]
	waiting := names[name]
	if i := slices.Index(waiting, s); len(waiting) > 1 {
		names[name] = slices.Delete(waiting, i, i+1)
	} else {
		delete(names, name)
	}
	if len(names) > 0 {
		return false
	}
	delete(n.awaited, post)
	return true
}

// waiting returns what waits for a name in a post.
func (n *notifier) waiting(post *dir, name string) []spot {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.awaited[post][name])
}

// waitingForAny returns what waits for whatever name in a post, sorted by path.
func (n *notifier) waitingForAny(post *dir) []spot {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := slices.Concat(slices.Collect(maps.Values(n.awaited[post]))...)
	slices.SortFunc(list, func(a, b spot) int { return cmp.Compare(a.path(), b.path()) })
	return slices.Compact(list)
}

// wants reports whether a notice matters. Its caller holds mu.
func (n *notifier) wants(d *dir, base string, op fsnotify.Op) bool {
	if d.inTree() || base == "" {
		return true
	}
	names := n.awaited[d]
	return len(names[base]) > 0 || op&structural != 0 && len(names[""]) > 0
}

// note takes in that something happened to a name in a directory or, without one, to the directory
// itself.
func (n *notifier) note(d *dir, base string, op fsnotify.Op) {
	n.mu.Lock()
	if !n.wants(d, base, op) {
		n.mu.Unlock()
		return
	}
	path := d.path
	if base != "" {
		path = joinPath(path, base)
	}
	n.last = time.Now()
	wake := n.batch.isEmpty() // otherwise it is under way
	if i, ok := n.index[path]; ok {
		n.batch.notices[i].op |= op
	} else if len(n.batch.notices) < maxNotices {
		n.index[path] = len(n.batch.notices)
		n.batch.notices = append(n.batch.notices, notice{path, op})
	} else {
		n.batch.lost = overflow
	}
	n.mu.Unlock()
	if wake {
		n.wake()
	}
}

// overflow is what every error of the source comes to.
const overflow = "more changed at once than a queue holds"

// lose has everything looked at.
func (n *notifier) lose(why string) {
	n.mu.Lock()
	n.last = time.Now()
	wake := n.batch.isEmpty()
	n.batch.lost = cmp.Or(n.batch.lost, why)
	n.mu.Unlock()
	if wake {
		n.wake()
	}
}

func (n *notifier) take() batch {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.batch
	b.quiet = time.Since(n.last)
	n.batch = batch{}
	clear(n.index)
	return b
}
