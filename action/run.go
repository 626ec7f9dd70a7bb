package action

import (
	"cmp"
	"errors"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/process"
)

// A run is what one event's command goes through: started, perhaps stopped, perhaps tried again,
// finished. It is a machine of three states, with a method for each input: what is asked of it
// (begin, tell, stop, kill), what its process does (started, stopped, ended), and the timer of its time
// (late).
//
//	idle      begin           → running
//	          stop, kill      → finished
//	running   started         (the process lives from here on)
//	          stopped         (by the terminal: it is told)
//	          refused         → idle, if the system may yet start it
//	          ended           → finished; idle, if it failed and has a try left
//	          stop, late      → stopping, by the stop signal
//	          kill            → stopping, by KILL
//	stopping  kill            (by KILL)
//	          ended           → finished; idle, if it was late and has a try left
type run struct {
	exec    *Exec
	event   event.Event
	part    event.Event   // what of it the process is for
	rest    []event.Event // the parts that are yet to come
	worst   Outcome       // of the parts before: the first that failed
	payload event.Payload
	state   state
	child   child // nil while it starts
	outcome Outcome
	outputs []*pump // of the process
	tail    *tail   // nil: nothing is kept
	log     *logFile

	cancelled atomic.Bool      // it need not be started any more; read by the Starter
	told      []syscall.Signal // for a process that starts
	since     time.Time        // its start
	first     time.Time        // that of the first try
	stuck     bool             // stopped by the terminal, which has been told
	unwanted  bool             // stopped on purpose
	newer     bool             // since a newer event takes its place
	again     bool             // and its event has another run
	overdue   bool             // stopped because it took too long
	killed    bool             // at once
	retries   int
	refusals  int    // by a system that may yet start it
	timer     func() // stops the state's timer
}

type state uint8

const (
	idle     state = iota // no process: before the first try, or in a pause
	running               // a process starts, or lives
	stopping              // it has been told to end
)

// statusTimedOut is the status of a command that was stopped because it took too long, as
// timeout(1) has it.
const statusTimedOut = 124

var errCancelled = errors.New("it need not be started any more")

// load has the process find on its standard input what the part brings.
func (r *run) load() {
	if c, ok := r.part.Detail.(event.Carrier); ok {
		r.payload = c.Payload(r.exec.o.Sep)
	}
}

// begin starts a process.
func (r *run) begin() {
	r.state = running
	if r.exec.o.Clear {
		r.exec.o.Stdout.write([]byte(clearScreen))
	}
	start := func() { r.exec.starter.start(r) }
	if recorder, ok := r.event.Detail.(event.Recorder); ok {
		recorder.Recorded(start)
		return
	}
	start()
}

// started tells that the process lives, or why it does not.
func (r *run) started(c child, err error) {
	switch {
	case r.state == stopping && err != nil:
		r.finish()
	case err != nil:
		r.refused(err)
	default:
		r.child, r.since = c, r.exec.loop.Now()
		if r.first.IsZero() {
			r.first = r.since
		}
		r.refusals = 0
		r.exec.accept()
		if r.retries == r.exec.o.Retry {
			release(r.event) // so that a connection ends when the command ends it
		}
		r.exec.o.Report.Verbosef("%s: started, %s", r.exec.command.name, c)
		if r.exec.o.Began != nil {
			r.exec.o.Began(r.outcome.PID)
		}
		if t, ok := r.event.Detail.(event.Tracer); ok {
			t.Began(r.outcome.PID)
		}
		r.alive()
	}
}

// alive does what was waiting for the process.
func (r *run) alive() {
	switch {
	case r.killed:
		r.child.Kill()
	case r.state == stopping:
		r.terminate()
	default:
		if r.exec.o.RunTimeout > 0 {
			r.arm(r.exec.o.RunTimeout, r.late)
		}
		for _, s := range r.told {
			r.child.Signal(s)
		}
		r.told = nil
	}
}

// refused deals with a process that could not be started. What is the system's fault is no failure
// of the command: it is tried until it works.
func (r *run) refused(err error) {
	if errors.Is(err, unix.E2BIG) && r.divide() {
		return
	}
	why, later := process.Temporary(err)
	if later {
		pause := grow(100*time.Millisecond, r.refusals, 10*time.Second)
		r.refusals++
		r.exec.refuse(why, pause)
		r.pause(pause)
		return
	}
	r.outcome = Outcome{Status: process.StatusFailed, Err: err}
	if e, ok := errors.AsType[*process.StartError](err); ok {
		r.outcome.Status = e.Status
	}
	r.exec.o.Report.Errorf("%v", err)
	r.settle()
}

// refuse tells why the system can't start a process now: once, until it can, or for another reason.
func (x *Exec) refuse(why string, pause time.Duration) {
	if x.refused == why {
		x.o.Report.Verbosef("%s: can't be started yet: %s; trying again in %s", x.command.name, why, span.Format(pause))
		return
	}
	x.refused = why
	x.o.Report.Errorf("%s: can't be started now: %s; trying again in %s, and then until it works", x.command.name, why, span.Format(pause))
}

// accept tells that it can.
func (x *Exec) accept() {
	if x.refused != "" {
		x.refused = ""
		x.o.Report.Noticef("%s: can be started again", x.command.name)
	}
}

// divide starts the process anew for half of what it was for, and reports whether it can.
func (r *run) divide() bool {
	first, second, ok := r.exec.command.divide(r.part)
	if !ok {
		return false
	}
	r.exec.o.Report.Verbosef("%s: its arguments are more than the kernel takes (ARG_MAX): it is run for half of them at a time", r.exec.command.name)
	r.part, r.rest = first, append([]event.Event{second}, r.rest...)
	r.load()
	r.begin()
	return true
}

// ended tells how the process ended, and what it had started if it was stopped.
func (r *run) ended(w process.Wait) {
	pid := r.outcome.PID
	r.outcome = outcomeOf(w)
	r.outcome.PID, r.outcome.Elapsed = pid, w.Elapsed
	if r.retries > 0 {
		r.outcome.Elapsed = r.exec.loop.Now().Sub(r.first)
	}
	r.exec.o.Report.Verbosef("%s: %s %v after %s", r.exec.command.name, r.child, r.outcome,
		span.Format(w.Elapsed.Round(time.Millisecond)))
	r.settle()
}

// tell sends the process a signal, and reports whether there is one to be told.
func (r *run) tell(s syscall.Signal) bool {
	if r.state != running {
		return false
	}
	if r.child == nil {
		if !slices.Contains(r.told, s) {
			r.told = append(r.told, s)
		}
	} else {
		r.child.Signal(s)
	}
	return true
}

// stopped tells that the process is in the background of a terminal that it wants, and has been
// stopped for that: it would wait for ever.
func (r *run) stopped() {
	if r.stuck {
		return
	}
	r.stuck = true
	instead := ""
	if r.exec.o.Terminal && r.exec.o.Prefix != "" {
		instead = ", or ev run --no-pty if it only writes to it"
	}
	r.exec.o.Report.Errorf("%s: stopped because it wants to use the terminal: add --foreground%s", r.exec.command.name, instead)
}

// resize has the process's terminal be as large as ev's.
func (r *run) resize() {
	for _, p := range r.outputs {
		p.resize()
	}
}

// late is the end of the time that the process has.
func (r *run) late() {
	r.overdue = true
	r.exec.o.Report.Noticef("%s: took longer than %s: stopped", r.exec.command.name, span.Format(r.exec.o.RunTimeout))
	r.terminate()
}

// stop ends the run: its process is told to end, if there is one.
func (r *run) stop() {
	r.unwanted = true
	switch r.state {
	case idle:
		r.finish()
	case running:
		r.terminate()
	case stopping:
	}
}

func (r *run) terminate() {
	r.state = stopping
	r.disarm()
	if r.child == nil {
		r.cancelled.Store(true)
		return
	}
	r.child.Stop()
}

// kill ends the run at once.
func (r *run) kill() {
	r.unwanted = true
	if r.state == idle {
		r.finish()
		return
	}
	r.state, r.killed = stopping, true
	r.disarm()
	if r.child == nil {
		r.cancelled.Store(true)
		return
	}
	r.child.Kill()
}

// settle ends a try. A command that failed has another one, if any is left.
func (r *run) settle() {
	r.disarm()
	if r.overdue {
		r.outcome.Status, r.outcome.TimedOut = statusTimedOut, true
	}
	r.child, r.killed, r.overdue = nil, false, false
	if r.unwanted || r.outcome.Status == 0 || r.retries == r.exec.o.Retry {
		r.next()
		return
	}
	o := r.exec.o
	pause := grow(cmp.Or(o.RetryDelay, time.Second), r.retries, cmp.Or(o.RetryMax, time.Minute))
	r.retries++
	r.exec.o.Report.Noticef("%s: %v: trying again in %s (%d of %d)", r.exec.command.name, r.outcome,
		span.Format(pause), r.retries, r.exec.o.Retry)
	r.pause(pause)
}

// next goes on to the next part, as xargs(1) does, whatever became of this one.
func (r *run) next() {
	if r.worst.Status == 0 {
		r.worst = r.outcome
	}
	if r.unwanted || len(r.rest) == 0 {
		r.outcome = r.worst
		r.finish()
		return
	}
	r.part, r.rest, r.retries = r.rest[0], r.rest[1:], 0
	r.load()
	r.begin()
}

func (r *run) pause(d time.Duration) {
	r.state = idle
	r.arm(d, r.begin)
}

func (r *run) finish() {
	r.disarm()
	release(r.event)
	r.log.close()
	r.outcome.Stopped, r.outcome.Output = r.unwanted, r.tail.String()
	if !r.again {
		a := r.outcome.answer()
		if r.unwanted && r.newer {
			a.Verdict = event.Superseded
		}
		answer(r.event, a)
	}
	r.exec.finished(r)
}

// arm starts the state's timer.
func (r *run) arm(d time.Duration, fn func()) {
	if d < span.Inf {
		r.timer = r.exec.loop.After(d, fn)
	}
}

func (r *run) disarm() {
	r.timer()
	r.timer = func() {}
}

// grow doubles d n times, up to limit.
func grow(d time.Duration, n int, limit time.Duration) time.Duration {
	for range n {
		if d >= limit/2 {
			return limit
		}
		d *= 2
	}
	return min(d, limit)
}
