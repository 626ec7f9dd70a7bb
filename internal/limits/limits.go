// Package limits says which limit of the system stands behind an error of a watch on a file, and how
// to raise it.
package limits

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Met reports whether watching failed for the want of something of which the system has only so
// much.
func Met(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// Descriptors says which limit is behind an EMFILE that no watch has met, and how to raise it.
func Descriptors(err error) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return err
	}
	return fmt.Errorf("this process may have no more open files (ulimit -n is %d): raise it with `ulimit -n %d`",
		limit.Cur, max(4*limit.Cur, 256))
}
