package onexit

import "syscall"

// childAttributes are those of a child: a group of its own, and a signal for the case
// that ev dies (prctl(2), PR_SET_PDEATHSIG).
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
