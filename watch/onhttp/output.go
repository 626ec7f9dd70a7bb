package onhttp

import (
	"errors"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/internal/socket"
)

// What a command writes that is over at once, as most are, is read when it has ended, and is one write
// to the client. That of one that goes on for longer than this, or writes more, is sent as it comes.
const (
	shortCommand = 20 * time.Millisecond
	shortLook    = 5 * time.Millisecond // is how often it is looked at
	shortOutput  = 4 << 10
)

// An output is the pipe through which a command's output comes.
type output struct {
	fd   int                     // to be read, without waiting
	file atomic.Pointer[os.File] // the same, once it is waited for
	end  *os.File                // that is written to
}

func newOutput() (*output, error) {
	fd, end, err := cloexec.Pipe()
	return &output{fd: fd, end: end}, err
}

// close is for the request's goroutine.
func (o *output) close() {
	if f := o.file.Load(); f != nil {
		_ = f.Close()
	} else {
		_ = unix.Close(o.fd)
	}
}

// wake has a read of pieces return, whoever else has the pipe.
func (o *output) wake() {
	if f := o.file.Load(); f != nil {
		_ = f.SetReadDeadline(time.Unix(0, 0))
	}
}

// isShort waits until it is known whether a command is a short one: then done is closed.
func (o *output) isShort(done <-chan struct{}) bool {
	look := time.NewTicker(shortLook)
	defer look.Stop()
	for range shortCommand / shortLook {
		select {
		case <-done:
			return true
		case <-look.C:
		}
		if written, _ := socket.Unread(o.fd); written > shortOutput {
			return false
		}
	}
	return false
}

// pieces calls take with each piece as it comes, until all has been written, or until wake is called
// after done is closed.
func (o *output) pieces(done <-chan struct{}, take func([]byte)) {
	f := os.NewFile(uintptr(o.fd), "pipe")
	o.file.Store(f)
	select {
	case <-done: // and wake may have been called before
		return
	default:
	}
	readAsItComes(f, done, take)
}

func readAsItComes(f *os.File, done <-chan struct{}, take func([]byte)) {
	buf := make([]byte, 32<<10)
	for {
		switch n, err := f.Read(buf); {
		case errors.Is(err, unix.EAGAIN): // Go's poller has no room for it (fs.epoll.max_user_watches)
			select {
			case <-done:
				return
			case <-time.After(shortLook):
			}
		case err != nil:
			return
		default:
			take(buf[:n])
		}
	}
}

// rest calls take with what is left in the pipe. Others may still hold the writing end: nobody waits
// for them.
func (o *output) rest(take func([]byte)) {
	left, _ := socket.Unread(o.fd)
	if left <= 0 {
		return
	}
	buf := make([]byte, min(left, 32<<10))
	for left > 0 {
		n, err := unix.Read(o.fd, buf[:min(left, len(buf))])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case n <= 0:
			return
		}
		take(buf[:n])
		left -= n
	}
}

// stream copies the command's output to the client until the command has ended, and closes the
// answer as that says. It reports whether there is one.
func (x *exchange) stream(a *reply, r *http.Request) bool {
	if !x.output.isShort(x.done) {
		x.output.pieces(x.done, func(p []byte) {
			a.takeOutput(x, p)
			a.flush(x)
		})
		<-x.done
	}
	x.output.rest(func(p []byte) { a.takeOutput(x, p) })
	switch {
	case x.turnedAway:
		return false
	case x.clientGone.Load() && !x.watcher.opts.KeepRunning:
		a.status = statusClientGone
		panic(http.ErrAbortHandler)
	case !x.reply.output && a.headersSent:
		a.flush(x)
		if !r.ProtoAtLeast(1, 1) {
			x.conn.reset() // before 1.1 the end of the connection is that of the answer
		}
		panic(http.ErrAbortHandler) // the client must not take it for the whole
	case !x.reply.output:
		a.end(x.reply.status, x.reply.why)
	default:
		a.finish(x, x.reply.status)
	}
	return true
}

// statusClientGone is what nginx logs for a client that did not wait.
const statusClientGone = 499
