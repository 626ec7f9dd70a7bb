package session

import (
	"syscall"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/watch"
)

// bindChild makes what runs the child, and has the watcher know it.
func (w *Watcher) bindChild() {
	parent := w.watcher.(watch.Parent)
	o := w.Child
	o.Plain, o.Whole = true, true
	w.work = &work{child: w.command(o, action.Setting{Began: parent.Began, Done: w.childRan})}
	parent.SetRunner(runner{w})
}

// A runner is the watch.Runner of a watcher.
type runner struct{ *Watcher }

// Run starts the child.
func (r runner) Run() { r.child.Do(event.Event{Name: r.Name, Seq: r.seq + 1, Detail: event.Exit{}}) }

// Stop tells it to end, unless it has time to do so by itself because the watcher is closed.
func (r runner) Stop() {
	if !r.closed {
		r.child.Stop()
	}
}

// childRan takes the outcome of the child, whose end is an event unless it was asked for.
func (w *Watcher) childRan(e event.Event, o action.Outcome) {
	w.outcome = &o
	for _, observer := range w.session.observers {
		observer.Ran(w, o)
	}
	w.log(e, o)
	w.tell(o)
	w.follow(w.Child, e, o)
	if w.closed || o.Stopped {
		return
	}
	w.watcher.(watch.Parent).Ended(o.Exit(w.Child.Argv[0]))
	switch {
	case w.Exec != nil: // its status decides
	case w.Child.Foreground && o.Signal == syscall.SIGINT:
		w.session.endBy(o.Signal)
	case o.Status != 0 && w.ExitOnError:
		w.finish(End{Why: CommandEnded, Status: o.Status})
	}
}
