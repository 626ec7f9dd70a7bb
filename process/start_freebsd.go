package process

import "syscall"

// attributes are those of a new process: a group of its own, and a signal for the case that ev
// dies.
func (sp *Spec) attributes(*int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !sp.Foreground, Pdeathsig: sp.StopSignal}
}

// clearDeathSignal has the death of ev mean nothing, and reports whether it did.
func clearDeathSignal(sys *syscall.SysProcAttr) bool {
	did := sys.Pdeathsig != 0
	sys.Pdeathsig = 0
	return did
}
