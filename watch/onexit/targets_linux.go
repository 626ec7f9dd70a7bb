package onexit

import (
	"cmp"
	"fmt"
	"syscall"
	"time"

	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// reapGrace is how long a process that has ended may wait for its parent before its status counts
// as unknown.
const reapGrace = time.Second

// pidfds are the processes of a Watcher that are watched by a pidfd, and what their status is known
// by.
type pidfds struct {
	w      *Watcher
	asked  bool
	keeps  bool            // the kernel keeps the status itself
	events *process.Events // where it does not; nil: there are none
	why    error           // there are none
}

// watch waits for the end of a process.
func (f *pidfds) watch(ref process.Ref) (target, error) {
	fd, err := process.OpenPIDFD(ref)
	if err != nil {
		return nil, err
	}
	f.ask(fd)
	if f.events != nil {
		f.events.Follow(ref.PID)
	}
	t := &pidfdTarget{f: f, fd: fd, orphan: process.KeepOrphan(ref.PID, fd), Info: process.Info{PID: ref.PID}}
	t.io = loop.NewIO(f.w.loop, fd, loop.Read|loop.Hangup, t.ready)
	t.io.SetPriority(f.w.active.Priority())
	found, err := process.Find([]int{ref.PID})
	if p, ok := found[ref.PID]; ok && !process.Reaped(fd) {
		t.Info = p
	}
	if ref.Name != "" && t.Name != ref.Name {
		t.stop()
		return nil, cmp.Or(err, fmt.Errorf("process %d: %w", ref.PID, process.ErrNoProcess))
	}
	t.io.Start()
	return t, nil
}

// ask finds out, once, how a status comes to be known.
func (f *pidfds) ask(fd int) {
	if f.asked {
		return
	}
	f.asked = true
	if f.keeps = f.keeps || process.KeepsStatus(fd); f.keeps {
		return
	}
	f.events, f.why = process.NewEvents(f.w.loop)
	if f.why != nil {
		f.w.options.Report.Verbosef("exit statuses of processes that are not children will be unknown: this kernel does not keep them (Linux 6.15 does), and process events can't be had: %v", f.why)
	}
}

func (f *pidfds) close() {
	if f.events != nil {
		f.events.Close()
	}
	f.asked, f.events = false, nil
}

// A pidfdTarget is a process that is watched by a pidfd. That is readable once the process has
// ended, and hangs up once the parent has waited for it.
type pidfdTarget struct {
	f *pidfds
	process.Info
	fd        int
	orphan    *process.Orphan
	io        *loop.IO
	stopGrace func()
}

func (t *pidfdTarget) ready(got loop.Ops) {
	switch {
	case got&loop.Error != 0: // the pidfd can't be watched, which says nothing of the process
		t.poll()
	case t.known():
	case got&loop.Hangup != 0:
		t.unknown("neither the kernel nor process events tell it")
	case t.stopGrace == nil:
		// It will be readable from now on.
		t.io.Stop()
		t.io.Set(t.fd, loop.Hangup)
		t.io.Start()
		t.stopGrace = t.f.w.loop.After(reapGrace, t.late)
	}
}

// poll has the process looked at now and then instead.
func (t *pidfdTarget) poll() {
	w := t.f.w
	t.stop()
	delete(w.targets, t)
	w.targets[w.polls.add(t.Info)] = true
}

// late is the end of the grace. Timers come before descriptors, and so it may have hung up by now.
func (t *pidfdTarget) late() {
	if !t.known() {
		t.unknown("its parent has not waited for it, and it is another user's")
	}
}

// known emits the end of the process with its status, if that is known.
func (t *pidfdTarget) known() bool {
	ws, ok := t.status()
	if ok {
		t.f.w.ended(t, withStatus(detail(t.Info), ws))
	}
	return ok
}

// status returns how the process ended, if that is known yet.
func (t *pidfdTarget) status() (syscall.WaitStatus, bool) {
	if t.f.events != nil {
		return t.f.events.Status(t.PID)
	}
	if ws, ok := t.orphan.Status(); ok {
		return ws, true
	}
	if ws, ok := process.StatusOf(t.fd); ok {
		return ws, true
	}
	if t.f.keeps {
		return process.ZombieStatus(t.PID, t.fd)
	}
	return 0, false
}

func (t *pidfdTarget) unknown(why string) {
	t.f.w.options.Report.Verbosef("how process %d ended is unknown: %s", t.PID, why)
	t.f.w.ended(t, detail(t.Info))
}

func (t *pidfdTarget) stop() {
	t.orphan.Forget()
	_ = t.io.Close()
	if t.stopGrace != nil {
		t.stopGrace()
	}
	if t.f.events != nil {
		t.f.events.Forget(t.PID)
	}
}
