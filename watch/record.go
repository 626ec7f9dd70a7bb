package watch

import (
	"github.com/evshell/ev/internal/durable"
	"github.com/evshell/ev/loop"
)

// A Record is a file in which a Watcher writes down what it has dealt with. A disk takes its time,
// and one that hangs is to stop nobody else: it is written beside the loop, one text after the
// other, and of those that replace the whole only the last of those that wait. While it is written,
// it holds a Ref of the loop.
type Record struct {
	loop  *loop.Loop
	file  *durable.File
	wrote func(error)
	now   *writing // under way; nil: nothing is
	next  *writing // what was asked for since then
}

// A writing is a text on its way to the file.
type writing struct {
	how  func(*durable.File, []byte) error
	text []byte
	then []func()
	done chan struct{} // closed when err is known
	err  error
}

// NewRecord makes a Record of a file, which is its own from now on. Wrote is called on the loop's
// goroutine with what has become of each text.
func NewRecord(l *loop.Loop, file *durable.File, wrote func(error)) *Record {
	return &Record{loop: l, file: file, wrote: wrote}
}

// Write replaces what is in the file, and a loss of power does not bring it back.
func (r *Record) Write(text []byte) { r.ask((*durable.File).Write, text) }

// Replace is Write, but for the loss of power.
func (r *Record) Replace(text []byte) { r.ask((*durable.File).Replace, text) }

// Append adds a few bytes at the end, as durable.File has it.
func (r *Record) Append(text []byte) {
	if r.next != nil {
		r.next.text = append(r.next.text, text...)
		return
	}
	r.ask((*durable.File).Append, text)
}

func (r *Record) ask(how func(*durable.File, []byte) error, text []byte) {
	w := &writing{how: how, text: text, done: make(chan struct{})}
	if r.next != nil {
		w.then = r.next.then
	}
	r.next = w
	r.begin()
}

func (r *Record) begin() {
	if r.now != nil || r.next == nil {
		return
	}
	w := r.next
	r.now, r.next = w, nil
	r.loop.Ref()
	go func() {
		w.err = w.how(r.file, w.text)
		close(w.done)
		r.loop.Post(func() {
			r.loop.Unref()
			if r.now == w { // otherwise Close has waited for it
				r.written()
			}
		})
	}()
}

func (r *Record) written() {
	w := r.now
	r.now = nil
	r.begin()
	r.wrote(w.err)
	for _, then := range w.then {
		then()
	}
}

// Wait has then called on the loop's goroutine once all that was asked for is written, or can't be:
// at once, if it is.
func (r *Record) Wait(then func()) {
	switch {
	case r.next != nil:
		r.next.then = append(r.next.then, then)
	case r.now != nil:
		r.now.then = append(r.now.then, then)
	default:
		then()
	}
}

// Settle waits, with the loop, until all is written: for a beginning and an end.
func (r *Record) Settle() {
	for r.now != nil {
		<-r.now.done
		r.written()
	}
}

// Close gives the file up to whoever wants it, once all is written.
func (r *Record) Close() {
	r.Settle()
	_ = r.file.Close()
}
