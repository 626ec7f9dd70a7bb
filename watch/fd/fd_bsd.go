//go:build darwin || freebsd || netbsd || openbsd

package fd

import (
	"errors"
)

// readNoWait: there is no such call here.
func readNoWait(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

// peekPipe: a pipe does not show what is in it here.
func peekPipe(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
