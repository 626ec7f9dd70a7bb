package process

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
)

// without says what processes are started without, since a sandbox (seccomp) denies it.
type without struct{ deathSignal, group bool }

// fork starts a process, with as much of what is asked for as is allowed. The error of a fork does
// not tell which call on its way has failed: what works without one shows that.
func (x *without) fork(sp *Spec, file string, argv []string, attr *syscall.ProcAttr) (int, error) {
	x.leaveOut(attr.Sys)
	pid, err := fork(file, argv, attr, sp.Stopped)
	if err == nil || !denied(err) {
		return pid, err
	}
	asked, first := *attr.Sys, err
	for _, try := range []without{{deathSignal: true}, {group: true}, {true, true}} {
		sys := asked
		if !try.leaveOut(&sys) {
			continue
		}
		*attr.Sys = sys // the caller goes by it
		if pid, err = fork(file, argv, attr, sp.Stopped); err != nil {
			continue
		}
		x.learn(try, sp.Report, first)
		return pid, nil
	}
	*attr.Sys = asked
	return 0, first
}

// denied reports whether an error may be a sandbox's.
func denied(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL)
}

// leaveOut takes out of the attributes what is denied, and reports whether all of that was there.
func (x without) leaveOut(sys *syscall.SysProcAttr) bool {
	there := true
	if x.deathSignal {
		there = clearDeathSignal(sys)
	}
	if x.group {
		there = there && sys.Setpgid
		sys.Setpgid = false
	}
	return there
}

// learn remembers what is denied, and tells it, once.
func (x *without) learn(denied without, r *report.Reporter, why error) {
	if denied.deathSignal && !x.deathSignal {
		x.deathSignal = true
		r.Errorf("prctl(PR_SET_PDEATHSIG) is denied here: %v: if ev is killed (SIGKILL), commands continue", why)
	}
	if denied.group && !x.group {
		x.group = true
		r.Errorf("setpgid is denied here: %v: commands stay in ev's process group, and what they start is not stopped with them", why)
	}
}
