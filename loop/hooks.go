package loop

import "slices"

// hooks are the watchers of one type that the turn itself calls for, in start order.
type hooks []*Watcher

func (h *hooks) add(w *Watcher) {
	if w.start() {
		*h = append(*h, w)
	}
}

func (h *hooks) remove(w *Watcher) {
	if w.stop() {
		i := slices.Index(*h, w)
		*h = slices.Delete(*h, i, i+1)
	}
}

func (h hooks) feed() {
	for _, w := range h {
		w.Feed()
	}
}

// A Prepare fires in each turn before the loop waits. What it starts and feeds still counts for
// that wait.
type Prepare struct{ Watcher }

// NewPrepare makes a prepare watcher.
func NewPrepare(l *Loop, fn func()) *Prepare {
	return &Prepare{Watcher{loop: l, call: fn}}
}

// Start starts the watcher.
func (p *Prepare) Start() { p.loop.prepares.add(&p.Watcher) }

// Stop stops the watcher.
func (p *Prepare) Stop() { p.loop.prepares.remove(&p.Watcher) }

// A Check fires in each turn after the loop has waited, before all others of its priority.
type Check struct{ Watcher }

// NewCheck makes a check watcher.
func NewCheck(l *Loop, fn func()) *Check {
	return &Check{Watcher{loop: l, call: fn}}
}

// Start starts the watcher.
func (c *Check) Start() { c.loop.checks.add(&c.Watcher) }

// Stop stops the watcher.
func (c *Check) Stop() { c.loop.checks.remove(&c.Watcher) }

// An Idle fires in each turn in which nothing else is pending at its priority or above. While one
// is active the loop does not wait. Of several, those of the highest priority fire alone.
type Idle struct{ Watcher }

// NewIdle makes an idle watcher.
func NewIdle(l *Loop, fn func()) *Idle {
	return &Idle{Watcher{loop: l, call: fn}}
}

// Start starts the watcher.
func (i *Idle) Start() { i.loop.idles.add(&i.Watcher) }

// Stop stops the watcher.
func (i *Idle) Stop() { i.loop.idles.remove(&i.Watcher) }

// feedIdles feeds the idle watchers of the highest priority that has any, if nothing there or above
// is pending.
func (l *Loop) feedIdles() {
	if len(l.idles) == 0 {
		return
	}
	top := MinPriority
	for _, w := range l.idles {
		top = max(top, w.priority)
	}
	if l.pending.above(top) {
		return
	}
	for _, w := range l.idles {
		if w.priority == top {
			w.Feed()
		}
	}
}
