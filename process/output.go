package process

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/loop"
)

// An output is what a process writes to its standard output.
type output struct {
	loop    *loop.Loop
	most    int
	fd      int // -1: nothing more is read
	io      *loop.IO
	text    []byte
	process *Process // nil: it starts, or there is none
	killed  bool
}

// Output starts a process, and calls done on the loop's goroutine when it has ended, with what it
// has written to its standard output. That is cut off once it has more than most bytes; what the
// process writes then, it writes to nobody. The Err of the Wait is also why there was no process.
// Kill ends it early.
func (s *Starter) Output(l *loop.Loop, sp Spec, most int, done func([]byte, Wait)) (kill func()) {
	o := &output{loop: l, most: most, fd: -1}
	sp.Prepare = func(sp *Spec) error {
		r, w, err := cloexec.Pipe()
		if err != nil {
			return err
		}
		o.fd, sp.Files[1], sp.Owned = r, w, []*os.File{w}
		return nil
	}
	s.Start(l, sp, func(p *Process, err error) {
		if err != nil {
			o.close()
			done(nil, Wait{Err: err})
			return
		}
		o.started(p)
	}, func(w Wait) {
		for o.read() { // but not what another writes who has the pipe, for as long as he does
		}
		o.close()
		done(o.text, w)
	})
	return o.kill
}

func (o *output) started(p *Process) {
	o.process = p
	o.io = loop.NewIO(o.loop, o.fd, loop.Read, func(loop.Ops) { o.read() })
	o.io.Start()
	if o.killed {
		p.Kill()
	}
}

// read reads a piece, and reports whether there may be more.
func (o *output) read() bool {
	if o.fd < 0 {
		return false
	}
	var buf [4 << 10]byte
	n, err := unix.Read(o.fd, buf[:])
	switch {
	case errors.Is(err, unix.EINTR):
		return true
	case errors.Is(err, unix.EAGAIN):
		return false
	}
	o.text = append(o.text, buf[:max(n, 0)]...)
	if n <= 0 || len(o.text) > o.most {
		o.close()
		return false
	}
	return true
}

func (o *output) close() {
	switch {
	case o.fd < 0:
		return
	case o.io == nil:
		_ = unix.Close(o.fd)
	default:
		_ = o.io.Close()
	}
	o.fd = -1
}

func (o *output) kill() {
	o.killed = true
	if o.process != nil {
		o.process.Kill()
	}
}

// OnItsOwn has a loop and a Starter for what do starts, and returns when that has ended.
func OnItsOwn(do func(*loop.Loop, *Starter)) error {
	l, err := loop.New()
	if err != nil {
		return err
	}
	defer l.Close()
	var s Starter
	defer s.Close()
	do(l, &s)
	return l.Run(context.Background(), loop.RunDefault)
}
