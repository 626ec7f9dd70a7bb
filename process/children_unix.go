//go:build unix && !linux

package process

import (
	"errors"
	"syscall"
)

// fork starts a process that wait is to be called for.
func fork(file string, argv []string, attr *syscall.ProcAttr) (int, error) {
	return syscall.ForkExec(file, argv, attr)
}

// wait waits for the end of one child, and for no other's.
func wait(pid int, w *Wait) error {
	_, err := syscall.Wait4(pid, &w.Status, 0, &w.Usage)
	return err
}

// ReapOrphans does nothing: there are no PID namespaces. A subreaper can't be had.
func ReapOrphans(subreaper bool) error {
	if subreaper {
		return errors.New("this platform has no subreapers, only Linux has: leave it out")
	}
	return nil
}
