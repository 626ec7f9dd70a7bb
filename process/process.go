package process

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
)

// A Process is one that a Starter has started. It is the leader of a process group of its own,
// unless it is in the foreground, in ev's. Its methods are for the loop's goroutine.
//
// It is a machine of three states, with a method for each input: what is asked of it (Stop, Kill),
// what becomes of it (exited), and its timers (late, linger).
//
//	living    exited      → over; stopping, by the stop signal, if it is Whole and has left something
//	          Stop        → stopping, by the stop signal
//	          Kill        → stopping, by KILL
//	stopping  exited      (what it left in its group may still be there)
//	          late, Kill  (by KILL)
//	          nothing left → over
//	          leave        → over (it may not be signalled, and lives on)
type Process struct {
	PID int

	name       string // of its command
	stopSignal syscall.Signal
	killAfter  time.Duration
	whole      bool
	report     *report.Reporter

	body  body
	began time.Time
	loop  *loop.Loop
	ended func(Wait)

	state     state
	killed    bool
	deaf      bool   // it may not be signalled, which was told
	exists    bool   // its end has not come
	looks     int    // at what is left
	stopGrace func() // stops the timer to KILL
	wait      Wait
}

// A body is what a Process is to the kernel: a group, or a test's.
type body interface {
	// signal sends a signal to all of it. The error is EPERM if nothing of it may be sent one.
	signal(s syscall.Signal) error
	// kill kills it, and whatever else can be found of what the process started; the error is signal's.
	kill() error
	// gone reports whether nothing is left of it, once the process has ended.
	gone() bool
	// await has ended called on the loop's goroutine once the process has.
	await(l *loop.Loop, ended func(Wait))
	// leave has await keep the loop alive no more.
	leave()
	// forget says that what is left of it is its own affair.
	forget()
}

type state uint8

const (
	living   state = iota
	stopping       // it has been told to end
	over           // and nothing is asked of it any more
)

// A Wait is how a process ended, as wait(2) tells it.
type Wait struct {
	Status  syscall.WaitStatus
	Usage   syscall.Rusage // of it, and of those that it has waited for
	Elapsed time.Duration  // since its start
	Err     error          // why that can't be known
}

// String says how it ended in a word or two.
func (w Wait) String() string {
	switch {
	case w.Err != nil:
		return w.Err.Error()
	case w.Status.Signaled():
		return "killed by " + sig.Name(w.Status.Signal())
	}
	return fmt.Sprintf("exited %d", w.Status.ExitStatus())
}

// newProcess makes a Process of what was started: not of the Spec itself, which holds more than has
// to be kept.
func newProcess(sp *Spec, pid int, b body, began time.Time) *Process {
	return &Process{
		PID: pid, name: sp.Argv[0], stopSignal: sp.StopSignal, killAfter: sp.KillAfter, whole: sp.Whole, report: sp.Report,
		body: b, began: began,
	}
}

// follow has the machine run on a loop.
func (p *Process) follow(l *loop.Loop, ended func(Wait)) {
	p.loop, p.ended, p.stopGrace, p.exists = l, ended, func() {}, true
	p.body.await(l, p.exited)
}

// String is what a person can tell it by.
func (p *Process) String() string { return fmt.Sprintf("process %d", p.PID) }

// Signal sends a signal to the process and all of its group.
func (p *Process) Signal(s syscall.Signal) {
	if p.state != over {
		p.refused(p.body.signal(s))
	}
}

// refused reports whether a signal may not be sent, which it tells once: another user's process, as
// that of sudo(8), may not be.
func (p *Process) refused(err error) bool {
	if !errors.Is(err, unix.EPERM) {
		return false
	}
	if !p.deaf {
		p.deaf = true
		p.report.Errorf("%s: %v can't be signalled: %v: its end is waited for", p.name, p, err)
	}
	return true
}

// Stop tells the process and its group to end, by the stop signal, and kills what is left of them
// after KillAfter; if that is 0 they are killed at once. Its end is then told once nothing is left.
func (p *Process) Stop() {
	if p.state != living {
		return
	}
	if p.killAfter == 0 {
		p.Kill()
		return
	}
	p.state = stopping
	p.refused(p.body.signal(p.stopSignal))
	_ = p.body.signal(unix.SIGCONT) // a stopped process gets no other signal but KILL
	if p.killAfter < span.Inf {
		p.stopGrace = p.loop.After(p.killAfter, p.late)
	}
}

// late is the end of the time that the process has to end.
func (p *Process) late() {
	if !p.deaf {
		p.report.Noticef("%s: did not end within %s of %s: killed", p.name, span.Format(p.killAfter), sig.Name(p.stopSignal))
	}
	p.Kill()
}

// Kill kills the process, and whatever else can be found of what it started. Its end is then told
// once nothing is left, or a second after the process's own if something survives that: what is in
// the kernel, or is another user's. If the process itself may not be killed it is left after a second.
func (p *Process) Kill() {
	if p.state == over {
		return
	}
	p.state, p.killed, p.looks = stopping, true, 0
	p.stopGrace()
	if p.refused(p.body.kill()) {
		p.stopGrace = p.loop.After(time.Second, p.leave)
	}
}

// leave gives up on a process that may not be killed.
func (p *Process) leave() {
	if !p.exists {
		return
	}
	p.report.Errorf("%s: %v can't be killed: it is left to itself", p.name, p)
	p.body.leave()
	p.wait = Wait{Elapsed: time.Since(p.began), Err: fmt.Errorf("process %d can't be killed", p.PID)}
	p.finish()
}

// exited is the end of the process itself.
func (p *Process) exited(w Wait) {
	p.exists = false
	if p.state == over {
		return // it was left
	}
	p.wait = w
	p.wait.Elapsed = time.Since(p.began)
	switch {
	case p.state == stopping:
		p.linger()
	case p.whole && !p.body.gone():
		p.Stop()
		p.linger()
	default:
		p.finish() // what it left behind is its own affair
	}
}

// linger waits until nothing is left of a process that was stopped. No event tells of that, so it
// looks, for no longer than the grace; after KILL, a second. However long a look takes (there may
// be many processes), ten times as long it rests.
func (p *Process) linger() {
	began := time.Now()
	if p.body.gone() || p.killed && p.looks > 16 {
		p.finish()
		return
	}
	p.loop.After(max(min(time.Millisecond<<p.looks, 100*time.Millisecond), 10*time.Since(began)), p.linger)
	p.looks = min(p.looks+1, 17)
}

func (p *Process) finish() {
	p.state = over
	p.stopGrace()
	p.body.forget()
	p.ended(p.wait)
}
