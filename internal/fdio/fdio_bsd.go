//go:build darwin || freebsd || netbsd || openbsd

package fdio

// Reopen returns -1: /dev/fd does not give new flags here.
func Reopen(int, int) int { return -1 }

// WriteNoWait is write(2).
func WriteNoWait(fd int, b []byte) (int, error) { return Write(fd, b) }
