//go:build unix && !linux

package process

import (
	"os"
	"syscall"
)

// useCgroup is never called: NewCgroup finds none.
func useCgroup(*syscall.SysProcAttr, *os.File) {}
