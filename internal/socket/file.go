package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// LookEvery is how often it is worth to look whether a socket's file is still there.
const LookEvery = 10 * time.Second

// lockPatience is how long a lock on a directory is waited for. Ours are held for a moment; one
// that is not is somebody else's, for reasons of their own.
const lockPatience = time.Second

// maxPath is how long the path of a socket may be: sun_path of unix(7), less its end, where that is
// shortest.
const maxPath = 103

func errTooLong(path string) error {
	return fmt.Errorf("%s: the path of a socket has %d bytes at most, and this has %d", path, maxPath, len(path))
}

func errUsed(path string) error { return fmt.Errorf("%s: another process listens there", path) }

// removeStale removes the file of a socket that no process has any more. What else is at path, a
// socket that is used included, is an error; nothing is none.
//
// Of several that find the same stale file one at a time may look and remove: else the file that
// one finds could be gone, and what is removed be the socket that another has made.
func removeStale(path string) error {
	if len(path) > maxPath {
		return errTooLong(path)
	}
	if there, err := isSocket(path); err != nil || !there {
		return err
	}
	defer lock(filepath.Dir(path))()
	switch used, err := isUsed(path); {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case used:
		return errUsed(path)
	}
	if there, err := isSocket(path); err != nil || !there {
		return err
	}
	return os.Remove(path)
}

// isSocket reports whether there is a socket; what else there is, is an error.
func isSocket(path string) (bool, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode().Type() != os.ModeSocket:
		return false, fmt.Errorf("%s: there is a file of that name that is not a socket", path)
	}
	return true, nil
}

// isUsed reports whether a process has the socket at path, be it that it does not listen yet. It
// asks by a socket of another type: connect(2) tells that apart from a socket that nobody has, and
// unlike a client it makes no connection, which would have to be accepted.
func isUsed(path string) (bool, error) {
	fd, err := open(unix.AF_UNIX, unix.SOCK_DGRAM)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	switch {
	case err == nil, errors.Is(err, unix.EPROTOTYPE):
		return true, nil
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOENT):
		return false, nil
	}
	return false, os.NewSyscallError("connect", err)
}

// lock takes the lock on a directory (flock(2)), which leaves no file behind. Where it can't be
// had, it goes on without.
func lock(dir string) (unlock func()) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	const pause = 5 * time.Millisecond
	for range lockPatience / pause {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		time.Sleep(pause)
	}
	return func() { _ = unix.Close(fd) }
}

// Remove removes the socket's file, unless another has taken its place. It comes before FD is
// closed: until then no other file can have this one's inode.
func (l *Listener) Remove() {
	if l.there() {
		_ = os.Remove(l.path)
	}
}

// HasFile reports whether the listener has made a file, which could be removed.
func (l *Listener) HasFile() bool { return l.file != nil }

// there reports whether the socket's file is at its path; a socket without one is nowhere.
func (l *Listener) there() bool {
	if l.file == nil {
		return false
	}
	now, err := os.Lstat(l.path)
	return err == nil && os.SameFile(now, l.file)
}

// Renew makes the socket anew if its file has gone, since nobody can connect any more: FD is
// another one then, and the caller closes the one that it was. As long as somebody waits to be
// accepted it does nothing. What keeps it from that is told once.
func (l *Listener) Renew() bool {
	if l.file == nil || l.there() || fdio.Poll(l.FD, unix.POLLIN) != 0 {
		return false
	}
	anew, err := ListenAt(l.path, l.access)
	switch {
	case err == nil:
		l.FD, l.file, l.lost = anew.FD, anew.file, false
		l.Report.Noticef("%s: the socket's file was removed, and is made again", l.Name)
		return true
	case !l.lost:
		l.lost = true
		l.Report.Errorf("%s: the socket's file is gone, and nobody can connect until it can be made anew: %v", l.Name, err)
	}
	return false
}
