package loop

// heap is a 4-ary heap of watchers ordered by due time, then by start order.
// The due time is kept beside the pointer, so that sifting touches no watcher
// but to tell it where it is. libev found four children to be faster than two,
// since a node's children share a cache line.
type heap struct {
	slots []slot
	seq   uint32
}

type slot struct {
	at   int64
	node *node
}

// node is a watcher's place in its heap.
type node struct {
	index int32  // 1 + its slot; 0: in no heap
	seq   uint32 // start order; wraps around
}

func (a *slot) before(b *slot) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return int32(a.node.seq-b.node.seq) < 0
}

func (h *heap) len() int { return len(h.slots) }

// at returns when a watcher that is in the heap is due.
func (h *heap) at(n *node) int64 { return h.slots[n.index-1].at }

// push adds a watcher behind those that are due at the same time.
func (h *heap) push(at int64, n *node) {
	h.seq++
	n.seq = h.seq
	h.grow()
	h.slots = append(h.slots, slot{at, n})
	h.up(len(h.slots) - 1)
}

// grow makes room for one more slot, such that the children of each share a cache
// line: the first of them is the fourth of a line, the line being an allocation's.
func (h *heap) grow() {
	if n := len(h.slots); n == cap(h.slots) {
		slots := make([]slot, 3+n, 4*(n/3+2))
		copy(slots[3:], h.slots)
		h.slots = slots[3:]
	}
}

// remove takes a watcher out. It must be in the heap.
func (h *heap) remove(n *node) {
	i := int(n.index) - 1
	n.index = 0
	last := len(h.slots) - 1
	moved := h.slots[last]
	h.slots[last] = slot{}
	h.slots = h.slots[:last]
	if i < last {
		h.slots[i] = moved
		h.fix(i)
	}
}

// move gives a watcher in the heap a new due time, behind those that have the
// same.
func (h *heap) move(n *node, at int64) {
	h.seq++
	n.seq = h.seq
	i := int(n.index) - 1
	h.slots[i].at = at
	h.fix(i)
}

// retime gives every watcher a new due time, or drops it if it has none. Of the same
// due time the first started is still the first.
func (h *heap) retime(due func(*node) (at int64, ok bool)) {
	all := h.slots
	h.slots = all[:0]
	for _, s := range all {
		if at, ok := due(s.node); ok {
			s.at = at
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

// fix restores the order around slot i.
func (h *heap) fix(i int) {
	if i > 0 && h.slots[i].before(&h.slots[(i-1)/4]) {
		h.up(i)
	} else {
		h.down(i)
	}
}

func (h *heap) up(i int) {
	s := h.slots[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !s.before(&h.slots[parent]) {
			break
		}
		h.put(i, h.slots[parent])
		i = parent
	}
	h.put(i, s)
}

func (h *heap) down(i int) {
	slots := h.slots
	s := slots[i]
	for {
		first := 4*i + 1
		var least int
		if first+4 <= len(slots) {
			c := (*[4]slot)(slots[first:])
			// Mostly nothing is before what was put off: that is seen with no more than this.
			if s.at < c[0].at && s.at < c[1].at && s.at < c[2].at && s.at < c[3].at {
				break
			}
			a, b := 0, 2
			if c[1].before(&c[0]) {
				a = 1
			}
			if c[3].before(&c[2]) {
				b = 3
			}
			if c[b].before(&c[a]) {
				a = b
			}
			least = first + a
		} else {
			if first >= len(slots) {
				break
			}
			least = first
			for c := first + 1; c < len(slots); c++ {
				if slots[c].before(&slots[least]) {
					least = c
				}
			}
		}
		if !slots[least].before(&s) {
			break
		}
		h.put(i, slots[least])
		i = least
	}
	h.put(i, s)
}

func (h *heap) put(i int, s slot) {
	h.slots[i] = s
	s.node.index = int32(i + 1)
}
