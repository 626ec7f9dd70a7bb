package socket

import (
	"errors"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/report"
)

const (
	// backlog is how many connections wait to be accepted; the kernel lowers it to its own limit
	// (net.core.somaxconn).
	backlog = 4096
	// spare is how many descriptors [Listener.Spare] leaves: a command takes some to start.
	spare = 16
	// mostAborted is how many connections in a row may have gone before they are accepted, until
	// that is a failure like any other.
	mostAborted = 64

	minPause = 10 * time.Millisecond
	maxPause = time.Second
)

// A Listener is a socket that listens, with the file that it may have made. Accept, Accepted and
// Rest may be called on another goroutine than Remove and Renew.
type Listener struct {
	// FD does not block, unless it is Passed. Whoever waits for it closes it, after Remove.
	FD int
	// Passed says that ev was started with FD, which others may have too: whether it blocks is
	// theirs to say.
	Passed bool
	// Name is what messages call the listener.
	Name   string
	Report *report.Reporter

	path     string
	access   Access      // to the file
	file     os.FileInfo // that was made at path; nil: none was
	lost     bool        // and is gone, which was told
	most     int         // what the number of a connection's descriptor stays below
	failures int         // of accept(2), in a row
	told     bool        // that connections wait
}

// Spare has no connection accepted that would take one of the last descriptors: those are left to
// what the connections are accepted for.
func (l *Listener) Spare() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < math.MaxInt32 {
		l.most = int(limit.Cur) - min(spare, int(limit.Cur)/4)
	}
}

// Accept takes a connection, which blocks and is closed on exec, and tells who is at its other end.
// The error is EAGAIN if no connection waits; [Listener.Rest] knows what to do about any other.
func (l *Listener) Accept() (fd int, peer string, err error) {
	if err := l.room(); err != nil {
		return -1, "", err
	}
	for range mostAborted {
		var from unix.Sockaddr
		fd, from, err = l.accept()
		switch {
		case err == nil:
			l.Accepted(l.FD)
			if at := AddrPort(from); at.IsValid() {
				return fd, at.String(), nil
			}
			return fd, Peer(fd), nil
		case errors.Is(err, unix.EAGAIN):
			l.over()
			return -1, "", err
		case !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED):
			return -1, "", err
		}
	}
	return -1, "", err
}

// accept takes a connection. Of a socket that may block it asks first whether there is one: only if
// somebody else who has the socket takes that one in between, this waits for the next.
func (l *Listener) accept() (int, unix.Sockaddr, error) {
	if l.Passed && fdio.Poll(l.FD, unix.POLLIN) == 0 {
		return -1, nil, unix.EAGAIN
	}
	return accept(l.FD)
}

// room returns EMFILE if a connection would take a descriptor that is spared.
func (l *Listener) room() error {
	if l.most == 0 {
		return nil
	}
	next, err := unix.FcntlInt(uintptr(l.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_ = unix.Close(next)
	if next >= l.most {
		return unix.EMFILE
	}
	return nil
}

// Rest says what to do when accept(2) has failed: to leave the socket alone for a while, since the
// connection that could not be accepted makes it ready at once again, and then to try again. It
// tells that, once. Only an error that will stay is to be taken for the end: FD is no socket that
// listens.
func (l *Listener) Rest(err error) (pause time.Duration, passes bool) {
	why, known := errors.AsType[unix.Errno](err)
	if !known {
		return 0, false
	}
	switch why {
	case unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTSOCK:
		return 0, false
	default:
	}
	if !l.told {
		l.told = true
		l.Report.Errorf("%s: accept: %v; new connections wait, and it is tried again%s", l.Name, why, advice(why))
	}
	pause = min(minPause<<min(l.failures, 16), maxPause)
	l.failures++
	return pause, true
}

// advice is what can be done about an error of accept(2).
func advice(why unix.Errno) string {
	switch why {
	case unix.EMFILE:
		return ": raise the limit (ulimit -n), or have fewer connections at once"
	case unix.ENFILE:
		return ": all processes together have too many open files: raise that limit (fs.file-max)"
	case unix.ENOMEM, unix.ENOBUFS:
		return ": free some memory"
	case unix.EPERM, unix.EACCES:
		return ": a firewall or a security policy forbids it"
	default:
		return ""
	}
}

// Accepted takes note of a connection that was accepted from fd, which is what Accept does for its
// own. If connections could not be, and none waits any more, it tells that.
func (l *Listener) Accepted(fd int) {
	l.failures = 0
	if l.told && fdio.Poll(fd, unix.POLLIN) == 0 {
		l.over()
	}
}

func (l *Listener) over() {
	l.failures = 0
	if l.told {
		l.told = false
		l.Report.Noticef("%s: connections are accepted again", l.Name)
	}
}
