//go:build unix && !linux

package loop

import "errors"

func newClockFD() (int, error) { return -1, errors.ErrUnsupported }

func armClockFD(int) error { return errors.ErrUnsupported }
