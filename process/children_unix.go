//go:build unix && !linux

package process

import (
	"errors"
	"sync"
	"syscall"
)

// stops are what is to be called when the terminal stops a process, by PID.
var stops sync.Map //nolint:gochecknoglobals // the process has these children

// fork starts a process that wait is to be called for. Stopped, if not nil, is called on some
// goroutine each time the terminal has stopped the process until then.
func fork(file string, argv []string, attr *syscall.ProcAttr, stopped func()) (int, error) {
	pid, err := syscall.ForkExec(file, argv, attr)
	if err == nil && stopped != nil {
		stops.Store(pid, stopped)
	}
	return pid, err
}

// wait waits for the end of one child, and for no other's.
func wait(pid int, w *Wait) error {
	stopped, told := stops.LoadAndDelete(pid)
	for {
		_, err := syscall.Wait4(pid, &w.Status, syscall.WUNTRACED, &w.Usage)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil, !w.Status.Stopped():
			return err
		case told && byTerminal(w.Status.StopSignal()):
			stopped.(func())()
		}
	}
}

// ReapOrphans does nothing: there are no PID namespaces. A subreaper can't be had.
func ReapOrphans(subreaper bool) error {
	if subreaper {
		return errors.New("this platform has no subreapers, only Linux has: leave it out")
	}
	return nil
}
