package control

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

const (
	// mostStreams is how many connections there are at once. One more takes the
	// place of the oldest.
	mostStreams = 64
	// acceptPause is how long accepting rests when there is no descriptor left.
	acceptPause = 100 * time.Millisecond
)

// A listener takes connections.
type listener struct {
	loop    *loop.Loop
	fd      int
	io      *loop.IO
	report  *report.Reporter
	streams []*stream // the oldest first
	// connected has the stream of a new connection begin.
	connected func(*stream)
	// crowded tells a connection that it makes room for another; nil: it needs no telling.
	crowded func(*stream)
}

func newListener(l *loop.Loop, fd int, r *report.Reporter, connected func(*stream)) *listener {
	ln := &listener{loop: l, fd: fd, report: r, connected: connected}
	ln.io = loop.NewIO(l, fd, loop.Read, func(loop.Ops) { ln.accept() })
	ln.io.KeepAlive(false)
	ln.io.Start()
	return ln
}

func (ln *listener) accept() {
	fd, err := socket.Accept(ln.fd)
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		// It would be ready at once again.
		ln.io.Stop()
		ln.report.Errorf("a connection waits: %v: raise the limit (ulimit -n)", err)
		ln.loop.After(acceptPause, func() {
			if ln.fd >= 0 {
				ln.io.Start()
			}
		})
		return
	case err != nil:
		return // it has gone already
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

func (ln *listener) close() {
	for _, s := range slices.Clone(ln.streams) {
		s.close()
	}
	_ = ln.io.Close()
	ln.fd = -1
}
