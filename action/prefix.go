package action

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"

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

// A pump copies what a command writes into a pipe to an Output: with a prefix in whole lines, each
// with that before it; else as it comes. While the Output's reader is slow nothing is read, and the
// command waits in its turn.
type pump struct {
	command *command
	fd      int // -1: it has come to the end
	out     *Output
	prefix  string
	io      *loop.IO
	rest    []byte // of a line whose end has not come
	waits   bool   // for the Output's reader
	tail    *tail
	log     *logFile
}

// newPump makes a pump for a pipe, and returns the end that is the command's.
func newPump(c *command, out *Output, prefix string, r *run) (*pump, *os.File, error) {
	fd, w, err := process.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &pump{command: c, fd: fd, out: out, prefix: prefix, tail: r.tail, log: r.log}, w, nil
}

// start begins to copy. It does not keep the loop alive: the run does, and what the command left
// behind with its pipe open is not waited for.
func (p *pump) start(l *loop.Loop) {
	p.io = loop.NewIO(l, p.fd, loop.Read, func(loop.Ops) { p.copy() })
	p.io.KeepAlive(false)
	p.io.Start()
}

// copy copies a piece, and reports whether there may be more.
func (p *pump) copy() bool {
	var buf [readSize]byte
	n, err := unix.Read(p.fd, buf[:])
	switch {
	case errors.Is(err, unix.EINTR):
		return true
	case errors.Is(err, unix.EAGAIN):
		return false
	case n <= 0:
		p.flush()
		_ = p.io.Close()
		p.fd = -1
		return false
	}
	p.tail.add(buf[:n])
	p.log.write(buf[:n])
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
	return true
}

func (p *pump) resume() {
	p.waits = false
	if errors.Is(p.out.err, errNotRead) {
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
		record = append(append(record, p.prefix...), line...)
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
	for range maxDrain / readSize {
		if p.fd < 0 || !p.copy() {
			break
		}
	}
	p.flush()
}
