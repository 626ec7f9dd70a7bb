package control

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// mostStreams is how many connections there are at once. One more takes the place of the oldest.
const mostStreams = 64

// A listener takes connections.
type listener struct {
	*socket.Listener
	loop    *loop.Loop
	io      *loop.IO
	streams []*stream // the oldest first
	closed  bool
	// connected has the stream of a new connection begin.
	connected func(*stream)
	// crowded tells a connection that it makes room for another; nil: it needs no telling.
	crowded func(*stream)
}

func newListener(l *loop.Loop, at *socket.Listener, connected func(*stream)) *listener {
	ln := &listener{Listener: at, loop: l, connected: connected}
	ln.watch()
	if at.HasFile() {
		l.After(socket.LookEvery, ln.look)
	}
	return ln
}

// watch waits for connections.
func (ln *listener) watch() {
	ln.io = loop.NewIO(ln.loop, ln.FD, loop.Read, func(loop.Ops) { ln.accept() })
	ln.io.KeepAlive(false)
	ln.io.Start()
}

// look has a socket whose file has gone be made anew, time and again.
func (ln *listener) look() {
	if ln.closed {
		return
	}
	if ln.Renew() {
		_ = ln.io.Close()
		ln.watch()
	}
	ln.loop.After(socket.LookEvery, ln.look)
}

func (ln *listener) accept() {
	fd, _, err := ln.Accept()
	switch {
	case errors.Is(err, unix.EAGAIN):
		return
	case err != nil:
		ln.rest(err)
		return
	}
	if len(ln.streams) == mostStreams {
		oldest := ln.streams[0]
		if ln.crowded != nil {
			ln.crowded(oldest)
		}
		oldest.close()
	}
	s := newStream(ln.loop, fd)
	s.gone = func() {
		ln.streams = slices.DeleteFunc(ln.streams, func(other *stream) bool { return other == s })
	}
	ln.streams = append(ln.streams, s)
	ln.connected(s)
	if !s.closed {
		s.start()
	}
}

// rest accepts nothing for a while, or never again.
func (ln *listener) rest(err error) {
	ln.io.Stop()
	pause, passes := ln.Rest(err)
	if !passes {
		ln.Report.Errorf("%s: accept: %v: nobody can connect any more", ln.Name, err)
		return
	}
	ln.loop.After(pause, func() {
		if !ln.closed {
			ln.io.Start()
		}
	})
}

func (ln *listener) close() {
	ln.closed = true
	ln.Remove()
	for _, s := range slices.Clone(ln.streams) {
		s.close()
	}
	_ = ln.io.Close()
}
