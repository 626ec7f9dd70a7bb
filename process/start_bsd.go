//go:build darwin || netbsd || openbsd

package process

import "syscall"

// attributes are those of a new process: a group of its own.
func (sp *Spec) attributes(*int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !sp.Foreground}
}

// clearDeathSignal returns false: there is none here.
func clearDeathSignal(*syscall.SysProcAttr) bool { return false }
