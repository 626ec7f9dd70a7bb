package link

import "sync"

// inOrder runs functions one after the other, on a goroutine that lives while there are any.
type inOrder struct {
	mu      sync.Mutex
	waiting []func()
	running bool
}

// do has fn run after all that came before it; spawn begins a goroutine.
func (q *inOrder) do(spawn func(func()), fn func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, fn)
	if q.running {
		return
	}
	q.running = true
	spawn(func() {
		for {
			q.mu.Lock()
			if len(q.waiting) == 0 {
				q.running = false
				q.mu.Unlock()
				return
			}
			next := q.waiting[0]
			q.waiting = q.waiting[1:]
			q.mu.Unlock()
			next()
		}
	})
}
