package action

import "syscall"

// attributes are those of a new process: a group of its own, and a signal for the
// case that ev dies.
func (c *command) attributes(*int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !c.Foreground, Pdeathsig: c.StopSignal}
}
