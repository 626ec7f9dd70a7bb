package loop

// fdTable knows the watchers of each descriptor, and what the backend has been told of it. The two
// are made to agree once a turn.
type fdTable struct {
	fds     []fdState // by number
	changed []int32   // whose watchers came or went since
	known   int       // how many the backend has been told of
}

type fdState struct {
	first   *IO
	told    Ops
	changed bool
	renew   bool // make it known as if for the first time
}

func (t *fdTable) state(fd int32) *fdState {
	t.fds = reach(t.fds, int(fd))
	return &t.fds[fd]
}

// reach returns a table by descriptor that has a place for fd. It doubles: what append leaves
// behind on its way, growing by a quarter, is four times the table.
func reach[T any](table []T, fd int) []T {
	if fd < len(table) {
		return table
	}
	longer := make([]T, max(fd+1, 2*len(table)))
	copy(longer, table)
	return longer
}

func (t *fdTable) touch(fd int32) *fdState {
	s := t.state(fd)
	if !s.changed {
		s.changed = true
		t.changed = append(t.changed, fd)
	}
	return s
}

func (t *fdTable) add(w *IO) {
	if w.fd < 0 {
		w.fail()
		return
	}
	s := t.touch(w.fd)
	s.renew = s.renew || w.set
	w.set, w.next = false, nil
	at := &s.first
	for *at != nil {
		at = &(*at).next
	}
	*at = w
}

func (t *fdTable) remove(w *IO) {
	if w.fd < 0 {
		return
	}
	for at := &t.touch(w.fd).first; *at != nil; at = &(*at).next {
		if *at == w {
			*at, w.next = w.next, nil
			return
		}
	}
}

// reify tells the backend what has changed. What is killed on the way is listed as changed once
// more.
func (t *fdTable) reify(b Backend) {
	for i := 0; i < len(t.changed); i++ {
		t.reifyOne(b, t.changed[i])
	}
	t.changed = t.changed[:0]
}

func (t *fdTable) reifyOne(b Backend, fd int32) {
	s := t.state(fd)
	var want Ops
	for w := s.first; w != nil; w = w.next {
		want |= w.want
	}
	old := s.told
	if s.renew && want != 0 {
		old = 0
	}
	s.changed, s.renew = false, false
	if want != old {
		t.tell(b, fd, s, old, want)
	}
}

func (t *fdTable) tell(b Backend, fd int32, s *fdState, old, want Ops) {
	if s.told != 0 {
		t.known--
	}
	if s.told = want; want != 0 {
		t.known++
	}
	if err := b.Modify(int(fd), old, want); err != nil && want != 0 {
		t.kill(s)
	}
}

// kill stops the watchers of a descriptor that is not open any more, and tells them.
func (t *fdTable) kill(s *fdState) {
	if s.told != 0 {
		t.known--
	}
	s.told = 0
	for s.first != nil {
		s.first.fail()
	}
}

func (w *IO) fail() {
	w.Stop()
	w.got = Error
	w.Feed()
}

// feed makes pending who wants to know.
func (t *fdTable) feed(b Backend, r Ready) {
	if r.FD >= len(t.fds) {
		return
	}
	s := &t.fds[r.FD]
	if r.Ops&Error != 0 {
		_ = b.Modify(r.FD, s.told, 0)
		t.kill(s)
		return
	}
	for w := s.first; w != nil; w = w.next {
		if got := w.want & r.Ops; got != 0 {
			w.got |= got
			w.Feed()
		}
	}
}

// confirm asks the backend whether each descriptor is still what it was, and kills those that are
// not.
func (t *fdTable) confirm(b Backend) {
	for fd := range t.fds {
		if s := &t.fds[fd]; s.told != 0 && b.Modify(fd, s.told, s.told) != nil {
			_ = b.Modify(fd, s.told, 0)
			t.kill(s)
		}
	}
}
