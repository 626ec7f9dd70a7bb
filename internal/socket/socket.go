// Package socket makes sockets by system calls alone. They are ready for the event loop: they don't
// block, and no command inherits them. Package net would bring goroutines of its own.
package socket

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen makes a socket that listens at an internet address, or at an abstract one of unix(7).
func Listen(sa unix.Sockaddr) (*Listener, error) {
	if at, ok := sa.(*unix.SockaddrUnix); ok && len(at.Name) > maxPath {
		return nil, errTooLong(at.Name)
	}
	return listen(sa, func(*Listener) error { return nil })
}

// Access says who may connect to a socket by its file. The zero Access is for the owner alone,
// whatever umask(2) is.
type Access struct {
	Mode  os.FileMode // its permissions; 0: 0o600
	Group string      // the number of its group; empty: that of the process
}

// give sets the group first: the mode may be for that one.
func (a Access) give(path string) error {
	if a.Group != "" {
		group, err := strconv.Atoi(a.Group)
		if err != nil {
			return err
		}
		if err := unix.Fchownat(unix.AT_FDCWD, path, -1, group, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return os.NewSyscallError("chown", err)
		}
	}
	return os.NewSyscallError("chmod", unix.Chmod(path, uint32(cmp.Or(a.Mode, 0o600).Perm())))
}

// ListenAt makes a socket file, in place of one that nobody listens on any more. Access is given
// before anybody can connect.
func ListenAt(path string, access Access) (*Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := listen(&unix.SockaddrUnix{Name: path}, func(l *Listener) (err error) {
		l.path, l.access = path, access
		if l.file, err = os.Lstat(path); err != nil {
			_ = os.Remove(path) // it was made a moment ago
			return err
		}
		return access.give(path)
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("%s: there is no directory %s: make it first", path, filepath.Dir(path))
	case errors.Is(err, unix.EADDRINUSE):
		return nil, errUsed(path) // since a moment ago
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// listen calls bound when the socket has its address, and nobody can connect yet.
func listen(sa unix.Sockaddr, bound func(*Listener) error) (l *Listener, err error) {
	family := unix.AF_INET6
	switch sa.(type) {
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	}
	fd, err := open(family, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	made := &Listener{FD: fd}
	defer func() {
		if err != nil {
			made.Remove()
			_ = unix.Close(fd)
		}
	}()
	if family != unix.AF_UNIX {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if in6, ok := sa.(*unix.SockaddrInet6); ok && in6.Addr == ([16]byte{}) {
		// All interfaces are those of IPv4, too; where they can't be (OpenBSD), they are not.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if err = unix.Bind(fd, sa); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err = bound(made); err != nil {
		return nil, err
	}
	if err = unix.Listen(fd, backlog); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return made, nil
}

// Listens reports whether a descriptor is a socket that listens for connections.
func Listens(fd int) bool {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && n != 0
}

// Dial connects to a socket file. The descriptor blocks.
func Dial(path string) (int, error) {
	fd, err := open(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	return fd, nil
}

func open(family, kind int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	return fd, nil
}
