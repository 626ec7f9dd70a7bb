package control

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/loop"
)

// A stream is a connection on the loop. It is read as long as nothing waits to be written: a client
// that does not read what it is told is not listened to either. It does not keep the loop alive.
type stream struct {
	fd     int
	in     *loop.IO
	out    *loop.IO
	unread []byte // by the one who takes it
	unsent []byte
	last   bool // close it once everything is sent
	closed bool

	// take is called when something has come, and takes it off unread; what it leaves there is for
	// it to limit.
	take func()
	// gone is called once, when the connection is closed.
	gone func()
}

const readSize = 4096

func newStream(l *loop.Loop, fd int) *stream {
	_ = unix.SetNonblock(fd, true) // the connection is ev's alone
	s := &stream{fd: fd}
	s.in = loop.NewIO(l, fd, loop.Read, func(loop.Ops) { s.read() })
	s.out = loop.NewIO(l, fd, loop.Write, func(loop.Ops) { s.flush() })
	s.in.KeepAlive(false)
	s.out.KeepAlive(false)
	return s
}

func (s *stream) start() { s.in.Start() }

func (s *stream) read() {
	var b [readSize]byte
	n, err := unix.Read(s.fd, b[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case n <= 0:
		s.close()
		return
	}
	s.unread = append(s.unread, b[:n]...)
	s.take()
}

// send sends b, now or when the other end reads.
func (s *stream) send(b []byte) {
	if s.closed || s.last {
		return
	}
	s.unsent = append(s.unsent, b...)
	if !s.out.Active() {
		s.flush()
	}
}

// finish closes the connection once everything is sent.
func (s *stream) finish() {
	s.last = true
	if len(s.unsent) == 0 {
		s.close()
	}
}

func (s *stream) flush() {
	for len(s.unsent) > 0 {
		n, err := fdio.Write(s.fd, s.unsent)
		switch {
		case errors.Is(err, unix.EAGAIN):
			s.in.Stop()
			s.out.Start()
			return
		case err != nil:
			s.close()
			return
		}
		s.unsent = s.unsent[n:]
	}
	s.unsent = nil
	wasFull := s.out.Active()
	s.out.Stop()
	switch {
	case s.last:
		s.close()
	case wasFull:
		s.in.Start()
		s.take() // what came in the meantime
	}
}

func (s *stream) close() {
	if s.closed {
		return
	}
	s.closed = true
	s.in.Stop()
	_ = s.out.Close()
	s.gone()
}
