// Package socket makes sockets by system calls alone. They are ready for the event
// loop: they don't block, and no command inherits them. Package net would bring
// goroutines of its own.
package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// backlog is how many connections wait to be accepted; the kernel lowers it to its
// own limit (net.core.somaxconn).
const backlog = 4096

// maxPath is how long the path of a socket may be: sun_path of unix(7), less its
// end, where that is shortest.
const maxPath = 103

// Listen makes a socket that listens.
func Listen(sa unix.Sockaddr) (fd int, err error) {
	return listen(sa, func() error { return nil })
}

// listen calls bound when the socket has its address, and nobody can connect yet.
func listen(sa unix.Sockaddr, bound func() error) (fd int, err error) {
	family := unix.AF_INET6
	switch sa.(type) {
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	}
	if fd, err = open(family); err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if family != unix.AF_UNIX {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err = unix.Bind(fd, sa); err != nil {
		return -1, os.NewSyscallError("bind", err)
	}
	if err = bound(); err != nil {
		return -1, err
	}
	if err = unix.Listen(fd, backlog); err != nil {
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
}

// ListenAt makes a socket file, mode 0600, in place of one that nobody listens on
// any more.
func ListenAt(path string) (int, error) {
	if err := RemoveStale(path); err != nil {
		return -1, err
	}
	fd, err := listen(&unix.SockaddrUnix{Name: path}, func() error { return os.Chmod(path, 0o600) })
	if errors.Is(err, unix.ENOENT) {
		return -1, fmt.Errorf("%s: there is no directory %s: make it first", path, filepath.Dir(path))
	}
	if err != nil {
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	return fd, nil
}

// RemoveStale removes the file of a socket that nobody listens on any more. What
// else is at path, a socket that is used included, is an error; nothing is none.
func RemoveStale(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("%s: the path of a socket has %d bytes at most, and this has %d", path, maxPath, len(path))
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s: there is a file of that name that is no socket", path)
	}
	fd, err := Dial(path)
	if err == nil {
		_ = unix.Close(fd)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s: another process listens there", path)
	}
	return os.Remove(path)
}

// Dial connects to a socket file. The descriptor blocks.
func Dial(path string) (int, error) {
	fd, err := open(unix.AF_UNIX)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("%s: %w", path, err)
	}
	return fd, nil
}

// Accept takes a connection. The error is EAGAIN if there is none.
func Accept(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, _, err := unix.Accept(fd)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(conn)
	return conn, unix.SetNonblock(conn, true)
}

func open(family int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	return fd, nil
}
