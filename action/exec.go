package action

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// clearScreen is what clear(1) writes: home, the screen, the lines above it.
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

// Options say what an Exec runs, and how.
type Options struct {
	// Argv is the command and its arguments, with placeholders (CheckArgs). A line of shell is
	// /bin/sh, -c and the line.
	Argv []string
	Dir  string        // where it runs; empty: where ev does
	Env  []string      // NAME=value, over ev's own environment
	Fill []string      // those of Env whose values have placeholders
	User *process.User // who it runs as; nil: who ev does

	Busy       Busy
	StopSignal syscall.Signal // 0: TERM
	KillAfter  time.Duration  // from the stop signal to KILL; span.Inf: never
	RunTimeout time.Duration  // 0: it may run for ever
	Drain      time.Duration  // how long, after Close, what runs has to end by itself
	Retry      int            // how often one that fails is tried again
	RetryDelay time.Duration  // before the first time; it doubles each time. 0: a second
	RetryMax   time.Duration  // but is no longer than this. 0: a minute
	Throttle   time.Duration  // from the begin of a run to that of the next, at least; until then Busy holds

	// Guard is against a command that triggers itself; nil: nothing is.
	Guard *Guard

	Prefix    string // before each line of its output, if not empty
	ErrPrefix string // before those of its standard error, if they are to have another

	LogDir  string // each run's output is also a file of its own in this; empty: it is not
	LogKeep int    // of which so many are kept

	Sep        byte // ends a record on its standard input
	Each       bool // events of different subjects are never merged
	Plain      bool // Argv and Env are as they stand, and nothing is the event's
	Whole      bool // a run's end is that of its process group: what is left in it is stopped
	Foreground bool // it stays in ev's process group, the terminal's, and reads the terminal
	Clear      bool // the screen, before each start
}

// A Setting is what an Exec has from the session that it is made for, and whom it tells what.
type Setting struct {
	Stdout, Stderr *Output         // both needed
	Terminal       bool            // with Prefix, output goes to a terminal of its own: Stdout and Stderr are one
	Cgroup         *process.Cgroup // each run gets one of its own in this, if not nil
	Report         *report.Reporter

	// Stormy is called when a storm begins (Guard).
	Stormy func()
	// Same tells whether an event has the cause of the one before; where that can be asked, two such
	// runs in a row are enough for a storm.
	Same func() bool
	// Began is called when a run's process lives, for each of its tries; as the others, it can be nil.
	Began func(pid int)
	// Done is called when a run is finished, after all its tries: once for each event that got one.
	Done func(event.Event, Outcome)
	// Skipped is called when an event gets no run of its own, because another's goes on: it is left
	// out, is merged into one that waits, or is told to what runs.
	Skipped func()
	// Full is called with true when nothing more should be taken from the source: events wait in
	// line, or a command has the source itself as its input. With false, when it may be again.
	Full func(bool)
}

// An Outcome is how a run ended.
type Outcome struct {
	// Status is the exit status as a shell has it: 128+n if signal n killed the command, 124 if it
	// was stopped because it took too long, 126 or 127 if it could not be started, 125 if that was
	// not the command's fault.
	Status   int
	Signal   syscall.Signal // that killed it, or 0
	TimedOut bool
	Stopped  bool  // by Close, Kill or Restart: its status says nothing about it
	Err      error // why it was not started
	PID      int   // of its process, the last if it was tried again
	Wait     process.Wait
	Elapsed  time.Duration // from its start, with all its tries
	Output   string        // the last of what it wrote until it ended (Keep)
}

// String says how it ended in a word or two.
func (o Outcome) String() string {
	switch {
	case o.Err != nil:
		return "not started"
	case o.TimedOut:
		return "timed out"
	case o.Signal != 0:
		return "killed by " + sig.Name(o.Signal)
	}
	return fmt.Sprintf("exited %d", o.Status)
}

// outcomeOf is how a run ended whose process did.
func outcomeOf(w process.Wait) Outcome {
	switch {
	case w.Err != nil:
		return Outcome{Status: process.StatusFailed, Err: w.Err, Wait: w}
	case w.Status.Signaled():
		return Outcome{Status: 128 + int(w.Status.Signal()), Signal: w.Status.Signal(), Wait: w}
	}
	return Outcome{Status: w.Status.ExitStatus(), Wait: w}
}

// Exit is how a run of a command ended, as the detail of an event.
func (o Outcome) Exit(command string) event.Exit {
	d := event.Exit{PID: o.PID, Command: command, Elapsed: o.Elapsed, Known: o.Err == nil || o.PID == 0, Status: o.Status}
	if o.PID == 0 || o.Err != nil {
		return d
	}
	if ws := o.Wait.Status; ws.Signaled() {
		d.Status, d.Signal, d.Core = 0, sig.Name(ws.Signal()), ws.CoreDump()
	}
	r := o.Wait.Usage
	d.Usage = &event.Usage{User: time.Duration(r.Utime.Nano()), System: time.Duration(r.Stime.Nano())}
	d.Usage.MaxRSS = int64(r.Maxrss) //nolint:unconvert // int32 on 32-bit platforms
	if runtime.GOOS != "darwin" {
		d.Usage.MaxRSS *= 1024 // getrusage(2): macOS counts bytes, all others kilobytes
	}
	return d
}

// answer is the outcome as those see it who wait for the event.
func (o Outcome) answer() event.Answer {
	switch {
	case o.Stopped:
		return event.Answer{Verdict: event.Stopped}
	case o.TimedOut:
		return event.Answer{Verdict: event.Late}
	case o.Err != nil:
		return event.Answer{Verdict: event.Failed}
	}
	return event.Answer{Verdict: event.Ran, Status: o.Status}
}

// Exec runs a command for each event. While a command lives, or an event waits for one, it holds a
// Ref of the loop.
type Exec struct {
	loop    *loop.Loop
	starter starter
	o       *orders
	command *command

	runs    []*run        // in the order of their start
	queue   []event.Event // to be run, the oldest first
	skipped *event.Event  // merged out of those that got no run
	storm   storm
	rest    *loop.Timer // while it runs, Throttle lets no run begin
	full    bool
	barred  bool // no run begins
	keep    int  // so many bytes of what each run writes
	held    bool // a Ref
	closed  bool
	done    func()
	refused string // why the system starts no process; "": it does
}

// orders are all that an Exec is told when it is made.
type orders struct {
	*Options
	Setting
}

// NewExec makes an Exec whose commands are started by s. It keeps the Options, which nobody changes
// any more.
func NewExec(l *loop.Loop, s *process.Starter, o *Options, in Setting) *Exec {
	return newExec(l, launcher{l, s}, o, in)
}

func newExec(l *loop.Loop, s starter, o *Options, in Setting) *Exec {
	x := &Exec{loop: l, starter: s, o: &orders{o, in}, storm: storm{tell: in.Stormy, same: in.Same, each: o.Each}}
	if o.Guard != nil {
		x.storm.within = o.Guard.Within
	}
	x.command = newCommand(x.o)
	x.rest = loop.NewTimer(l, 0, 0, func() {
		x.next()
		x.balance()
	})
	x.rest.KeepAlive(false)
	return x
}

// Do runs the command for e, or does what its Busy says. A descriptor that e brings for the command
// is Exec's, to close when the command has it, or gets none; and whoever waits for e gets an
// answer.
func (x *Exec) Do(e event.Event) {
	switch {
	case x.closed:
		x.o.Report.Verbosef("%s: its watcher ends: nothing is run for event %d", x.command.name, e.Seq)
		drop(e, event.Refused)
		return
	case x.mayRun():
		x.run(e)
	default:
		x.whileBusy(e)
	}
	x.balance()
}

// mayRun reports whether a run may begin now.
func (x *Exec) mayRun() bool {
	return len(x.runs) < x.o.Busy.limit() && !x.rest.Active() && !x.barred
}

// Bar has no run begin until it is lifted: what comes meanwhile does as Busy says, but nothing is
// skipped for want of a run that is its own.
func (x *Exec) Bar(barred bool) {
	x.barred = barred
	x.next()
	x.balance()
}

// Keep has the last of what each run from now on writes be in its Outcome, up to so many bytes; 0:
// nothing. What is kept goes through ev, and so to a pipe, on its way to ev's own output.
func (x *Exec) Keep(bytes int) { x.keep = bytes }

// kept is how much of a run's output is: none of what has the terminal.
func (x *Exec) kept() int {
	if x.o.Foreground {
		return 0
	}
	return x.keep
}

// Signal sends a signal to what runs, and reports whether anything did.
func (x *Exec) Signal(s syscall.Signal) (some bool) {
	for _, r := range x.runs {
		some = r.tell(s) || some
	}
	return some
}

// throttle has the next run wait.
func (x *Exec) throttle() {
	if x.o.Throttle > 0 {
		x.rest.Set(x.o.Throttle, 0)
		x.rest.Start()
	}
}

// run begins a run for e, and for what was skipped before it.
func (x *Exec) run(e event.Event) {
	if x.skipped != nil {
		if x.belong(*x.skipped, e) {
			e = merge(*x.skipped, e)
		}
		x.skipped = nil
	}
	r := &run{exec: x, event: e, part: e, tail: newTail(x.kept()), timer: func() {}}
	if c, ok := e.Detail.(event.Call); ok && !c.Begin(r.stop) {
		x.o.Report.Verbosef("%s: nothing is run for event %d, which nobody waits for any more", x.command.name, e.Seq)
		drop(e, event.Stopped)
		return
	}
	x.runs = append(x.runs, r)
	if empty := x.command.emptyList(e); empty != "" {
		x.o.Report.Verbosef("%s: %s is empty: nothing is run for event %d", x.command.name, empty, e.Seq)
		r.arm(0, r.finish)
		return
	}
	r.load()
	x.throttle()
	if pause := x.storm.pause(x.loop.Now(), e.Detail.Subject()); pause > 0 {
		r.pause(pause)
		return
	}
	r.begin()
}

// finished takes r out, and has what waits take its place.
func (x *Exec) finished(r *run) {
	x.runs = slices.DeleteFunc(x.runs, func(other *run) bool { return other == r })
	x.storm.end = x.loop.Now()
	if x.o.Done != nil {
		x.o.Done(r.event, r.outcome)
	}
	x.next()
	x.balance()
}

// next begins what waits and may.
func (x *Exec) next() {
	for len(x.queue) > 0 && x.mayRun() {
		e := x.queue[0]
		x.queue[0] = event.Event{} // what it holds goes with its run, not with the queue
		x.queue = x.queue[1:]
		x.run(e)
	}
}

// balance makes true what depends on what runs and what waits: the source is held or not, the loop
// is held or not, the end has come or not.
func (x *Exec) balance() {
	if full := x.wantsNoMore(); full != x.full {
		x.full = full
		if x.o.Full != nil {
			x.o.Full(full)
		}
	}
	if busy := len(x.runs) > 0 || len(x.queue) > 0; busy != x.held {
		x.held = busy
		if busy {
			x.loop.Ref()
		} else {
			x.loop.Unref()
		}
	}
	if x.done != nil && len(x.runs)+len(x.queue) == 0 {
		done := x.done
		x.done = nil
		done()
	}
}

// Close stops what runs, if it does not end by itself within Drain. What waits is not run any more,
// which is reported; but what was promised to somebody still is, within the same time.
func (x *Exec) Close(done func()) {
	waiting := x.queue
	x.queue = nil
	for _, e := range waiting {
		if p, ok := e.Detail.(event.Promise); ok && x.o.Drain > 0 && p.Promised() {
			x.queue = append(x.queue, e)
		} else {
			drop(e, event.Refused)
		}
	}
	n := len(waiting) - len(x.queue)
	if x.o.Drain == 0 {
		for _, r := range x.runs {
			if r.state == idle && r.first.IsZero() { // it waits for the system, or in a storm
				n++
			}
		}
	}
	if n > 0 {
		x.o.Report.Noticef("%s: its watcher ends: nothing is run for %d events that waited", x.command.name, n)
	}
	if x.skipped != nil {
		drop(*x.skipped, event.Refused)
	}
	x.rest.Stop()
	x.closed, x.done, x.skipped = true, done, nil
	switch {
	case x.o.Drain == 0 || len(x.runs)+len(x.queue) == 0:
		x.stop()
	case x.o.Drain == span.Inf:
		x.o.Report.Noticef("%s: its watcher ends: waiting for the command to end by itself", x.command.name)
	default:
		x.o.Report.Noticef("%s: its watcher ends: the command has %s to end by itself", x.command.name, span.Format(x.o.Drain))
		x.loop.After(x.o.Drain, x.Stop)
	}
	x.next()
	x.balance()
}

// Stop stops what runs, and drops what waits. What comes then is run as ever.
func (x *Exec) Stop() {
	for _, e := range x.queue {
		drop(e, event.Refused)
	}
	x.queue = nil
	x.stop()
	x.balance()
}

// stop stops what runs.
func (x *Exec) stop() {
	for _, r := range slices.Clone(x.runs) {
		r.stop()
	}
}

// Abandon stops what runs now, and kills it within the time that is left.
func (x *Exec) Abandon(left time.Duration) {
	runs := slices.Clone(x.runs)
	x.stop()
	x.loop.After(left/2, func() {
		for _, r := range runs {
			if slices.Contains(x.runs, r) {
				r.kill()
			}
		}
	})
}

// Kill kills what runs, at once.
func (x *Exec) Kill() {
	for _, e := range x.queue {
		drop(e, event.Refused)
	}
	x.queue = nil
	for _, r := range slices.Clone(x.runs) {
		r.kill()
	}
}

// Resize has the terminals of what runs be as large as ev's, and tells it, as a terminal does.
func (x *Exec) Resize() {
	if !x.o.Terminal {
		return
	}
	for _, r := range x.runs {
		if len(r.outputs) > 0 {
			r.resize()
			r.tell(unix.SIGWINCH)
		}
	}
}

// Foreground reports whether a command has the terminal, so that what is typed there (INT, QUIT) is
// meant for it.
func (x *Exec) Foreground() bool { return x.o.Foreground && len(x.runs) > 0 }

// Suspend stops the commands that have the terminal, as Ctrl-Z does.
func (x *Exec) Suspend() { x.signalForeground(unix.SIGTSTP) }

// Resume has them go on.
func (x *Exec) Resume() { x.signalForeground(unix.SIGCONT) }

func (x *Exec) signalForeground(s syscall.Signal) {
	for _, r := range x.runs {
		if x.o.Foreground && r.child != nil {
			r.child.Signal(s)
		}
	}
}

var _ Action = (*Exec)(nil)
