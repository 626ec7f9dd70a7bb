package action

// A tail is the last of what a run has written, to both of its outputs.
type tail struct {
	most int
	text []byte // at most twice as much
}

// newTail makes one of at most so many bytes; nil if that is none.
func newTail(most int) *tail {
	if most == 0 {
		return nil
	}
	return &tail{most: most}
}

// add takes what has been written. Nil takes nothing.
func (t *tail) add(b []byte) {
	if t == nil {
		return
	}
	t.text = append(t.text, b[max(len(b)-t.most, 0):]...)
	if len(t.text) > 2*t.most {
		t.text = append(t.text[:0], t.text[len(t.text)-t.most:]...)
	}
}

// String returns it.
func (t *tail) String() string {
	if t == nil {
		return ""
	}
	return string(t.text[max(len(t.text)-t.most, 0):])
}
