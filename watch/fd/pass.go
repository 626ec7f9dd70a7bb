package fd

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// PassOptions say what a Pass reads, and where to it copies that.
type PassOptions struct {
	In        int
	Out       int          // -1: nowhere
	Inherited map[int]bool // the descriptors that ev was started with: see [Inherited]
	Report    *report.Reporter
}

// A Pass is the activity on a descriptor. It reads that to its end, for else it would be ready for
// ever, and copies all of it to another one, if there is one. Each chunk is an event, and so is the
// end.
//
// No more is read than can be written: whoever writes to a pipe waits as if it were the reader's
// own. The loop never does, though no descriptor is made non-blocking, since others share them.
//
// When the reader of what is written has gone, the Pass stands still: to end ev then is for who
// watches the output.
type Pass struct {
	loop     *loop.Loop
	options  PassOptions
	emit     watch.Emit
	in       Input
	readable *loop.IO
	writable *loop.IO // what splice waits for
	chunk    []byte   // nil: splice does without
	active   bool
	failed   bool // an error has ended it
	writing  bool // a goroutine writes the chunk
}

// NewPass makes the activity on a descriptor.
func NewPass(l *loop.Loop, o PassOptions, emit watch.Emit) *Pass {
	p := &Pass{loop: l, options: o, emit: emit, in: NewInput(o.In)}
	p.readable = loop.NewIO(l, o.In, loop.Read, p.ready)
	p.writable = loop.NewIO(l, o.Out, loop.Write, func(loop.Ops) {
		p.writable.Stop()
		p.readable.Start()
	})
	return p
}

// Start begins to read. The error is that there is nothing to read from.
func (p *Pass) Start() error {
	if p.active {
		return nil
	}
	fd := p.options.In
	mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || !p.options.Inherited[fd] {
		return fmt.Errorf("descriptor %d is not open: open it in the shell, as in %[1]d<FILE", fd)
	}
	if mode&unix.O_ACCMODE == unix.O_WRONLY {
		return fmt.Errorf("descriptor %d is open for writing only: activity is what can be read", fd)
	}
	if p.chunk == nil && !p.splices() {
		p.chunk = make([]byte, chunkSize)
	}
	p.active = true
	p.loop.Ref()
	if !p.writing {
		p.readable.Start()
	}
	return nil
}

// splices reports whether the kernel can move the data by itself.
func (p *Pass) splices() bool {
	return p.options.Out >= 0 && p.in.kind == unix.S_IFIFO && NewInput(p.options.Out).kind == unix.S_IFIFO
}

// Stop ends it. What has been read is still written.
func (p *Pass) Stop() {
	p.readable.Stop()
	p.writable.Stop()
	if p.active {
		p.active = false
		p.loop.Unref()
	}
}

// Active reports whether the end has not come.
func (p *Pass) Active() bool { return p.active }

// Failed reports whether the end was an error, and not that of the file.
func (p *Pass) Failed() bool { return p.failed }

// ready moves what is there.
func (p *Pass) ready(got loop.Ops) {
	if got&loop.Error != 0 {
		p.end(errors.New("it has been closed"))
		return
	}
	n, err := p.move()
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case errors.Is(err, unix.EPIPE):
		p.readable.Stop()
	case err != nil || n == 0:
		p.end(err)
	default:
		p.tell("read")
	}
}

// move reads once, and has it written.
func (p *Pass) move() (n int, err error) {
	if p.chunk == nil {
		n, err = splice(p.in.fd, p.options.Out)
		switch {
		case errors.Is(err, unix.EAGAIN) && fdio.Poll(p.options.Out, unix.POLLOUT) == 0:
			p.readable.Stop()
			p.writable.Start()
		case errors.Is(err, unix.EINVAL), errors.Is(err, errors.ErrUnsupported):
			p.chunk = make([]byte, chunkSize)
			return p.move()
		}
		return n, err
	}
	n, err = p.in.Read(p.chunk)
	if n > 0 && p.options.Out >= 0 {
		p.write(p.chunk[:n])
	}
	return n, err
}

// write waits in write(2) on a goroutine, and nothing is read meanwhile.
func (p *Pass) write(b []byte) {
	p.writing = true
	p.readable.Stop()
	p.loop.Ref()
	go func() {
		err := fdio.WriteAll(p.options.Out, b)
		p.loop.Post(func() {
			p.loop.Unref()
			p.writing = false
			switch {
			case !p.active || errors.Is(err, unix.EPIPE):
			case err != nil:
				p.end(fmt.Errorf("what it gave can't be written: %w", err))
			default:
				p.readable.Start()
			}
		})
	}()
}

// end is the end of file, or an error.
func (p *Pass) end(err error) {
	if err != nil {
		p.failed = true
		p.options.Report.Errorf("descriptor %d: %v: it is not watched any more", p.in.fd, err)
	}
	p.Stop()
	p.in.Close()
	p.tell("eof")
}

func (p *Pass) tell(what string) {
	p.emit(event.FD{Source: "fd:" + strconv.Itoa(p.in.fd), Num: p.in.fd, Ready: []string{what}})
}
