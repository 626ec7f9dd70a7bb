package stat

import (
	"cmp"
	"slices"
	"time"
)

// A task is what a Watcher has to do in its tree.
type task uint8

const (
	takeNotices task = 1 << iota
	settle
	poll
	retryUnseen
	feed
	saveState
)

// turnLimit is how long an errand may hold up the loop.
const turnLimit = 10 * time.Millisecond

// errand has something done in the tree, and then calls back on the loop's goroutine.
//
// Mostly that is over at once, and errand returns after it. But a large tree that is compared again
// takes long, and a file system whose server is gone may keep lstat(2) for minutes. So it is done
// on a goroutine of its own: after turnLimit the loop goes on without it. Until it has come back
// the tree is its own, and what else there is to do there is postponed.
func (s *Watcher) errand(do func(*tree), then func()) {
	t := s.tree
	t.away = true
	done := make(chan struct{})
	go func() {
		do(t)
		close(done)
	}()
	limit := time.NewTimer(turnLimit)
	defer limit.Stop()
	select {
	case <-done:
		s.back(t, then)
	case <-limit.C:
		go func() {
			<-done
			s.loop.Post(func() { s.back(t, then) })
		}()
	}
}

// back takes the tree back from an errand, and does what was postponed meanwhile.
func (s *Watcher) back(t *tree, then func()) {
	t.away = false
	if s.tree != t { // it was stopped
		t.disarm()
		return
	}
	postponed := s.postponed
	s.postponed = 0
	then()
	if s.tree != t {
		return
	}
	s.unseen = len(t.unseen) + len(t.unruled())
	s.retryLater()
	for _, p := range []struct {
		task task
		do   func()
	}{{takeNotices, s.noticed}, {settle, s.settle.Feed}, {poll, s.poll}, {retryUnseen, s.retry}, {feed, s.Feed}, {saveState, s.save}} {
		if postponed&p.task != 0 && s.tree == t {
			p.do()
		}
	}
}

// postpone reports whether an errand has the tree, and then has the task done after it.
func (s *Watcher) postpone(what task) bool {
	if s.tree != nil && s.tree.away {
		s.postponed |= what
		return true
	}
	return false
}

// What could not be looked at is tried again, after a pause that grows.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
)

// retryLater has what could not be looked at looked at again.
func (s *Watcher) retryLater() {
	if s.unseen == 0 {
		s.retryPause = 0
		return
	}
	if !s.retries.Active() {
		s.retryPause = min(max(firstRetry, 2*s.retryPause), lastRetry)
		s.retries.Set(s.retryPause, 0)
		s.retries.Start()
	}
}

func (s *Watcher) retry() {
	if s.postpone(retryUnseen) {
		return
	}
	var marked bool
	s.errand(func(t *tree) {
		marks := len(t.marks)
		t.retry()
		marked = len(t.marks) > marks
	}, func() {
		if marked {
			s.quieten(s.o.Settle)
		}
	})
}

// Unseen implements watch.Sighted.
func (s *Watcher) Unseen() int { return s.unseen }

// retry looks at all that could not be looked at, and marks what is to be compared.
func (t *tree) retry() {
	unseen := make([]spot, 0, len(t.unseen))
	for s := range t.unseen {
		unseen = append(unseen, s)
	}
	slices.SortFunc(unseen, func(a, b spot) int { return cmp.Compare(a.path(), b.path()) })
	clear(t.unseen)
	for _, s := range unseen {
		switch {
		case s.dir.forgotten:
		case s.name != "" && s.dir.inTree():
			t.stirred(s.dir, s.name, structural)
		case s.name != "":
			t.reached(s, structural)
		case s.dir.stale:
			t.rearm(s.dir)
		default:
			t.walk(s.dir, 0)
		}
	}
	for _, d := range t.unruled() {
		d.top.rules.Forget(".")
		t.walk(d, 0)
		t.findSources()
	}
}

// unruled returns the named directories whose ignore files could not all be read.
func (t *tree) unruled() (list []*dir) {
	for e := range t.named.kids.all() {
		if e.dir != nil && e.dir.top.rules.Failed() {
			list = append(list, e.dir)
		}
	}
	return list
}
