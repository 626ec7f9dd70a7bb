package fd

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/socket"
)

// An Input reads a descriptor without ever blocking, though the descriptor may be a blocking one
// that others read as well.
type Input struct {
	fd       int
	kind     uint32 // S_IFMT of fstat(2); 0: neither file, socket, pipe nor device
	stream   bool   // nothing read is its end; of a socket of datagrams it is an empty one
	reopened int    // the same pipe opened anew, non-blocking; -1: it was not
	asks     bool   // whether there is something to read, before it reads
}

// NewInput makes the input of a descriptor, which stays the caller's.
func NewInput(fd int) Input {
	var st unix.Stat_t
	_ = unix.Fstat(fd, &st)
	in := Input{fd: fd, kind: uint32(st.Mode) & unix.S_IFMT, stream: true, reopened: -1} //nolint:unconvert // uint16 on some platforms
	if in.kind == unix.S_IFSOCK {
		typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		in.stream = err == nil && (typ == unix.SOCK_STREAM || typ == unix.SOCK_SEQPACKET)
	}
	return in
}

// isTCP reports whether it is a TCP connection. Of the other end of one the kernel knows no more
// than that it will send nothing: it may have gone, or have ended its sending alone.
func (in *Input) isTCP() bool {
	at, err := socket.Address(in.fd)
	return err == nil && at.IsValid() && in.stream
}

// unfit says why the descriptor can't be watched, or not be read.
func (in *Input) unfit(read bool) error {
	switch in.kind {
	case unix.S_IFDIR:
		return errors.New("is a directory: 'ev stat' watches those")
	case unix.S_IFSOCK:
		if read && socket.Listens(in.fd) {
			return errors.New("is a socket that waits for connections: there is nothing to be read before they are accepted; --accept does that")
		}
	}
	return nil
}

// neverUrgent says why nothing urgent can come.
func (in *Input) neverUrgent() error {
	switch in.kind {
	case unix.S_IFREG:
		return errors.New("is a file: for --urgent give its path, as in /proc/self/mountinfo")
	case unix.S_IFIFO:
		return errors.New("is a pipe, in which nothing is ever urgent: leave out --urgent")
	}
	return nil
}

// Read reads what is there now. The error is EAGAIN if that is nothing; at the end of a stream, and
// for an empty datagram, there is none.
func (in *Input) Read(p []byte) (n int, err error) {
	for {
		n, err = in.attempt(p)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

func (in *Input) attempt(p []byte) (int, error) {
	switch {
	case in.reopened >= 0:
		return unix.Read(in.reopened, p)
	case in.kind == unix.S_IFREG, in.kind == unix.S_IFBLK:
		return unix.Read(in.fd, p) // never has to wait for anyone
	case in.kind == unix.S_IFSOCK:
		n, _, err := unix.Recvfrom(in.fd, p, unix.MSG_DONTWAIT)
		return n, err
	case !in.asks:
		n, err := readNoWait(in.fd, p)
		if !errors.Is(err, errors.ErrUnsupported) {
			return n, err
		}
		if in.kind == unix.S_IFIFO {
			if in.reopened = fdio.Reopen(in.fd, unix.O_RDONLY); in.reopened >= 0 {
				return unix.Read(in.reopened, p)
			}
		}
		in.asks = true
	}
	// Another reader may come between the question and the read: then this one waits for what comes
	// next.
	if in.Poll(unix.POLLIN) == 0 {
		return 0, unix.EAGAIN
	}
	return unix.Read(in.fd, p)
}

// peek copies what there is to be read, and takes none of it. The error is ErrUnsupported where
// that can't be had.
func (in *Input) peek(p []byte) (int, error) {
	switch in.kind {
	case unix.S_IFSOCK:
		n, _, err := unix.Recvfrom(in.fd, p, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n, err
	case unix.S_IFIFO:
		return peekPipe(in.fd, p)
	}
	return 0, errors.ErrUnsupported
}

// Poll returns what the descriptor is ready for now.
func (in *Input) Poll(events int16) int16 { return fdio.Poll(in.fd, events) }

// A level is how far a descriptor has been read: how much is left and, of a file, from where. It
// stays the same when nothing is read and nothing comes.
type level struct{ left, at int }

// level returns it, or false where the kernel does not tell.
func (in *Input) level() (level, bool) {
	n, err := in.left()
	if err != nil || !in.stream {
		return level{}, false
	}
	l := level{left: n}
	if in.kind == unix.S_IFREG {
		at, err := unix.Seek(in.fd, 0, io.SeekCurrent)
		l.at = int(at)
		return l, err == nil
	}
	return l, true
}

// left returns how much there is to be read now.
func (in *Input) left() (int, error) {
	if in.kind != unix.S_IFREG {
		return socket.Unread(in.fd)
	}
	at, err := unix.Seek(in.fd, 0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(in.fd, &st)
	return int(st.Size - at), err
}

// broken reports whether nothing that is written reaches anyone any more.
func (in *Input) broken() bool {
	return in.Poll(unix.POLLOUT)&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0
}

// ended reports whether nothing can be read and never will be, without reading. Of a terminal it
// knows only when that has gone.
func (in *Input) ended() bool {
	switch in.kind {
	case unix.S_IFREG:
		n, err := in.left()
		return err == nil && n <= 0
	case unix.S_IFSOCK:
		if !in.stream {
			return false
		}
		n, _, err := unix.Recvfrom(in.fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n == 0 && err == nil
	case unix.S_IFCHR:
		var st, null unix.Stat_t
		if unix.Fstat(in.fd, &st) == nil && unix.Stat(os.DevNull, &null) == nil && st.Rdev == null.Rdev {
			return true
		}
	}
	switch got := in.Poll(unix.POLLIN); {
	case got&(unix.POLLERR|unix.POLLNVAL) != 0:
		return true
	case got&unix.POLLHUP == 0:
		return false
	}
	n, err := in.left()
	return err == nil && n == 0
}

// Close closes what was opened besides the descriptor.
func (in *Input) Close() {
	if in.reopened >= 0 {
		_ = unix.Close(in.reopened)
	}
}
