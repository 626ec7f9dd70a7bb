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

// writeNoWait: there is no such call here.
func writeNoWait(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

func closeOnExec() { closeInherited() }

// onlyZombies is not known here.
func onlyZombies(int) bool { return false }
