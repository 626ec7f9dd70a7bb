//go:build unix && !linux

package process

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// Trace returns a word by which the process that leads a group, and what is left of the group when
// that has ended, is found again by another ev (Left).
func Trace(pid int) string { return strconv.Itoa(pid) }

// Left reports whether something of a process, or of its group, is left, as far as that can be
// known: here another group may have the number by now.
func Left(trace string) bool {
	pid, err := strconv.Atoi(trace)
	return err == nil && pid > 1 && !errors.Is(unix.Kill(-pid, 0), unix.ESRCH)
}
