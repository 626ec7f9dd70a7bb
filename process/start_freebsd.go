package process

import "syscall"

// attributes are those of a new process: a group of its own, and a signal for the
// case that ev dies.
func (sp *Spec) attributes(*int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !sp.Foreground, Pdeathsig: sp.StopSignal}
}
