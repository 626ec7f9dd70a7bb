package fdio

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Retry does what a signal, or a file system in user space, may interrupt, until it is not.
func Retry(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
