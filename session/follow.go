package session

import (
	"slices"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/watch"
)

// keptForFollowers is how much of what a run has written those get who follow it.
const keptForFollowers = 64 << 10

// bindFollowing makes what runs the commands that follow the watcher's own.
func (w *Watcher) bindFollowing() (err error) {
	if w.OnFailure != nil {
		if w.onFailure, err = w.command(w.after("--on-failure", w.OnFailure)); err != nil {
			return err
		}
	}
	if w.OnSuccess != nil {
		w.onSuccess, err = w.command(w.after("--on-success", w.OnSuccess))
	}
	return err
}

// after has the failure of a command that follows another one told.
func (w *Watcher) after(flag string, o *action.Options) *action.Options {
	o.Done = func(_ event.Event, out action.Outcome) {
		if out.Status != 0 && out.Err == nil && !out.Stopped {
			w.Report.Endedf(false, "%s: %s: %v after %s", flag, o.Argv[0], out, span.Rounded(out.Elapsed))
		}
	}
	return o
}

// keep has the output kept of what somebody follows.
func (s *Session) keep() {
	followed := map[string]bool{}
	for _, w := range s.watchers {
		if f, ok := w.watcher.(watch.Follower); ok {
			for _, name := range f.Follows() {
				followed[name] = true
			}
		}
	}
	for _, w := range s.watchers {
		for _, c := range []command{w.child, w.exec} {
			if c == nil {
				continue
			}
			switch {
			case followed[w.Name] || c == w.led() && (w.onFailure != nil || w.onSuccess != nil):
				c.Keep(keptForFollowers)
			case w.LogRuns > 0 || s.config.Log && w.passesOutput():
				c.Keep(loggedOutput)
			default:
				c.Keep(0)
			}
		}
	}
}

// led is the command that --on-failure and --on-success follow: the watcher's own, or the child
// where there is none.
func (w *Watcher) led() command {
	if w.exec != nil {
		return w.exec
	}
	return w.child
}

// passesOutput reports whether what its commands write goes through ev anyway.
func (w *Watcher) passesOutput() bool {
	for _, o := range []*action.Options{w.Exec, w.Child} {
		if o != nil && (o.Prefix != "" || o.LogDir != "") {
			return true
		}
	}
	return false
}

// follow has those know of a run's end who follow the watcher. One that was to be stopped says
// nothing by its status, and is nobody's event.
func (w *Watcher) follow(ran command, argv []string, e event.Event, o action.Outcome) {
	if o.Stopped || w.closed {
		return
	}
	d := o.Exit(argv[0])
	d.Run, d.Output = e.Seq, o.Output
	after := w.onSuccess
	if o.Status != 0 {
		after = w.onFailure
	}
	if after != nil && ran == w.led() {
		after.Do(event.Event{Name: w.Name, Seq: e.Seq, Time: w.session.loop.Now(), Detail: d})
	}
	for _, other := range w.session.watchers {
		if f, ok := other.watcher.(watch.Follower); ok && slices.Contains(f.Follows(), w.Name) {
			f.Followed(d)
		}
	}
}
