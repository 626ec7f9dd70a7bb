package loop

import "fmt"

// Verify checks that the loop's structures agree with each other, and returns the first thing that
// does not. It is for tests, between turns; it looks at everything.
func (l *Loop) Verify() error {
	if err := l.pending.verify(); err != nil {
		return err
	}
	if err := l.timers.verify("timer", func(n *node) *Watcher { return &timerOf(n).Watcher }); err != nil {
		return err
	}
	if err := l.periodics.verify("periodic", func(n *node) *Watcher { return &periodicOf(n).Watcher }); err != nil {
		return err
	}
	return l.fds.verify()
}

func (p *pending) verify() error {
	count := 0
	for i := range p.queues {
		q := &p.queues[i]
		for at, w := range q.watchers {
			switch {
			case w == nil:
				continue
			case at < q.head:
				return fmt.Errorf("a watcher at %d is before the head of its queue, %d", at, q.head)
			case int(w.place) != at+1:
				return fmt.Errorf("a watcher at %d of its queue says that it is at %d", at, w.place-1)
			case p.queue(w.priority) != q:
				return fmt.Errorf("a watcher of priority %d is in queue %d", w.priority, i)
			}
			count++
		}
	}
	if count != p.count {
		return fmt.Errorf("%d watchers are pending, the count says %d", count, p.count)
	}
	return nil
}

func (h *heap) verify(kind string, watcher func(*node) *Watcher) error {
	for i, s := range h.slots {
		switch at := s.node.index; {
		case int(at) != i+1:
			return fmt.Errorf("%s %d says that it is at %d", kind, i, at-1)
		case !watcher(s.node).active:
			return fmt.Errorf("%s %d is in the heap and not active", kind, i)
		case s.at > s.node.at:
			return fmt.Errorf("%s %d is due before its slot", kind, i)
		case i > 0 && s.at < h.slots[(i-1)/4].at:
			return fmt.Errorf("%s %d is before its parent", kind, i)
		}
	}
	return nil
}

func (t *fdTable) verify() error {
	known := 0
	changed := make(map[int32]bool, len(t.changed))
	for _, fd := range t.changed {
		changed[fd] = true
	}
	for fd := range t.fds {
		s := &t.fds[fd]
		if s.told != 0 {
			known++
		}
		if s.changed != changed[int32(fd)] {
			return fmt.Errorf("descriptor %d is marked as changed: %v; listed: %v", fd, s.changed, !s.changed)
		}
		var want Ops
		for w := s.first; w != nil; w = w.next {
			want |= w.want
			if !w.active || int(w.fd) != fd {
				return fmt.Errorf("descriptor %d has a watcher of %d, active: %v", fd, w.fd, w.active)
			}
		}
		if !s.changed && want != s.told {
			return fmt.Errorf("descriptor %d: wanted is %v, the backend was told %v", fd, want, s.told)
		}
	}
	if known != t.known {
		return fmt.Errorf("%d descriptors are known, the count says %d", known, t.known)
	}
	return nil
}
