package action

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
)

// maxBacklog is how much may wait to be written before no more command starts.
const maxBacklog = 1 << 20

// patience is how long, in the end, a reader that takes nothing is waited for.
const patience = time.Second

var errNotRead = errors.New("the reader has stopped to read")

// An Output writes records to a descriptor that ev shares with others and so may not make
// non-blocking. A record that the descriptor takes at once is written at once; else a goroutine
// waits in write(2), and not the loop.
//
// A record is one write(2), or one of several that come in a turn of the loop and share one of at
// most PIPE_BUF bytes, which a pipe takes whole. What a descriptor in non-blocking mode takes only
// in part, or not now, is written on when it can be: nothing is lost, and nothing overtakes.
type Output struct {
	// Before, if not nil, is called before anything is written.
	Before func()
	// AtOnce has no record wait for others of its turn: ev's messages go to the same file.
	AtOnce bool

	loop     *loop.Loop
	file     *os.File
	fd       int
	kind     uint32 // S_IFMT of fstat(2)
	terminal bool
	opened   bool // anew, or tried to
	anew     int  // the same pipe, non-blocking; -1: there is none
	failed   func(error)
	pending  [][]byte
	backlog  int // bytes of pending
	drained  []func()
	busy     bool  // a goroutine writes
	hurried  bool  // the end has come
	written  int64 // by goroutines
	err      error // nothing more is written

	record   []byte        // the last, in memory that the next is written in
	gathered []byte        // records of this turn
	flusher  *loop.Prepare // is active while there are some
	flushes  int64         // writes after which nothing was left
}

// NewOutput makes an Output to f. Once a write has failed, failed is called on the loop's
// goroutine, with EPIPE if the reader has gone, and nothing more is written. An Output that still
// has something to write holds a Ref of the loop.
func NewOutput(l *loop.Loop, f *os.File, failed func(error)) *Output {
	fd := int(f.Fd())
	var st unix.Stat_t
	_ = unix.Fstat(fd, &st)
	o := &Output{loop: l, file: f, fd: fd, kind: uint32(st.Mode) & unix.S_IFMT, terminal: term.IsTerminal(fd), anew: -1, failed: failed} //nolint:unconvert // uint16 on some platforms
	o.flusher = loop.NewPrepare(l, o.Flush)
	return o
}

// gather writes one record with others of this turn, before the loop waits. Who looks at a terminal
// sees each at once. It is not kept: the caller may use b again.
func (o *Output) gather(b []byte) {
	if o.AtOnce || o.terminal {
		o.write(b)
		return
	}
	if len(o.gathered)+len(b) > pipeBuf() {
		o.Flush()
	}
	if o.busy || len(b) > pipeBuf() {
		o.write(b)
		return
	}
	o.gathered = append(o.gathered, b...)
	o.flusher.Start()
}

// Flush writes what has been gathered.
func (o *Output) Flush() {
	if len(o.gathered) == 0 {
		return
	}
	o.flusher.Stop()
	o.put(o.gathered)
	o.gathered = o.gathered[:0]
}

// holds reports whether there is something that has not been written.
func (o *Output) holds() bool { return o.busy || len(o.gathered) > 0 }

// write writes one record now, and what was gathered before it. It is not kept: the caller may use
// b again.
func (o *Output) write(b []byte) {
	o.Flush()
	o.put(b)
}

func (o *Output) put(b []byte) {
	if o.err != nil {
		return
	}
	if o.Before != nil {
		o.Before()
	}
	if o.busy {
		o.pending = append(o.pending, bytes.Clone(b))
		o.backlog += len(b)
		return
	}
	n, err := o.writeNow(b)
	if n == len(b) {
		o.flushes++
		return
	}
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		o.fail(err)
		return
	}
	b = b[n:]
	o.busy = true
	o.loop.Ref()
	if o.hurried {
		o.watch()
	}
	o.writeElsewhere(bytes.Clone(b))
}

// Close closes what NewOutput's caller does not know of. Nothing is written any more.
func (o *Output) Close() {
	if o.anew >= 0 {
		_ = unix.Close(o.anew)
		o.anew = -1
	}
}

// onDrain has fn called once, when no goroutine writes any more. One must be at it.
func (o *Output) onDrain(fn func()) { o.drained = append(o.drained, fn) }

// withRoom calls fn: once all is written, if very much waits for that.
func (o *Output) withRoom(fn func()) {
	if o.backlog <= maxBacklog {
		fn()
		return
	}
	o.onDrain(fn)
}

// Hurry says that the end has come: a reader that takes nothing is not waited for any longer than a
// moment.
func (o *Output) Hurry() {
	o.Flush()
	if o.busy && !o.hurried {
		o.watch()
	}
	o.hurried = true
}

// watch gives up on a reader that makes no progress.
func (o *Output) watch() {
	written := o.written
	o.loop.After(patience, func() {
		switch {
		case !o.busy:
		case o.written > written:
			o.watch()
		default:
			o.fail(errNotRead)
			o.drain()
		}
	})
}

func (o *Output) writeElsewhere(b []byte) {
	go func() {
		err := fdio.WriteAll(o.fd, b)
		o.loop.Post(func() { o.wrote(err) })
	}()
}

func (o *Output) wrote(err error) {
	if !o.busy {
		return // it was given up
	}
	o.written++
	switch {
	case err != nil:
		o.fail(err)
	case len(o.pending) > 0:
		b := o.pending[0]
		o.pending = o.pending[1:]
		o.backlog -= len(b)
		o.writeElsewhere(b)
		return
	}
	o.drain()
}

func (o *Output) drain() {
	o.busy = false
	o.loop.Unref()
	waiting := o.drained
	o.drained = nil
	for _, fn := range waiting {
		fn()
	}
}

func (o *Output) fail(err error) {
	o.err, o.pending, o.backlog = err, nil, 0
	if o.failed != nil {
		o.failed(err)
	}
}

// pipeBuf is how much a pipe that poll(2) calls writable takes without blocking: PIPE_BUF of
// pipe(7).
func pipeBuf() int {
	if runtime.GOOS == "linux" {
		return 4096
	}
	return 512
}

// writeNow writes as far as that is sure not to wait, which is all or nothing but on a descriptor
// in non-blocking mode. The error is EAGAIN if it would have to wait.
func (o *Output) writeNow(b []byte) (int, error) {
	switch {
	case o.kind == unix.S_IFREG:
		return fdio.Write(o.fd, b)
	case len(b) > pipeBuf():
		return 0, unix.EAGAIN // it may fit in part only
	case o.kind == unix.S_IFIFO && !o.opened:
		o.opened, o.anew = true, fdio.Reopen(o.fd, unix.O_WRONLY)
	}
	if o.anew >= 0 {
		return fdio.WriteNoWait(o.anew, b)
	}
	// A broken pipe may be no more than POLLERR: the write tells why.
	if fdio.Poll(o.fd, unix.POLLOUT) == 0 {
		return 0, unix.EAGAIN
	}
	return fdio.Write(o.fd, b)
}
