//go:build darwin || freebsd || netbsd || openbsd

package fd

import "errors"

// splice: pipes are copied here.
func splice(int, int) (int, error) { return 0, errors.ErrUnsupported }
