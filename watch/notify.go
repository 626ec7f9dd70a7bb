package watch

import (
	"cmp"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A source tells of what happens in directories: fsnotify, or a fake of it.
type source interface {
	Add(dir string) error
	Remove(dir string) error
	Close() error
}

// structural are the operations after which a name may stand for another file.
const structural = fsnotify.Create | fsnotify.Remove | fsnotify.Rename

// A notice says that it may be worth looking at a path.
type notice struct {
	path string
	op   fsnotify.Op
}

// splitPath divides a path into the directory that tells of it and the name there.
// A directory that speaks of itself, being the root or the working directory,
// has no name.
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

// kernel is the real source.
type kernel struct {
	*fsnotify.Watcher
	mounts io.Closer
}

func (k kernel) Close() error { return errors.Join(k.Watcher.Close(), k.mounts.Close()) }

// A batch is what has been told since the last one was taken.
type batch struct {
	notices []notice      // one a path, in the order in which they first came
	lost    string        // why there may be more to see than was told, or ""
	quiet   time.Duration // since the last of them
}

// maxNotices is how many paths are remembered before it is cheaper to look at
// everything again.
const maxNotices = 1 << 16

// A notifier takes in what the source tells, at once and on a goroutine of its
// own: a reader that is late is what makes the kernel's queue overflow.
type notifier struct {
	source                                             // nil: there is none
	wants  func(dir, base string, op fsnotify.Op) bool // called with mu held
	wake   func()                                      // there is something to take

	mu    sync.Mutex
	batch batch
	index map[string]int // of a path in batch.notices
	last  time.Time
}

func newNotifier(wants func(dir, base string, op fsnotify.Op) bool, wake func()) *notifier {
	return &notifier{wants: wants, wake: wake, index: map[string]int{}}
}

// burst is how many notices a source may be ahead of who takes them. Without any, each
// costs a change of goroutines, and mostly of threads.
const burst = 1024

// listen takes notices until both channels, or the first of them, are closed.
func (n *notifier) listen(events <-chan fsnotify.Event, errs <-chan error) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			n.note(e)
			for range len(events) { // what is there needs no choice
				n.note(<-events)
			}
		case _, ok := <-errs:
			if !ok {
				return
			}
			n.lose(overflow)
		}
	}
}

func (n *notifier) note(e fsnotify.Event) {
	path := filepath.Clean(e.Name)
	dir, base := splitPath(path)
	n.mu.Lock()
	if !n.wants(dir, base, e.Op) {
		n.mu.Unlock()
		return
	}
	n.last = time.Now()
	// Writes to what is pending already are only remembered: whoever waits for
	// quiet asks how long it has lasted.
	wake := n.batch.lost == "" && len(n.batch.notices) == 0
	if i, ok := n.index[path]; ok {
		old := n.batch.notices[i].op
		n.batch.notices[i].op |= e.Op
		wake = wake || e.Op&^old&structural != 0
	} else if len(n.batch.notices) < maxNotices {
		n.index[path] = len(n.batch.notices)
		n.batch.notices = append(n.batch.notices, notice{path, e.Op})
		wake = wake || e.Op&structural != 0
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
	wake := n.batch.lost == ""
	n.batch.lost = cmp.Or(n.batch.lost, why)
	n.mu.Unlock()
	if wake {
		n.wake()
	}
}

func (n *notifier) close() {
	if n.source != nil {
		_ = n.Close()
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
