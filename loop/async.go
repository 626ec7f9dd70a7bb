package loop

import "sync/atomic"

// An Async fires when another goroutine wants it to.
type Async struct {
	Watcher
	sent    atomic.Bool
	deliver func() // what Send posts
}

// NewAsync makes an async watcher. What is to be told goes by way of the program's own data: fn
// learns only that Send was called, once or more.
func NewAsync(l *Loop, fn func()) *Async {
	a := &Async{Watcher: Watcher{loop: l, call: fn}}
	a.deliver = func() {
		if a.sent.Swap(false) && a.active {
			a.Feed()
		}
	}
	return a
}

// Start starts the watcher. What was sent before is forgotten.
func (a *Async) Start() {
	if a.start() {
		a.sent.Store(false)
	}
}

// Stop stops the watcher.
func (a *Async) Stop() { a.stop() }

// Send makes the watcher pending if it is active. Any goroutine may call it. Of several calls
// before the loop comes to it, the first alone costs anything.
func (a *Async) Send() {
	if a.sent.CompareAndSwap(false, true) {
		a.loop.Post(a.deliver)
	}
}
