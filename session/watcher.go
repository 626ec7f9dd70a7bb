package session

import (
	"cmp"
	"iter"
	"slices"
	"syscall"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/watch"
)

// A Watcher is one binding at work: what its watcher emits is stamped, counted, printed, and given
// to its command.
type Watcher struct {
	*Binding
	session *Session
	watcher watch.Watcher
	gate    *gate // nil: events need no lock
	store   *action.Emit
	seq     uint64
	from    uint64 // seq at the last start
	*work          // nil: no event has come yet

	started   bool
	closed    bool // for good
	halted    bool // stopped by the user, who may start it again: the loop is held
	broken    bool // nothing can be stored any more
	overlooks bool // held until the run's end, to discard what changes in it
	barred    bool // from running anything
	awaits    bool // a state that another has, to be started
	followed  bool // by watchers that tell of its runs

	key    string
	place  string
	where  func(error) error
	clocks func() // stops the clocks that end the loop; nil: there are none
}

// A work is what deals with a watcher's events, and what has come of that. It is made for the
// first event, and most of its parts when they are needed: most of many watchers wait for long.
type work struct {
	print     *action.Print
	child     command // of a watch.Parent
	exec      command
	onFailure command
	onSuccess command
	full      int                      // how many of print and exec want no more for now
	last      time.Time                // event
	repeat    *event.Event             // the last that was given to exec
	taken     map[syscall.Signal]int64 // how many signals the events were about; nil: of none
	outcome   *action.Outcome          // of the run that ended last
	runsLog   []control.Run
}

// A command is what a Watcher has an action.Exec for; a test puts another in its place.
type command interface {
	action.Action
	Bar(bool)
	Keep(bytes int)
	Signal(syscall.Signal) bool
	Running() (n int, since time.Time)
	Waiting() int
	Foreground() bool
	Suspend()
	Resume()
	Resize()
	Restart()
	Stop()
	Kill()
	Abandon(left time.Duration)
}

// bind makes what a binding describes. Nothing is started.
func (s *Session) bind(b *Binding) (*Watcher, error) {
	w := &Watcher{Binding: b, session: s}
	var err error
	if w.watcher, err = b.Watch(s.loop, w.emit); err != nil {
		return nil, err
	}
	b.Watch = nil // it holds what the watcher was made from
	w.watcher.SetPriority(b.Priority)
	if b.Cgroup {
		if _, err := s.ownCgroup(); err != nil {
			return nil, err
		}
	}
	for _, o := range []*action.Options{b.Exec, b.Child, b.OnFailure, b.OnSuccess} {
		if o != nil {
			o.TellLeftOut(b.Report)
		}
	}
	if b.Child != nil {
		w.bindChild()
	}
	if b.Lock != nil {
		if w.gate, err = w.newGate(b.Lock); err != nil {
			return nil, err
		}
	}
	if b.Emit != nil {
		o := *b.Emit
		o.Settle = b.Exec == nil
		o.Report, o.Hold, o.Failed = b.Report, w.holdToStore, func(error) { w.broken = true; w.watcher.Stop() }
		w.store = action.NewEmit(s.loop, o)
	}
	return w, nil
}

// show prints an event.
func (w *Watcher) show(e event.Event) {
	if w.print == nil {
		w.print = action.NewPrint(w.session.stdout, w.Render, w.hold, w.Report)
		if w.Exec == nil && w.Emit == nil {
			w.print.Settle()
		}
	}
	w.print.Do(e)
}

// run has the command run for an event.
func (w *Watcher) run(e event.Event) {
	if w.exec == nil {
		in := action.Setting{Full: w.hold, Done: w.ran, Skipped: w.skipped, Stormy: w.stormy}
		if u, ok := w.watcher.(watch.Unreader); ok {
			in.Same = u.Unread
		}
		w.exec = w.command(w.Exec, in)
		w.exec.Keep(w.kept(w.Exec))
		if w.closed {
			w.exec.Close(func() {})
		}
	}
	w.exec.Do(e)
}

// command makes what runs a command.
func (w *Watcher) command(o *action.Options, in action.Setting) command {
	s := w.session
	in.Stdout, in.Stderr, in.Terminal, in.Report = s.stdout, s.stderr, s.terminals, w.Report
	if w.Cgroup {
		in.Cgroup = s.cgroup
	}
	c := s.exec(o, in)
	if w.barred {
		c.Bar(true)
	}
	return c
}

// commands yields what it has commands run by.
func (w *Watcher) commands() iter.Seq[command] {
	return func(yield func(command) bool) {
		if w.work == nil {
			return
		}
		for _, c := range []command{w.child, w.exec, w.onFailure, w.onSuccess} {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// holdToStore is hold for the events that are on their way elsewhere.
func (w *Watcher) holdToStore(full bool) bool {
	_, can := w.watcher.(watch.Holder)
	if can {
		w.hold(full)
	}
	return can
}

// busy reports whether its command runs, or waits to.
func (w *Watcher) busy() bool {
	running, _, waiting := w.runs()
	return running+waiting > 0
}

// runs returns how many commands run and wait, and since when the oldest runs.
func (w *Watcher) runs() (running int, since time.Time, waiting int) {
	for c := range w.commands() {
		n, began := c.Running()
		if running += n; since.IsZero() || !began.IsZero() && began.Before(since) {
			since = began
		}
		waiting += c.Waiting()
	}
	return running, since, waiting
}

// begin starts the watcher for the first time, and the clocks that end the loop.
func (w *Watcher) begin() error {
	w.spare()
	if err := w.check(); err != nil {
		return err
	}
	if err := w.watcher.Start(); err != nil {
		return err
	}
	w.started = true
	if w.gate != nil {
		w.gate.rescue()
	}
	if w.Now {
		w.watcher.Feed()
	}
	if w.Check == nil {
		w.where = nil // it has begun, and holds the line for an error no more
	}
	if w.Timeout != 0 || w.For != 0 {
		w.startClocks()
	}
	return nil
}

// startClocks starts the clocks that end the loop.
func (w *Watcher) startClocks() {
	s := w.session
	timeout := func() {
		if w.seq == 0 || w.unmet() {
			s.finish(End{Why: TimedOut})
		}
	}
	first, last := s.after(w.Timeout, timeout), s.after(w.For, s.End)
	w.clocks = func() { first(); last() }
}

// unmet reports whether it still waits for more than the events that have come.
func (w *Watcher) unmet() bool { return w.Until && w.watcher.Active() }

// check has it found out whether what it shares with others can be had. Where it can't, that ends
// the loop, if it was to be a part of it from the start.
func (w *Watcher) check() error {
	if w.Check == nil {
		return nil
	}
	s := w.session
	atStart := !s.started
	return w.Check(s.loop, func(err error) {
		switch {
		case err == nil || w.closed:
		case atStart:
			s.finish(End{Why: Refused, Err: Faults{w.where(err)}})
		default:
			w.Report.Errorf("%v", err)
			w.broken = true
			w.watcher.Stop()
		}
	})
}

// spare tells a watcher that reads ahead how many more of its events will be taken.
func (w *Watcher) spare() {
	reader, ok := w.watcher.(watch.Sparing)
	switch {
	case !ok:
	case w.Break:
		reader.Spare(1)
	case w.Count > 0:
		reader.Spare(w.Count - int(w.seq-w.from))
	}
}

// emit takes the watcher's events.
func (w *Watcher) emit(d event.Detail) {
	e := event.Event{Name: w.Name, Detail: d}
	switch {
	case w.over():
		action.Drop(e, event.Refused)
	case !w.passes(e):
		action.Drop(e, event.Passed)
	case w.gate != nil:
		w.gate.offer(e)
	default:
		w.happen(e)
	}
}

// passes reports whether what is to be an event is one.
func (w *Watcher) passes(e event.Event) bool {
	e.Seq, e.Time = w.seq+1, w.session.loop.Now()
	for _, t := range w.If {
		if !t.Holds(e) {
			return false
		}
	}
	return true
}

// over reports whether no further event is wanted.
func (w *Watcher) over() bool {
	return w.session.ending || w.Count > 0 && w.seq-w.from >= uint64(w.Count)
}

// happen is an event: it is stamped, and counts.
func (w *Watcher) happen(e event.Event) {
	s := w.session
	if w.over() { // since it has the lock
		action.Drop(e, event.Refused)
		return
	}
	if w.work == nil {
		w.work = &work{}
	}
	s.events++
	w.seq++
	w.last = s.loop.Now()
	if d, ok := e.Detail.(event.Signal); ok {
		if w.taken == nil {
			w.taken = map[syscall.Signal]int64{}
		}
		w.taken[syscall.Signal(d.Number)] += d.Count
	}
	if w.seq-w.from == uint64(w.Count) {
		w.watcher.Stop()
	} else {
		w.spare()
	}
	if s.config.Once {
		s.loop.Break()
	}
	e.Seq, e.Time = w.seq, w.last
	for _, o := range s.observers {
		o.Happened(e)
	}
	if w.Render != nil {
		w.show(e)
	}
	if w.store != nil {
		w.store.Do(e)
	}
	if c, ok := e.Detail.(event.Call); ok && w.Render == nil && w.store == nil && w.Exec == nil {
		c.Answer(event.Answer{Verdict: event.Ran})
	}
	if w.Exec != nil {
		repeat := e // apart, since what a pointer is kept of is on the heap for every event
		w.repeat = &repeat
		w.run(e)
		w.overlook()
		return
	}
	if w.Child != nil && w.outcome != nil && w.ownsStatus() {
		s.end = End{Why: CommandEnded, Status: w.outcome.Status}
	}
	if w.Break {
		w.finish(s.end)
	}
}

// ownsStatus reports whether what this ends with is what ev ends with: with --once, unless there
// are others whose status it could be.
func (w *Watcher) ownsStatus() bool {
	if w.session.config.Once {
		return !slices.ContainsFunc(w.session.watchers, func(other *Watcher) bool { return other != w && other.HasCommand() })
	}
	return w.Count == 1 && (w.Break || len(w.session.watchers) == 1)
}

// hold has the watcher wait, if its source can, for as long as an action is full.
func (w *Watcher) hold(full bool) {
	if full {
		w.full++
	} else {
		w.full--
	}
	if h, ok := w.watcher.(watch.Holder); ok {
		h.Hold(w.full > 0)
	}
}

// overlook has what changes while the command runs not count, if it is to be skipped and can be: it
// is the command's own.
func (w *Watcher) overlook() {
	if _, ok := w.watcher.(watch.Discarder); ok && !w.overlooks && w.Exec.Busy.Policy == action.Skip {
		w.overlooks = true
		w.hold(true)
	}
}

// stormy tells that the command seems to cause its own events.
func (w *Watcher) stormy() {
	w.Report.Noticef("%s; until then it gets one run a second", w.Exec.Guard.Advice)
}

// skipped takes note of an event that got no run of its own.
func (w *Watcher) skipped() {
	for _, o := range w.session.observers {
		o.Skipped(w)
	}
}

// ran takes the outcome of each run.
func (w *Watcher) ran(e event.Event, o action.Outcome) {
	s := w.session
	w.outcome = &o
	if w.store != nil {
		w.store.Ran(e, o)
	}
	if w.gate != nil {
		s.loop.Ref()
		s.loop.Post(func() { // what waits for the command has been started by then
			s.loop.Unref()
			w.gate.done()
			w.gate.next()
		})
	}
	for _, observer := range s.observers {
		observer.Ran(w, o)
	}
	w.log(e, o)
	w.tell(o)
	w.follow(w.Exec, e, o)
	if w.closed {
		return // it was stopped for that, and decides nothing any more
	}
	if w.overlooks {
		w.overlooks = false
		w.watcher.(watch.Discarder).Discard()
		w.hold(false)
	}
	if w.Exec.Foreground && o.Signal == syscall.SIGINT {
		// What was typed was meant for both, as a shell has it.
		s.endBy(o.Signal)
		return
	}
	if w.ownsStatus() && (o.Status != 0 || !s.config.Once) { // a turn that went well is over
		s.end = End{Why: CommandEnded, Status: o.Status}
	}
	if o.Status != 0 && !o.Stopped && w.ExitOnError {
		w.finish(End{Why: CommandEnded, Status: o.Status})
		return
	}
	if w.Break {
		w.finish(s.end)
	}
}

// looking reports whether the watcher is still finding out what has happened.
func (w *Watcher) looking() bool {
	l, ok := w.watcher.(watch.Looker)
	return ok && l.Looking()
}

// failed reports whether an error has ended the watcher, which has told it.
func (w *Watcher) failed() bool {
	f, ok := w.watcher.(watch.Failer)
	return ok && f.Failed() || w.broken || w.gate != nil && w.gate.failed && !w.closed
}

// close stops the watcher for good, and what it has started; gone is called once its commands have
// ended.
func (w *Watcher) close(gone func()) {
	w.closed = true
	w.watcher.Stop()
	w.release()
	if w.clocks != nil {
		w.clocks()
	}
	if w.gate != nil {
		w.gate.close()
	}
	k := cmp.Or(w.work, &work{})
	closeAll([]command{k.child, k.exec}, func() {
		// A run that had the time to end by itself may be followed by another one.
		closeAll([]command{k.onFailure, k.onSuccess}, func() {
			if w.gate != nil {
				w.gate.done()
			}
			gone()
		})
	})
}

// closeAll closes those commands that are there; done is called once all have ended.
func closeAll(commands []command, done func()) {
	left := 1
	ended := func() {
		if left--; left == 0 {
			done()
		}
	}
	for _, c := range commands {
		if c != nil {
			left++
			c.Close(ended)
		}
	}
	ended()
}
