//go:build unix && !linux

package action

import (
	"errors"
	"os"
	"syscall"
)

// useCgroup is never called: NewCgroup finds none.
func useCgroup(*syscall.SysProcAttr, *os.File) {}

func memoryFile() (*os.File, error) { return nil, errors.ErrUnsupported }

func closeOnExec() { closeInherited() }

// onlyZombies is not known here.
func onlyZombies(int) bool { return false }
