package cmd

import (
	"errors"
	"slices"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/stat"
)

// A runner has a session follow its Evfile.
type runner struct {
	*session
	reader *reader
}

// follow has the Evfile read again at HUP, and, if asked for, whenever it changes.
// Neither keeps the loop alive.
func (r *runner) follow(changes bool) error {
	r.reload = func() { _ = r.again() }
	if !changes {
		return nil
	}
	w, err := stat.New(r.loop, stat.Options{
		Paths:   r.reader.watched(),
		Settle:  stat.DefaultSettle, // an editor saves in several steps
		MaxWait: stat.DefaultMaxWait,
		Changes: stat.Created | stat.Replaced | stat.Content,
		Hub:     r.app.hub,
		Report:  r.app.report,
	}, func(event.Detail) { r.reload() })
	if err != nil {
		return usageOf(flagWord("watch"), "--watch: ", err)
	}
	if err := w.Start(); err != nil {
		return err
	}
	r.loop.Unref()
	return nil
}

// again reads the Evfile again. Lines that say what they said before go on
// undisturbed; others stop or start. If anything is wrong with the file nothing changes.
// What is wrong is reported and returned: a startError if that is with the start of a
// new line.
func (r *runner) again() error {
	if r.ending {
		return errors.New("ev is ending")
	}
	_ = r.notify.Reloading()
	defer r.tellReady()
	next, fresh, gone, err := r.compare()
	if err != nil {
		r.app.explain(err)
		r.app.report.Noticef("nothing has changed: the watchers are those from before")
		return err
	}
	r.bound = next
	stopped := 0
	for _, v := range gone {
		if v.started {
			stopped++
		}
		r.leave(v)
	}
	var faults evfile.Errors
	for _, v := range fresh {
		if err := v.start(); err != nil {
			faults = append(faults, v.line.fault(err))
		}
	}
	r.app.report.Noticef("reloaded: %d started, %d stopped, %d as before", len(fresh)-len(faults), stopped, len(next)-len(fresh))
	if faults == nil {
		return nil
	}
	r.app.explain(faults)
	return &startError{faults}
}

// A startError tells which lines could not be started, of a file that is right.
type startError struct{ faults evfile.Errors }

func (e *startError) Error() string { return "reloaded, but not all could be started" }
func (e *startError) Unwrap() error { return e.faults }

// compare returns what the Evfile says now, what of that is new, and what there is
// that it does not say any more. Nothing is started or stopped.
func (r *runner) compare() (next, fresh, gone []*bound, err error) {
	if !r.reader.hasFile() {
		return nil, nil, nil, usagef("%s is no regular file any more: it can't be read again", r.reader.path)
	}
	lines, errs, err := r.reader.read()
	if err != nil {
		return nil, nil, nil, err
	}
	before := map[string][]*bound{}
	for _, v := range r.bound {
		if v.started { // what could not be is tried again
			before[v.line.key] = append(before[v.line.key], v)
		}
	}
	next = make([]*bound, len(lines))
	var staying, added []*line
	for i, l := range lines {
		if same := before[l.key]; len(same) > 0 {
			next[i], before[l.key] = same[0], same[1:]
			staying = append(staying, same[0].line)
		} else {
			added = append(added, l)
		}
	}
	added, faults := r.reader.check(added)
	now := slices.Clone(lines)
	for i, v := range next {
		if v != nil {
			now[i] = v.line
		}
	}
	errs = slices.Concat(errs, faults, checkSignals(append(staying, added...)), checkListeners(now))
	if fresh, err = r.bindLines(added, errs); err != nil {
		return nil, nil, nil, err
	}
	n := 0
	for i, l := range lines {
		if next[i] == nil {
			next[i] = fresh[n]
			n++
			continue
		}
		next[i].line.Line, next[i].line.file = l.Line, l.file // where it is now
		if p, ok := next[i].watcher.(watch.Placed); ok {
			p.SetPlace(l.Words[0].Line)
		}
	}
	for _, v := range r.bound {
		if rest := before[v.line.key]; !v.started {
			gone = append(gone, v)
		} else if len(rest) > 0 && rest[0] == v {
			gone, before[v.line.key] = append(gone, v), rest[1:]
		}
	}
	return next, fresh, gone, nil
}
