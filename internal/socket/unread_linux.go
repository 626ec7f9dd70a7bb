package socket

import "golang.org/x/sys/unix"

// Unread returns how many bytes of a pipe, socket or terminal can be read now (ioctl_tty(2),
// FIONREAD).
func Unread(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCINQ) }
