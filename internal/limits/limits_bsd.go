//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package limits

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Reached says which limit is behind an error of kqueue(2), which takes one descriptor for each
// file in a watched directory, and how to raise it.
func Reached(err error, watched int) error {
	var limit unix.Rlimit
	if !errors.Is(err, unix.EMFILE) || unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return err
	}
	return fmt.Errorf("the limit RLIMIT_NOFILE, which is %d, is reached with %d directories watched, for kqueue takes a descriptor for each file in them: raise it with `ulimit -n %d`",
		limit.Cur, watched, 4*limit.Cur)
}
