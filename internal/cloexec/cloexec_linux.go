package cloexec

import (
	"math"

	"golang.org/x/sys/unix"
)

// Mark marks them.
func Mark() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil { // before Linux 5.11
		markEach()
	}
}
