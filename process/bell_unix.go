//go:build unix && !linux

package process

import "sync"

// A bell wakes the one thread that waits for it. The zero bell is ready for use.
type bell struct {
	once sync.Once
	rung chan struct{}
}

func (b *bell) init() { b.rung = make(chan struct{}, 1) }

// ring has wait return: the one that waits, or the next.
func (b *bell) ring() {
	b.once.Do(b.init)
	select {
	case b.rung <- struct{}{}:
	default: // it has been rung already
	}
}

// wait returns once it has been rung since the last time.
func (b *bell) wait() {
	b.once.Do(b.init)
	<-b.rung
}
