package loop

import (
	"sync"
	"sync/atomic"
)

// inbox is the one door for other goroutines.
type inbox struct {
	mu      sync.Mutex
	posted  []func()
	spare   []func()
	waiting atomic.Bool // the loop waits, or is about to
	called  uint64      // by the loop
}

// Post has fn called on the loop's goroutine, in the turn under way or the next one, in the order
// of the calls. Any goroutine may call it, at any time; what is posted to a loop that runs no more
// is not called. It does not keep Run from returning: what must be waited for holds a [Loop.Ref].
func (l *Loop) Post(fn func()) {
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	l.inbox.posted = append(l.inbox.posted, fn)
	// The loop says that it waits before it looks for posts, and posts are there before it is asked
	// whether it waits: one of the two sees the other. The backend can't be closed in between, for
	// Close needs the lock.
	if len(l.inbox.posted) == 1 && l.inbox.waiting.Load() {
		_ = l.backend.Wake()
	}
}

// empty reports whether nothing has been posted.
func (in *inbox) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.posted) == 0
}

// run calls what has been posted, but not what that posts in turn.
func (in *inbox) run() {
	in.mu.Lock()
	fns := in.posted
	in.posted, in.spare = in.spare[:0], nil
	in.mu.Unlock()
	for i, fn := range fns {
		fns[i] = nil
		in.called++
		fn()
	}
	in.spare = fns[:0]
}
