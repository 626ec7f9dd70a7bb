package stat

import (
	"math"
	"slices"
	"time"
)

// noticed takes in what has been told.
func (s *Watcher) noticed() {
	b := s.tree.n.take()
	if s.tree.notice(b) {
		s.quieten(s.o.Settle - b.quiet)
	}
	s.pollOn(s.o.interval())
}

// quieten waits for this long, within MaxWait, until it looks whether all is quiet.
func (s *Watcher) quieten(wait time.Duration) {
	if s.since.IsZero() {
		s.since = s.loop.Now()
	}
	if s.o.MaxWait > 0 {
		wait = min(wait, s.o.MaxWait-s.loop.Now().Sub(s.since))
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
	as := s.pendingEvents
	s.pendingEvents = nil
	for _, together := range as {
		s.emitChanges(together)
	}
	if s.tree == nil || s.settle.Active() {
		return // the latter: fed while it waits
	}
	b := s.tree.n.take()
	late := !s.since.IsZero() && s.o.MaxWait > 0 && s.loop.Now().Sub(s.since) >= s.o.MaxWait
	if stirred := s.tree.notice(b); stirred && b.quiet < s.o.Settle && !late {
		s.quieten(s.o.Settle - b.quiet)
		return
	}
	if s.o.Settle > 0 && !late && s.tree.settling() {
		s.quieten(s.o.Settle)
		return
	}
	quiet := min(b.quiet, s.loop.Now().Sub(s.since)) // the latter: since a poll
	if late {
		quiet = math.MaxInt64 // nobody is waited for any more
	}
	if s.o.Settle > 0 && s.o.Until == Forever && s.tree.unfinished(quiet) {
		s.quieten(max(s.o.Settle, DefaultSettle))
		return
	}
	s.since = time.Time{}
	changes := s.tree.look()
	s.pollOn(s.o.interval())
	if s.o.Until != Forever {
		s.emitMet(changes)
	} else {
		s.emitChanges(changes)
	}
}

func (s *Watcher) emitChanges(changes []change) {
	for _, d := range details(changes, s.o.Each) {
		if s.tree == nil {
			return
		}
		s.emit(d)
	}
}

// emitMet tells of the paths that have become what is waited for, and ends when
// all have been told.
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
		for _, d := range details([]change{c}, true) {
			s.emit(d)
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

// poll looks at what does not tell. By itself it takes no more than a tenth of
// the time for that.
func (s *Watcher) poll() {
	began := time.Now()
	marks := len(s.tree.marks)
	s.tree.poll()
	if len(s.tree.marks) > marks {
		s.quieten(s.o.Settle)
	}
	every := s.o.interval()
	if s.o.Poll == 0 {
		every = max(every, 10*time.Since(began))
	}
	s.pollOn(every)
}
