package loop

// pending holds the watchers whose functions are to be called: a queue for each priority.
type pending struct {
	queues    [priorities]queue
	count     int
	called    uint64
	coalesced uint64
}

// queue is first in, first out. A watcher that is cleared leaves a hole, so that the places of the
// others stay true.
type queue struct {
	watchers []*Watcher
	head     int
}

func (p *pending) queue(pri Priority) *queue { return &p.queues[pri-MinPriority] }

// feed appends w to its queue, unless it is in there already.
func (p *pending) feed(w *Watcher) {
	if w.place != 0 {
		p.coalesced++
		return
	}
	q := p.queue(w.priority)
	q.watchers = append(q.watchers, w)
	w.place = int32(len(q.watchers))
	p.count++
}

// clear takes w out of its queue.
func (p *pending) clear(w *Watcher) bool {
	if w.place == 0 {
		return false
	}
	p.queue(w.priority).watchers[w.place-1] = nil
	w.place = 0
	p.count--
	if p.count == 0 {
		p.forgetHoles()
	}
	return true
}

// forgetHoles empties the queues in which only holes are left. If nothing is ever called, nobody
// else does.
func (p *pending) forgetHoles() {
	for i := range p.queues {
		q := &p.queues[i]
		q.watchers, q.head = q.watchers[:0], 0
	}
}

// above reports whether anything is pending at a priority or above it.
func (p *pending) above(pri Priority) bool {
	if p.count == 0 {
		return false
	}
	for ; pri <= MaxPriority; pri++ {
		q := p.queue(pri)
		for _, w := range q.watchers[q.head:] {
			if w != nil {
				return true
			}
		}
	}
	return false
}

// invoke calls what is pending until nothing is. After each call it looks again from the highest
// priority down, since the call may have fed something there.
func (p *pending) invoke() {
	for p.count > 0 {
		w := p.next()
		w.place = 0
		p.count--
		p.called++
		if w.io {
			ioOf(w).invoke()
		} else {
			w.call()
		}
	}
}

// next takes the first watcher of the highest priority. There must be one.
func (p *pending) next() *Watcher {
	for i := len(p.queues) - 1; i >= 0; i-- {
		q := &p.queues[i]
		for q.head < len(q.watchers) {
			w := q.watchers[q.head]
			q.watchers[q.head] = nil
			q.head++
			if q.head == len(q.watchers) {
				q.watchers, q.head = q.watchers[:0], 0
			}
			if w != nil {
				return w
			}
		}
	}
	panic("loop: the count of pending watchers is wrong")
}
