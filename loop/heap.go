package loop

// heap is a 4-ary heap of watchers ordered by due time, then by start order.
// The due time is kept beside the pointer, so that sifting touches no watcher
// but to tell it where it is. libev found four children to be faster than two,
// since a node's children share a cache line.
type heap[W any] struct {
	slots []slot[W]
	seq   uint32
}

type slot[W any] struct {
	at   int64
	node *node
	w    W
}

// node is a watcher's place in its heap.
type node struct {
	index int32  // 1 + its slot; 0: in no heap
	seq   uint32 // start order; wraps around
}

func (a slot[W]) before(b slot[W]) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return int32(a.node.seq-b.node.seq) < 0
}

func (h *heap[W]) len() int { return len(h.slots) }

// at returns when a watcher that is in the heap is due.
func (h *heap[W]) at(n *node) int64 { return h.slots[n.index-1].at }

// push adds a watcher behind those that are due at the same time.
func (h *heap[W]) push(at int64, n *node, w W) {
	h.seq++
	n.seq = h.seq
	h.slots = append(h.slots, slot[W]{at, n, w})
	h.up(len(h.slots) - 1)
}

// remove takes a watcher out. It must be in the heap.
func (h *heap[W]) remove(n *node) {
	i := int(n.index) - 1
	n.index = 0
	last := len(h.slots) - 1
	moved := h.slots[last]
	h.slots[last] = slot[W]{}
	h.slots = h.slots[:last]
	if i < last {
		h.slots[i] = moved
		h.fix(i)
	}
}

// move gives a watcher in the heap a new due time, behind those that have the
// same.
func (h *heap[W]) move(n *node, at int64) {
	h.seq++
	n.seq = h.seq
	i := int(n.index) - 1
	h.slots[i].at = at
	h.fix(i)
}

// retime gives every watcher a new due time, or drops it if it has none. Of the same
// due time the first started is still the first.
func (h *heap[W]) retime(due func(W) (at int64, ok bool)) {
	all := h.slots
	h.slots = all[:0]
	for _, s := range all {
		if at, ok := due(s.w); ok {
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
func (h *heap[W]) fix(i int) {
	if i > 0 && h.slots[i].before(h.slots[(i-1)/4]) {
		h.up(i)
	} else {
		h.down(i)
	}
}

func (h *heap[W]) up(i int) {
	s := h.slots[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !s.before(h.slots[parent]) {
			break
		}
		h.put(i, h.slots[parent])
		i = parent
	}
	h.put(i, s)
}

func (h *heap[W]) down(i int) {
	s := h.slots[i]
	for {
		first := 4*i + 1
		if first >= len(h.slots) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h.slots)); c++ {
			if h.slots[c].before(h.slots[least]) {
				least = c
			}
		}
		if !h.slots[least].before(s) {
			break
		}
		h.put(i, h.slots[least])
		i = least
	}
	h.put(i, s)
}

func (h *heap[W]) put(i int, s slot[W]) {
	h.slots[i] = s
	s.node.index = int32(i + 1)
}
