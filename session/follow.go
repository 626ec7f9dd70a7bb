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

// after returns what runs the command that follows a run of another which has ended so; nil: there
// is none.
func (w *Watcher) after(ran *action.Options, out action.Outcome) command {
	flag, o, c := "--on-success", w.OnSuccess, &w.onSuccess
	if out.Status != 0 {
		flag, o, c = "--on-failure", w.OnFailure, &w.onFailure
	}
	if o == nil || ran != w.led() {
		return nil
	}
	if *c == nil {
		*c = w.command(o, action.Setting{Done: func(_ event.Event, out action.Outcome) {
			if out.Status != 0 && out.Err == nil && !out.Stopped {
				w.Report.Endedf(false, "%s: %s: %v after %s", flag, o.Argv[0], out, span.Rounded(out.Elapsed))
			}
		}})
	}
	return *c
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
		if w.followed = followed[w.Name]; w.work == nil {
			continue
		}
		if w.child != nil {
			w.child.Keep(w.kept(w.Child))
		}
		if w.exec != nil {
			w.exec.Keep(w.kept(w.Exec))
		}
	}
}

// kept is how much of what a run of a command has written is remembered.
func (w *Watcher) kept(o *action.Options) int {
	switch {
	case w.followed || o == w.led() && (w.OnFailure != nil || w.OnSuccess != nil):
		return keptForFollowers
	case w.LogRuns > 0 || w.session.config.Log && w.passesOutput():
		return loggedOutput
	}
	return 0
}

// led is the command that --on-failure and --on-success follow: the watcher's own, or the child
// where there is none.
func (w *Watcher) led() *action.Options {
	if w.Exec != nil {
		return w.Exec
	}
	return w.Child
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
func (w *Watcher) follow(ran *action.Options, e event.Event, o action.Outcome) {
	if o.Stopped {
		return
	}
	d := o.Exit(ran.Argv[0])
	d.Run, d.Output = e.Seq, o.Output
	if after := w.after(ran, o); after != nil {
		after.Do(event.Event{Name: w.Name, Seq: e.Seq, Time: w.session.loop.Now(), Detail: d})
	}
	for _, f := range w.followers() {
		f.watcher.(watch.Follower).Followed(d)
	}
}

// followers are those who tell of its runs.
func (w *Watcher) followers() (all []*Watcher) {
	for _, other := range w.session.watchers {
		if f, ok := other.watcher.(watch.Follower); ok && other.watcher.Active() && slices.Contains(f.Follows(), w.Name) {
			all = append(all, other)
		}
	}
	return all
}

// finish ends the session for a run of its own, once those who follow it have told of that. Their
// commands have as long to end as those of --on-failure.
func (w *Watcher) finish(e End) {
	s := w.session
	followers := w.followers()
	if len(followers) == 0 {
		s.finish(e)
		return
	}
	w.watcher.Stop()
	if w.exec != nil {
		w.exec.Bar(true)
	}
	s.loop.Ref()
	s.loop.Post(func() { // in the next turn
		s.loop.Unref()
		for _, f := range followers {
			if f.Exec != nil {
				f.Exec.Drain = max(f.Exec.Drain, f.Exec.KillAfter)
			}
		}
		s.finish(e)
		if w.exec != nil {
			w.exec.Bar(false) // what was promised is still run
		}
	})
}
