package onsignal

import (
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
)

// A queue is a blocked real-time signal, which the kernel queues, and those who watch it on one
// loop: a signalfd gives each of them to one reader.
type queue struct {
	fd       int
	io       *loop.IO
	watchers []*Watcher
}

type queueKey struct {
	loop   *loop.Loop
	signal syscall.Signal
}

var queues = struct { //nolint:gochecknoglobals // the process has these signals
	sync.Mutex
	m map[queueKey]*queue
}{m: map[queueKey]*queue{}}

// enqueue has a Watcher told of each signal that is queued, and reports whether that can be had.
func enqueue(w *Watcher, s syscall.Signal) bool {
	queues.Lock()
	defer queues.Unlock()
	key := queueKey{w.loop, s}
	q := queues.m[key]
	if q == nil {
		fd, err := sigmask.FD([]syscall.Signal{s})
		if err != nil {
			return false
		}
		q = &queue{fd: fd}
		q.io = loop.NewIO(w.loop, fd, loop.Read, func(loop.Ops) { q.read(s) })
		q.io.KeepAlive(false) // the Watcher does
		q.io.Start()
		queues.m[key] = q
	}
	q.watchers = append(q.watchers, w)
	return true
}

// dequeue ends that. What comes then waits in the kernel for who watches it next.
func dequeue(w *Watcher, s syscall.Signal) {
	queues.Lock()
	defer queues.Unlock()
	key := queueKey{w.loop, s}
	q := queues.m[key]
	if q == nil {
		return
	}
	q.watchers = slices.DeleteFunc(q.watchers, func(other *Watcher) bool { return other == w })
	if len(q.watchers) == 0 {
		_ = q.io.Close()
		delete(queues.m, key)
	}
}

// read counts what has come, as much of it as one turn's share.
func (q *queue) read(s syscall.Signal) {
	var infos [64]unix.SignalfdSiginfo
	n, _ := unix.Read(q.fd, unsafe.Slice((*byte)(unsafe.Pointer(&infos)), unsafe.Sizeof(infos)))
	for _, w := range q.watchers {
		for range max(n, 0) / int(unsafe.Sizeof(infos[0])) {
			w.add(s)
		}
	}
}
