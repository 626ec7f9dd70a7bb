package stat

import (
	"slices"
	"time"
)

// longestGather is how long notices gather, at most, while more keep coming: to be woken for each
// costs more than all that is done about it.
const longestGather = 5 * time.Millisecond

// woken has what has been told taken in: at once, if nothing has been for a while, or else when it
// has gathered. Nothing is told later for that. Quiet counts from the last notice, and what
// gathers has done so in half the time of quiet.
func (s *Watcher) woken() {
	wait := min(s.o.Settle/2, longestGather) - s.loop.Now().Sub(s.taken)
	switch {
	case wait <= 0:
		s.noticed()
	case !s.gather.Active():
		s.gather.Set(wait, 0)
		s.gather.Start()
	}
}

// noticed takes in what has been told.
func (s *Watcher) noticed() {
	if s.postpone(takeNotices) {
		return
	}
	s.taken = s.loop.Now()
	var relevant bool
	var quiet time.Duration
	s.errand(func(t *tree) {
		b := t.n.take()
		quiet = b.quiet
		relevant = t.notice(b)
	}, func() {
		if relevant {
			s.quieten(s.o.Settle - quiet)
		}
		s.pollOn(s.o.interval())
	})
}

// quieten waits for this long, within MaxWait, until it looks whether all is quiet.
func (s *Watcher) quieten(wait time.Duration) {
	if s.since.IsZero() {
		s.since = s.loop.Now()
	}
	if s.o.MaxWait > 0 {
		wait = min(wait, s.o.MaxWait-s.loop.Now().Sub(s.since))
	}
	if wait <= 0 && s.settle.Pending() {
		return // or what comes in each turn would put it off for ever
	}
	s.settle.Stop()
	s.settle.Set(wait, 0)
	s.settle.Start()
}

// settled tells what has changed, unless something has happened meanwhile.
func (s *Watcher) settled() {
	if s.owesEvent = s.onHold; s.onHold {
		return
	}
	pending := s.pendingEvents
	s.pendingEvents = nil
	s.emitNews(pending)
	if s.tree == nil || s.settle.Active() || s.postpone(settle) {
		return // the second: fed while it waits
	}
	var wait time.Duration
	var changes, found []change
	var looked bool
	since, now := s.since, s.loop.Now()
	s.errand(func(t *tree) {
		if wait = s.unsettled(t, since, now); wait == 0 {
			looked = len(t.marks) > 0 || t.compareAll
			changes = t.look()
			found, t.found = t.found, nil
		}
	}, func() {
		if wait > 0 {
			s.quieten(wait)
			return
		}
		s.since = time.Time{}
		s.pollOn(s.o.interval())
		passed := s.passing(changes)
		if left := len(passed) == 0 || len(passed) < len(changes); looked && left && s.memory != nil {
			s.remember() // nobody will answer for what is not told
		}
		switch news := s.newsOf(passed, found); {
		case s.o.Until != Forever && !s.onHold:
			s.emitMet(changes)
		case s.onHold:
			s.owesEvent = true
			s.pendingEvents = append(s.pendingEvents, news...)
		default:
			s.emitNews(news)
		}
	})
}

// unsettled returns how long to wait until it is worth to look again whether all is quiet; 0 if it
// is, or if there has been enough waiting.
func (s *Watcher) unsettled(t *tree, since, now time.Time) time.Duration {
	b := t.n.take()
	late := !since.IsZero() && s.o.MaxWait > 0 && now.Sub(since) >= s.o.MaxWait
	if stirred := t.notice(b); stirred && b.quiet < s.o.Settle && !late {
		return s.o.Settle - b.quiet
	}
	if s.o.Settle > 0 && !late && t.settling() {
		return s.o.Settle
	}
	waited := now.Sub(since)
	quiet := min(b.quiet, waited) // the latter: since a poll
	if s.o.Settle > 0 && s.o.Until == Forever && !late && t.unfinished(quiet, waited) {
		return max(s.o.Settle, DefaultSettle, min((waited/10).Truncate(time.Millisecond), slowestLook))
	}
	return 0
}

// emitNews emits an event for each, of which a note is written before if there is a
// State.
func (s *Watcher) emitNews(list []news) {
	if len(list) == 0 {
		return
	}
	emit := func() {
		for _, n := range list {
			if s.tree == nil {
				return
			}
			s.tell(n)
		}
	}
	if s.memory == nil {
		emit()
		return
	}
	var err error
	s.errand(func(*tree) { err = s.memory.note(list) }, func() {
		if err != nil {
			s.saved(err)
		}
		emit()
	})
}

// passing leaves out the changes of paths that Pass refuses.
func (s *Watcher) passing(changes []change) []change {
	if s.o.Pass == nil {
		return changes
	}
	var pass []change
	for _, c := range changes {
		if s.o.Pass(news{changes: []change{c}}.detail()) {
			pass = append(pass, c)
		}
	}
	return pass
}

// emitMet tells of the paths that have become what is waited for, and ends when all have been told.
func (s *Watcher) emitMet(changes []change) {
	for _, p := range s.o.Paths {
		at := spot{s.tree.named, p}
		f := at.entry().file
		if s.metPaths[p] || f.exists() != (s.o.Until == Exists) {
			continue
		}
		s.metPaths[p] = true
		c := at.asIs(f)
		if i := slices.IndexFunc(changes, func(told change) bool { return told.path == c.path }); i >= 0 {
			c = changes[i]
		}
		if s.passing([]change{c}) != nil {
			s.tell(news{changes: []change{c}})
		}
		if s.tree == nil {
			return
		}
	}
	if len(s.metPaths) == len(s.o.Paths) {
		s.Stop()
	}
}

// pollOn has what does not tell looked at after a while, if there is any.
func (s *Watcher) pollOn(after time.Duration) {
	if !s.polls.Active() && s.tree.polls() {
		s.polls.Set(after, 0)
		s.polls.Start()
	}
}

// poll looks at what does not tell. By itself it takes no more than a tenth of the time for that.
func (s *Watcher) poll() {
	if s.postpone(poll) {
		return
	}
	var marked bool
	every := s.o.interval()
	s.errand(func(t *tree) {
		began, marks := time.Now(), len(t.marks)
		t.poll()
		marked = len(t.marks) > marks
		if s.o.Poll == 0 {
			every = max(every, 10*time.Since(began))
		}
	}, func() {
		if marked {
			s.quieten(s.o.Settle)
		}
		s.pollOn(every)
	})
}
