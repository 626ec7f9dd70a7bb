//go:build darwin || freebsd || netbsd || openbsd

package fd

import (
	"errors"
)

// readNoWait: there is no such call here.
func readNoWait(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
