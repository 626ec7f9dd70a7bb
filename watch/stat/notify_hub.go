package stat

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/mounts"
)

// A source tells of what happens in directories: fsnotify, or a fake of it.
type source interface {
	Add(dir string) error
	Remove(dir string) error
	Close() error
}

// A Hub is where the Stats of one loop hear of changes. They share a source, for a user gets only
// so many of them (128 instances of inotify): it is there from the first Start to the last Stop.
// The zero Hub is ready for use.
//
// An inode is watched once, whatever its names and whoever asks for it. inotify has one watch for
// each inode, and fsnotify reports all that happens to it under the name by which it was added
// first: to add a second name changes nothing, and to remove it is an error. So a place stands for
// an inode. It has the one name that the source knows, and the list of those who asked, each of
// which is told under the name that it asked for.
//
// A name can come to stand for another inode while the place is still watched by it. Before the
// name is used again, free ends the old watch, or the source would take the new inode for the old
// one. Then the place has ended, as it has when the kernel says that the directory was moved or
// deleted. All who asked for it are told, and have to ask again if they still find the inode; the
// first who does so gives the place its new name.
//
// Between looking at a path and watching it, another directory may be put there. That is why who
// called add looks once more afterwards, and calls takeBack if the inode is not the one that it
// asked for.
//
// What is watched changes under asking, for several Watchers of a loop may be at it at the same
// time (see errand). What the source reports comes on a goroutine of its own, and is passed on
// under mu. The source is never called with mu held. It has locks of its own, and while it waits
// for somebody to take an event it holds them: a call into it would wait for listen, and listen for
// mu.
type Hub struct {
	open   func(*Hub) (source, <-chan fsnotify.Event, <-chan error, error) // nil: openKernel
	asking sync.Mutex                                                      // held by who changes what is watched
	source source                                                          // while there are hearers

	mu      sync.Mutex
	hearers map[*notifier]*Options
	places  map[fileID]*place
	names   map[string]*place // by the name that the source has for it
}

// A place is one inode that is watched.
type place struct {
	name  string // "": none any more
	first *dir   // of a list: who asked for it
	ended bool   // the watch, or it may have
}

// kernel is the real source.
type kernel struct {
	*fsnotify.Watcher
	mounts io.Closer
}

func (k kernel) Close() error { return errors.Join(k.Watcher.Close(), k.mounts.Close()) }

const (
	// burst is how many notices a source may be ahead of who takes them. With few, each costs a
	// change of goroutines, and mostly of threads.
	burst = 1024
	// flurry is how many notices, each within a pause of the one before, are taken at once: more
	// than a file that is saved makes, which is to be told without delay.
	flurry = 32
	// pause is for how long more notices than that gather, at the source and then in the kernel,
	// whose queue has room for thousands: to be woken for each costs more than all that is done
	// about it.
	pause = 5 * time.Millisecond
)

func openKernel(h *Hub) (source, <-chan fsnotify.Event, <-chan error, error) {
	w, err := fsnotify.NewBufferedWatcher(burst)
	if err != nil {
		return nil, nil, nil, err
	}
	return kernel{w, mounts.Listen(h.mounted)}, w.Events, w.Errors, nil
}

// join has a notifier hear of what is added for it.
func (h *Hub) join(n *notifier, o *Options) error {
	h.asking.Lock()
	defer h.asking.Unlock()
	if len(h.hearers) == 0 {
		open := h.open
		if open == nil {
			open = openKernel
		}
		s, events, errs, err := open(h)
		if err != nil {
			return err
		}
		h.source = s
		go h.listen(events, errs)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hearers) == 0 {
		h.hearers, h.places, h.names = map[*notifier]*Options{}, map[fileID]*place{}, map[string]*place{}
	}
	h.hearers[n] = o
	n.hub = h
	return nil
}

// leave ends that, and reports whether nobody is left, so that all watches have ended. Otherwise
// those of the notifier have to be removed.
func (h *Hub) leave(n *notifier) bool {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.mu.Lock()
	delete(h.hearers, n)
	last := len(h.hearers) == 0
	if last {
		h.hearers, h.places, h.names = nil, nil, nil
	}
	h.mu.Unlock()
	if last {
		_ = h.source.Close()
	}
	return last
}

// add has d.n told of what happens in a directory, whose inode has been looked at. Who called looks
// once more, and takes it back if another is there.
func (h *Hub) add(d *dir) error {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.mu.Lock()
	p := h.places[d.id()]
	if p != nil && !p.ended {
		p.link(d)
		h.mu.Unlock()
		return nil
	}
	h.mu.Unlock()
	if p == nil {
		p = &place{}
	} else {
		h.free(p.name)
	}
	name := d.watchName()
	h.free(name)
	h.mu.Lock()
	p.name, p.ended = name, false
	p.link(d)
	h.places[d.id()], h.names[name] = p, p
	h.mu.Unlock()
	err := h.source.Add(name)
	if err != nil {
		h.release(d)
		h.free(name)
	}
	return err
}

// takeBack undoes add: it is another inode that is watched by the directory's name, or none.
func (h *Hub) takeBack(d *dir) {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.release(d)
	h.free(d.watchName())
}

// watchName is the name by which the source is asked for a directory. It folds a "..", so it must
// not see one that stands behind a symbolic link.
func (d *dir) watchName() string {
	if path := filepath.Clean(d.path); path == d.path {
		return path
	}
	real, err := filepath.EvalSymlinks(d.path)
	if err != nil {
		return d.path
	}
	return real
}

// free ends the watch that has a name: the source would take the name for the inode that it was
// given for.
func (h *Hub) free(name string) {
	h.mu.Lock()
	p := h.names[name]
	if p != nil {
		delete(h.names, name)
		p.name, p.ended = "", true
		p.passOn("", fsnotify.Rename)
	}
	h.mu.Unlock()
	if p != nil {
		_ = h.source.Remove(name) // it may have ended by itself
	}
}

// remove ends what add began.
func (h *Hub) remove(d *dir) {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.release(d)
}

func (h *Hub) release(d *dir) {
	h.mu.Lock()
	p := h.places[d.id()]
	p.unlink(d)
	if p.first != nil {
		h.mu.Unlock()
		return
	}
	delete(h.places, d.id())
	h.mu.Unlock()
	h.free(p.name)
}

// watched is how many directories are.
func (h *Hub) watched() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.places)
}

// listen takes what the source tells until both channels, or the first of them, are closed.
func (h *Hub) listen(events <-chan fsnotify.Event, errs <-chan error) {
	inRow, last := 0, time.Time{}
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			more := len(events)
			h.dispatch(e)
			for range more { // what is there needs no choice
				h.dispatch(<-events)
			}
			now := time.Now()
			if now.Sub(last) > pause {
				inRow = 0
			}
			if last, inRow = now, inRow+1+more; inRow > flurry {
				// Not by a timer of Go's, for which a thread waits that each notice wakes.
				_, _ = unix.Poll(nil, int(pause/time.Millisecond))
			}
		case _, ok := <-errs:
			if !ok {
				return
			}
			h.lose(overflow, func(*Options) bool { return true })
		}
	}
}

// dispatch passes on that something happened to a name in a directory, or to a directory itself,
// which is the same to the source.
func (h *Hub) dispatch(e fsnotify.Event) {
	path := filepath.Clean(e.Name)
	dir, base := splitPath(path)
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.names[path]; p != nil {
		p.ended = p.ended || e.Op&structural != 0
		p.passOn("", e.Op)
	}
	if p := h.names[dir]; p != nil && base != "" {
		p.passOn(base, e.Op)
	}
}

// mounted passes on that other files are below a mount point.
func (h *Hub) mounted(point, why string) {
	h.lose(why, func(o *Options) bool { return o.concerns(point) })
}

// lose has those whom it concerns look at everything, and watch it anew.
func (h *Hub) lose(why string, concerns func(*Options) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.places {
		p.ended = true
	}
	for n, o := range h.hearers {
		if concerns(o) {
			n.lose(why)
		}
	}
}

func (p *place) passOn(base string, op fsnotify.Op) {
	for d := p.first; d != nil; d = d.next {
		d.n.note(d, base, op)
	}
}

func (p *place) link(d *dir) {
	if d.next = p.first; d.next != nil {
		d.next.prev = d
	}
	p.first = d
}

func (p *place) unlink(d *dir) {
	if d.next != nil {
		d.next.prev = d.prev
	}
	if d.prev != nil {
		d.prev.next = d.next
	} else {
		p.first = d.next
	}
	d.prev, d.next = nil, nil
}
