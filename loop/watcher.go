package loop

// A Priority orders what is pending in one turn: the highest is called first.
type Priority int8

// The priorities. Others are taken for the nearest of them.
const (
	MinPriority Priority = -2
	MaxPriority Priority = 2

	priorities = int(MaxPriority-MinPriority) + 1
)

// A Watcher is what all types of watchers have in common. It is made by their constructors only.
type Watcher struct {
	loop     *Loop
	call     func()
	place    int32 // 1 + its index in the queue of its priority; 0: not pending
	priority Priority
	active   bool
	loose    bool // does not keep Run from returning
	io       bool // the beginning of an IO, which is called without call
}

// Active reports whether the watcher is started and not stopped.
func (w *Watcher) Active() bool { return w.active }

// Pending reports whether an event was seen that the function has not been called for.
func (w *Watcher) Pending() bool { return w.place != 0 }

// Priority returns the watcher's priority, 0 if none was set.
func (w *Watcher) Priority() Priority { return w.priority }

// SetPriority sets the priority. A pending watcher goes to the end of its new queue.
func (w *Watcher) SetPriority(p Priority) {
	pending := w.ClearPending()
	w.priority = min(max(p, MinPriority), MaxPriority)
	if pending {
		w.Feed()
	}
}

// Feed makes the watcher pending, as if its event had come. It need not be active.
func (w *Watcher) Feed() { w.loop.pending.feed(w) }

// ClearPending makes the watcher not pending, and reports whether it was.
func (w *Watcher) ClearPending() bool { return w.loop.pending.clear(w) }

// KeepAlive says whether the watcher, while it is active, keeps Run from returning. It does if
// nothing else was said.
func (w *Watcher) KeepAlive(keep bool) {
	if w.loose == !keep {
		return
	}
	w.loose = !keep
	if !w.active {
		return
	}
	if keep {
		w.loop.Ref()
	} else {
		w.loop.Unref()
	}
}

// start makes the watcher active, and reports whether it was not.
func (w *Watcher) start() bool {
	if w.active {
		return false
	}
	w.active = true
	if !w.loose {
		w.loop.Ref()
	}
	return true
}

// stop makes the watcher neither active nor pending, and reports whether it was active.
func (w *Watcher) stop() bool {
	w.ClearPending()
	return w.expire()
}

// expire makes the watcher inactive, but leaves it pending.
func (w *Watcher) expire() bool {
	if !w.active {
		return false
	}
	w.active = false
	if !w.loose {
		w.loop.Unref()
	}
	return true
}
