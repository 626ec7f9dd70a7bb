package link

import "sync/atomic"

// A glance is for what is shown to a person, or counted, who must not wait for it: to look at it has
// it asked for anew, one question at a time, and shows what the last answer was.
type glance struct{ asking atomic.Bool }

// look has ask called on a goroutine that spawn begins.
func (g *glance) look(spawn func(func()), ask func()) {
	if g.asking.CompareAndSwap(false, true) {
		spawn(func() {
			defer g.asking.Store(false)
			ask()
		})
	}
}
