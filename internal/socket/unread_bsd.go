//go:build darwin || freebsd || netbsd || openbsd

package socket

import "golang.org/x/sys/unix"

// Unread returns how many bytes of a pipe, socket or terminal can be read now (FIONREAD of
// sys/filio.h).
func Unread(fd int) (int, error) {
	const fionread = 0x4004667f
	return unix.IoctlGetInt(fd, fionread)
}
