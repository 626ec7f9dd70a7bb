//go:build !linux || (!amd64 && !arm64)

package inject

import (
	"fmt"
	"os"
)

// Available: there is no seccomp(2) here, or the numbers of the calls are not known.
func Available() bool { return false }

// Main has nothing to make a call fail by.
func Main() {
	fmt.Fprintln(os.Stderr, "inject: not on this platform")
	os.Exit(125)
}
