package action

import (
	"bytes"
	"cmp"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/internal/width"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

const (
	// maxLine is how long a line of a command may be before it comes in pieces.
	maxLine = 1 << 20
	// maxDrain is what the largest pipe holds (pipe(7), pipe-max-size).
	maxDrain = 1 << 20
	readSize = 16 << 10
)

// A pump copies what a command writes into a pipe, or a terminal of its own, to an Output: with a
// prefix in whole lines, each with that before it; else as it comes. While the Output's reader is
// slow nothing is read, and the command waits in its turn.
type pump struct {
	command *command
	fd      int // -1: it has come to the end
	out     *Output
	prefix  string
	display *display // nil: it is a pipe
	io      *loop.IO
	rest    []byte // of a line whose end has not come
	waits   bool   // for the Output's reader
	tail    *tail
	log     *logFile
}

// newPumps makes the pumps for what a process writes, and has it have their other ends. Also with
// an error it returns those that there are.
func newPumps(c *command, sp *process.Spec, r *run) (pumps []*pump, err error) {
	add := func(fd int, out *Output, prefix string, d *display, end *os.File) {
		pumps = append(pumps, &pump{command: c, fd: fd, out: out, prefix: prefix, display: d, tail: r.tail, log: r.log})
		sp.Owned = append(sp.Owned, end)
	}
	if c.Terminal && c.Prefix != "" {
		fd, terminal, err := term.Open()
		if err == nil {
			add(fd, c.Stdout, c.Prefix, &display{}, terminal)
			sp.Files[1], sp.Files[2] = terminal, terminal
			pumps[0].resize()
			return pumps, nil
		}
		c.Report.Verbosef("%s: no terminal can be made for its output, which gets pipes: %v", c.name, err)
	}
	prefixes := [...]string{c.Prefix, cmp.Or(c.ErrPrefix, c.Prefix)}
	for i, out := range []*Output{c.Stdout, c.Stderr} {
		fd, w, err := cloexec.Pipe()
		if err != nil {
			return pumps, err
		}
		add(fd, out, prefixes[i], nil, w)
		sp.Files[1+i] = w
	}
	return pumps, nil
}

// resize has the command's terminal be as large as ev's, less what the prefix takes.
func (p *pump) resize() {
	if p.display == nil || p.fd < 0 {
		return
	}
	if columns, rows, ok := term.Size(p.out.fd); ok {
		_, prefix := new(display).line([]byte(p.prefix))
		_ = term.SetSize(p.fd, max(columns-width.String(string(prefix)), 1), rows)
	}
}

// start begins to copy. It does not keep the loop alive: the run does, and what the command left
// behind with its pipe open is not waited for.
func (p *pump) start(l *loop.Loop) {
	p.io = loop.NewIO(l, p.fd, loop.Read, func(loop.Ops) { p.copy() })
	p.io.KeepAlive(false)
	p.io.Start()
}

// copy copies a piece, and returns how much that was: 0 is all that there is for now.
func (p *pump) copy() int {
	var buf [readSize]byte
	n, err := unix.Read(p.fd, buf[:])
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(p.fd, buf[:])
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0
	case n <= 0:
		p.flush()
		_ = p.io.Close()
		p.fd = -1
		return 0
	}
	if p.display == nil {
		p.keep(buf[:n])
	}
	if p.prefix == "" {
		p.out.write(buf[:n])
	} else {
		p.write(buf[:n])
	}
	if p.out.busy && !p.waits {
		p.waits = true
		p.io.Stop()
		p.out.onDrain(p.resume)
	}
	return n
}

// keep has what was written remembered, as far as it is to be.
func (p *pump) keep(b []byte) {
	p.tail.add(b)
	p.log.write(b)
}

func (p *pump) resume() {
	p.waits = false
	if errors.Is(p.out.err, errNotRead) && !p.command.lost {
		p.command.lost = true
		p.command.Report.Errorf("%s: %v: what it wrote is lost", p.command.name, p.out.err)
	}
	if p.fd >= 0 {
		p.io.Start()
	}
}

// write passes on the lines that b ends, in one record.
func (p *pump) write(b []byte) {
	end := 0
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		end = len(p.rest) + i + 1
	}
	p.rest = append(p.rest, b...)
	if end == 0 && len(p.rest) >= maxLine {
		p.rest = append(p.rest, '\n')
		end = len(p.rest)
	}
	if end == 0 {
		return
	}
	var record []byte
	for line := range bytes.Lines(p.rest[:end]) {
		record = append(record, p.prefix...)
		if p.display == nil {
			record = append(record, line...)
			continue
		}
		shown, plain := p.display.line(line[:len(line)-1])
		record = append(append(record, shown...), '\n')
		p.keep(append(plain, '\n'))
	}
	p.out.write(record)
	if p.rest = append(p.rest[:0], p.rest[end:]...); len(p.rest) == 0 && cap(p.rest) > 4*readSize {
		p.rest = nil // a long line is rare
	}
}

// flush passes on a line that has no end.
func (p *pump) flush() {
	if len(p.rest) > 0 {
		p.write([]byte{'\n'})
	}
}

// drain passes on what is in the pipe when the command has ended, but not for ever: others may have
// the pipe as well, and go on to write.
func (p *pump) drain() {
	for left := maxDrain; left > 0 && p.fd >= 0; {
		n := p.copy()
		if n == 0 {
			break
		}
		left -= n
	}
	p.flush()
}
