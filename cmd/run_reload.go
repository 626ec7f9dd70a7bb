package cmd

import (
	"errors"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/watch"
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
	w, err := watch.NewStat(r.loop, watch.StatOptions{
		Paths:   []string{r.reader.path},
		Settle:  watch.DefaultSettle, // an editor saves in several steps
		MaxWait: watch.DefaultMaxWait,
		Changes: watch.Created | watch.Replaced | watch.Content,
		Report:  r.app.report,
	}, func(event.Detail) { r.reload() })
	if err != nil {
		return usagef("--watch: %v", err)
	}
	if err := w.Start(); err != nil {
		return err
	}
	r.loop.Unref()
	return nil
}

// again reads the Evfile again. Lines that say what they said before go on
// undisturbed; others stop or start. If anything is wrong nothing changes, and the
// reason is reported and returned.
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
	for _, v := range gone {
		r.leave(v)
	}
	for _, v := range fresh {
		if err := v.start(); err != nil {
			r.app.report.Errorf("%v", v.line.fault(err))
		}
	}
	r.app.report.Noticef("reloaded: %d started, %d stopped, %d as before", len(fresh), len(gone), len(next)-len(fresh))
	return nil
}

// compare returns what the Evfile says now, what of that is new, and what there is
// that it does not say any more. Nothing is started or stopped.
func (r *runner) compare() (next, fresh, gone []*bound, err error) {
	lines, errs, err := r.reader.read()
	if err != nil {
		return nil, nil, nil, err
	}
	before := map[string][]*bound{}
	for _, v := range r.bound {
		before[v.line.key] = append(before[v.line.key], v)
	}
	next = make([]*bound, len(lines))
	var added []*line
	for i, l := range lines {
		if same := before[l.key]; len(same) > 0 {
			next[i], before[l.key] = same[0], same[1:]
		} else {
			added = append(added, l)
		}
	}
	if err := append(errs, r.reader.check(added)...).Err(); err != nil {
		return nil, nil, nil, err
	}
	if fresh, err = r.bindLines(added); err != nil {
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
	}
	for _, v := range r.bound {
		if rest := before[v.line.key]; len(rest) > 0 && rest[0] == v {
			gone, before[v.line.key] = append(gone, v), rest[1:]
		}
	}
	return next, fresh, gone, nil
}
