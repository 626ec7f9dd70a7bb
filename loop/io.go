package loop

import (
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An IO fires as long as a descriptor is ready. Any number of them may watch one descriptor.
//
// It has to be stopped before its descriptor is closed, as Close does; one that is not gets [Error]
// and is stopped.
type IO struct {
	Watcher
	fd   int32
	want Ops
	got  Ops
	set  bool // fd may be another file since it was last made known
	next *IO  // of the same descriptor, in start order
	fn   func(Ops)
}

// NewIO makes a watcher of fd for any of Read, Write, Hangup, Shut and Urgent. fn is told which of
// those asked for came, or Error; nothing if the watcher was only fed.
func NewIO(l *Loop, fd int, want Ops, fn func(got Ops)) *IO {
	w := &IO{Watcher: Watcher{loop: l, io: true}, fn: fn}
	w.Set(fd, want)
	return w
}

// ioOf returns the IO that a watcher is the beginning of. A call of its own would be one more
// allocation, and one more place in memory to be fetched at each event.
//
// Safety: it is asked only where w.io is set, which NewIO alone does, on the Watcher inside an IO.
// That Watcher is the first field, so both have one address; the constant below does not compile
// otherwise.
func ioOf(w *Watcher) *IO { return (*IO)(unsafe.Pointer(w)) }

const _ = -unsafe.Offsetof(IO{}.Watcher) // negative, and no constant, were it not 0

// Set makes the watcher one of another descriptor, or for other readiness. The watcher must not be
// active.
func (w *IO) Set(fd int, want Ops) {
	if w.active {
		panic("loop: Set of an active IO")
	}
	if fd > math.MaxInt32 {
		fd = -1 // no descriptor either
	}
	w.fd, w.want, w.set = int32(fd), want, true
}

// FD returns the descriptor.
func (w *IO) FD() int { return int(w.fd) }

// Start starts the watcher. The kernel is told when the loop next waits; if it refuses, fn gets
// Error in that turn.
func (w *IO) Start() {
	if w.start() {
		w.loop.fds.add(w)
	}
}

// Stop stops the watcher.
func (w *IO) Stop() {
	w.got = 0
	if w.stop() {
		w.loop.fds.remove(w)
	}
}

// Close stops the watcher and closes its descriptor, for good.
func (w *IO) Close() error { return unix.Close(w.Release()) }

// Release stops the watcher for good, and returns its descriptor, which may be closed now. The
// kernel forgets that at once, not when the loop next waits: a process that is just being started
// has a duplicate of it, and epoll would report that under a number that means nothing here any
// more.
func (w *IO) Release() (fd int) {
	w.Stop()
	if w.fd >= 0 {
		w.loop.fds.reifyOne(w.loop.backend, w.fd)
	}
	fd = int(w.fd)
	w.fd = -1
	return fd
}

// ClearPending makes the watcher not pending, and reports whether it was. What came is forgotten.
func (w *IO) ClearPending() bool {
	w.got = 0
	return w.Watcher.ClearPending()
}

func (w *IO) invoke() {
	got := w.got
	w.got = 0
	w.fn(got)
}
