package loop

// A Fed has no source of its own: it fires when the program feeds it, on the loop's goroutine. It
// is what a watcher is made of that collects its events elsewhere.
type Fed struct{ Watcher }

// NewFed makes a watcher that is only fed. Several calls of Feed before the loop comes to it are
// one call of fn.
func NewFed(l *Loop, fn func()) *Fed {
	return &Fed{Watcher{loop: l, call: fn}}
}

// Start starts the watcher: the loop goes on for it. One that was not started can be fed all the
// same.
func (f *Fed) Start() { f.start() }

// Stop stops the watcher.
func (f *Fed) Stop() { f.stop() }
