package cmd

import (
	"cmp"
	"fmt"
	"syscall"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A bound is one binding at work: its watcher emits, and what is emitted is stamped,
// counted, printed, and given to its command.
type bound struct {
	*Binding
	session   *session
	report    *report.Reporter
	watcher   watch.Watcher
	print     *action.Print
	exec      *action.Exec
	seq       uint64
	from      uint64 // seq at the last start
	full      int    // how many of print and exec want no more for now
	overlooks bool   // held until the run's end, to discard what changes in it
	halted    bool   // stopped by the user, who may start it again: the loop is held
	started   bool
	last      time.Time       // event
	outcome   *action.Outcome // of the run that ended last

	line   *line // of the Evfile; nil: it is the command line's
	clocks []func()
}

// bind makes what a binding describes. Nothing is started.
func (s *session) bind(b *Binding, r *report.Reporter) (*bound, error) {
	v := &bound{Binding: b, session: s, report: r}
	var err error
	if v.watcher, err = b.Watch(s.loop, v.emit); err != nil {
		return nil, usagef("%v", err)
	}
	b.Watch = nil // it holds what the watcher was made from
	v.watcher.SetPriority(b.Priority)
	if b.Render != nil {
		v.print = action.NewPrint(s.stdout, b.Render, v.hold, r)
	}
	if b.Exec != nil {
		if s.spawner == nil {
			s.spawner = action.NewSpawner(s.loop)
		}
		o := *b.Exec
		o.Stdout, o.Stderr, o.Report = s.stdout, s.stderr, r
		o.Full, o.Done, o.Stormy = v.hold, v.ran, v.stormy
		if u, ok := v.watcher.(watch.Unreader); ok {
			o.Same = u.Unread
		}
		o.Skipped = func() {
			for _, fn := range s.onSkip {
				fn(v)
			}
		}
		if b.Cgroup {
			if o.Cgroup, err = s.ownCgroup(); err != nil {
				return nil, fmt.Errorf("--cgroup: %w", err)
			}
		}
		v.exec = action.NewExec(s.loop, s.spawner, o)
	}
	return v, nil
}

// start starts the watcher, and the clocks that end the loop.
func (v *bound) start() error {
	if err := v.watcher.Start(); err != nil {
		return err
	}
	v.started = true
	if v.Now {
		v.watcher.Feed()
	}
	s := v.session
	timeout := func() {
		if v.seq == 0 {
			s.end(exitTimeout)
		}
	}
	v.clocks = []func(){s.after(v.Timeout, timeout), s.after(v.For, func() { s.end(exitOK) })}
	return nil
}

// emit takes the watcher's events.
func (v *bound) emit(d event.Detail) {
	s := v.session
	if s.ending || v.Count > 0 && v.seq-v.from >= uint64(v.Count) {
		return
	}
	s.events++
	v.seq++
	v.last = s.loop.Now()
	if v.seq-v.from == uint64(v.Count) {
		v.watcher.Stop()
	}
	if s.mode == loop.RunOnce {
		s.loop.Break()
	}
	e := event.Event{Seq: v.seq, Name: v.Name, Time: v.last, Detail: d}
	for _, fn := range s.onEvent {
		fn(e)
	}
	if v.print != nil {
		v.print.Do(e)
	}
	if v.exec != nil {
		v.exec.Do(e)
		v.overlook()
		return
	}
	if d, ok := d.(event.Exit); ok && v.ChildStatus && v.ownsStatus() {
		s.status = d.Status
		if killer, err := sig.Parse(d.Signal); err == nil {
			s.status = exitSignal + int(killer)
		}
	}
	if v.Break {
		s.end(s.status)
	}
}

// ownsStatus reports whether what this ends with is what ev ends with: with --once, unless there
// are others whose status it could be.
func (v *bound) ownsStatus() bool {
	return v.Count == 1 && (v.Break || len(v.session.bound) == 1)
}

// hold has the watcher wait, if its source can, for as long as an action is full.
func (v *bound) hold(full bool) {
	if full {
		v.full++
	} else {
		v.full--
	}
	if h, ok := v.watcher.(watch.Holder); ok {
		h.Hold(v.full > 0)
	}
}

// overlook has what changes while the command runs not count, if it is to be skipped
// and can be: it is the command's own.
func (v *bound) overlook() {
	if _, ok := v.watcher.(watch.Discarder); ok && !v.overlooks && v.Exec.Busy.Policy == action.Skip {
		v.overlooks = true
		v.hold(true)
	}
}

// stormy tells that the command seems to cause its own events.
func (v *bound) stormy() {
	v.report.Noticef("%s; until then it gets one run a second", cmp.Or(v.Advice, "the command runs over and over"))
}

// ran takes the outcome of each run.
func (v *bound) ran(_ event.Event, o action.Outcome) {
	s := v.session
	v.outcome = &o
	for _, fn := range s.onRun {
		fn(v, o)
	}
	if s.ending {
		return
	}
	if v.overlooks {
		v.overlooks = false
		v.watcher.(watch.Discarder).Discard()
		v.hold(false)
	}
	if v.Exec.Foreground && o.Signal == syscall.SIGINT {
		// What was typed was meant for both, as a shell has it.
		s.endBy(o.Signal)
		return
	}
	if v.ownsStatus() {
		s.status = o.Status
	}
	if o.Status != exitOK && !o.Stopped && v.ExitOnError {
		s.end(o.Status)
	}
	if v.Break {
		s.end(s.status)
	}
}

// failed reports whether an error has ended the watcher, which has told it.
func (v *bound) failed() bool {
	f, ok := v.watcher.(watch.Failer)
	return ok && f.Failed()
}

// close stops the watcher and what it has started; gone is called once its commands
// have ended.
func (v *bound) close(gone func()) {
	v.watcher.Stop()
	v.release()
	for _, stop := range v.clocks {
		stop()
	}
	if v.print != nil {
		v.print.Close(func() {})
	}
	if v.exec == nil {
		gone()
		return
	}
	v.exec.Close(gone)
}
