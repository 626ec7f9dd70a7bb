package loop

// heap is a 4-ary heap of watchers by due time. That is kept beside the pointer, so that sifting
// touches no watcher but to tell it where it is. libev found four children to be faster than two,
// since a node's children share a cache line.
//
// A watcher that is put off stays where it is, in a slot that is early now, and settles once that
// comes to the top. So a timeout that activity puts off a thousand times is moved once.
type heap struct {
	slots []slot
	seq   uint32
	taken []slot // take's own
}

type slot struct {
	at   int64 // the node's, or earlier
	node *node
}

// node is a watcher's place in its heap.
type node struct {
	at    int64  // when it is due
	index int32  // 1 + its slot; 0: in no heap
	seq   uint32 // the order in which due times were set; wraps around
}

func (h *heap) len() int { return len(h.slots) }

// first returns when the first watcher is due. There must be one.
func (h *heap) first() int64 {
	for h.settle(0) {
	}
	return h.slots[0].at
}

// settle moves the watcher in slot i to where it belongs, if it was put off, and reports whether it
// was.
func (h *heap) settle(i int) bool {
	s := &h.slots[i]
	if s.at == s.node.at {
		return false
	}
	s.at = s.node.at
	h.down(i)
	return true
}

// push adds a watcher.
func (h *heap) push(n *node, at int64) {
	h.seq++
	n.at, n.seq = at, h.seq
	h.grow()
	h.slots = append(h.slots, slot{at, n})
	h.up(len(h.slots) - 1)
}

// grow makes room for one more slot, such that the children of each share a cache line: the first
// of them is the fourth of a line, the line being an allocation's.
func (h *heap) grow() {
	if n := len(h.slots); n == cap(h.slots) {
		slots := make([]slot, 3+n, 2*n+8)
		copy(slots[3:], h.slots)
		h.slots = slots[3:]
	}
}

// move gives a watcher in the heap a new due time. To put one off touches nothing else, and is
// inlined: of many, the processor then fetches several at once.
func (h *heap) move(n *node, at int64) {
	h.seq++
	n.seq = h.seq
	if at < n.at {
		h.advance(n, at)
	}
	n.at = at
}

// advance moves a watcher up to where it belongs. Its slot may be early enough.
func (h *heap) advance(n *node, at int64) {
	if i := int(n.index) - 1; at < h.slots[i].at {
		h.slots[i].at = at
		h.up(i)
	}
}

// remove takes a watcher out. It must be in the heap.
func (h *heap) remove(n *node) {
	i := int(n.index) - 1
	h.cut(i)
	if i < len(h.slots) {
		h.up(i)
	}
}

// cut fills slot i with the last one, and puts it in order with what is below.
func (h *heap) cut(i int) {
	last := len(h.slots) - 1
	h.slots[i].node.index = 0
	h.slots[i], h.slots[last] = h.slots[last], slot{}
	h.slots = h.slots[:last]
	if i < last {
		h.down(i)
	}
}

// take removes the watchers that are due, and then calls each for them: the earliest first, of the
// same due time the first that was set. What each pushes is left for the next time.
func (h *heap) take(now int64, each func(*node)) {
	h.collect(0, now)
	sortSlots(h.taken)
	for i := range h.taken {
		n := h.taken[i].node
		h.taken[i] = slot{}
		each(n)
	}
	h.taken = h.taken[:0]
}

// collect removes those due in slot i and below, in no order: to sort many of them is faster than
// to sift after each.
func (h *heap) collect(i int, now int64) {
	if i >= len(h.slots) || h.slots[i].at > now {
		return
	}
	for c := 4*i + 1; c <= 4*i+4; c++ {
		h.collect(c, now)
	}
	// What a cut fills the slot with may be due as well.
	for i < len(h.slots) && h.slots[i].at <= now {
		if !h.settle(i) {
			h.taken = append(h.taken, h.slots[i])
			h.cut(i)
		}
	}
}

// retime gives every watcher a new due time, or drops it if it has none. Of the same due time the
// first that was set is still the first.
func (h *heap) retime(due func(*node) (at int64, ok bool)) {
	all := h.slots
	h.slots = all[:0]
	for _, s := range all {
		if at, ok := due(s.node); ok {
			s.at, s.node.at = at, at
			h.slots = append(h.slots, s)
		} else {
			s.node.index = 0
		}
	}
	clear(all[len(h.slots):])
	for i := range h.slots {
		h.up(i)
	}
}

func (h *heap) up(i int) {
	s := h.slots[i]
	for i > 0 {
		parent := (i - 1) / 4
		if h.slots[parent].at <= s.at {
			break
		}
		h.put(i, h.slots[parent])
		i = parent
	}
	h.put(i, s)
}

func (h *heap) down(i int) {
	s := h.slots[i]
	for first := 4*i + 1; first < len(h.slots); first = 4*i + 1 {
		least := first
		for c := first + 1; c < min(first+4, len(h.slots)); c++ {
			if h.slots[c].at < h.slots[least].at {
				least = c
			}
		}
		if s.at <= h.slots[least].at {
			break
		}
		h.put(i, h.slots[least])
		i = least
	}
	h.put(i, s)
}

func (h *heap) put(i int, s slot) {
	h.slots[i] = s
	s.node.index = int32(i + 1)
}
