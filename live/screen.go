package live

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/internal/width"
	"github.com/evshell/ev/loop"
)

// A screen is the last lines of the terminal, which are drawn anew in their place. It
// never waits for the terminal, which may be stopped (Ctrl-S): a picture is drawn when
// the one before has gone out.
type screen struct {
	fd     int // of the terminal, opened for this alone: it does not block
	io     *loop.IO
	unsent []byte
	drawn  []string // what stands there
}

// Sequences of ECMA-48 and of the VT100 (DECAWM).
const (
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
)

// openScreen opens the terminal that ev runs on.
func openScreen(l *loop.Loop) (*screen, error) {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("/dev/tty", err)
	}
	s := &screen{fd: fd}
	s.io = loop.NewIO(l, fd, loop.Write, func(loop.Ops) { s.flush() })
	s.io.KeepAlive(false)
	return s, nil
}

// size returns the terminal's, or what is usual.
func (s *screen) size() (columns, rows int) {
	if columns, rows, ok := term.Size(s.fd); ok {
		return columns, rows
	}
	return 80, 24
}

// draw shows lines in the place of those shown before.
func (s *screen) draw(lines []string) {
	if len(s.unsent) > 0 {
		return
	}
	s.send(s.back() + wrapOff + strings.Join(lines, eraseLine+"\r\n") + eraseLine + eraseBelow + wrapOn)
	s.drawn = lines
}

// erase makes room for what others write.
func (s *screen) erase() {
	if s.drawn != nil {
		s.send(s.back() + eraseBelow)
		s.drawn = nil
	}
}

// back moves to where the drawing begins. If the terminal has become narrower, it has
// broken the lines that don't fit any more.
func (s *screen) back() string {
	columns, _ := s.size()
	up := -1
	for _, line := range s.drawn {
		up += max((visible(line)+columns-1)/columns, 1)
	}
	if up < 1 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", up)
}

// visible is how many columns a line takes, without its colours.
func visible(line string) int {
	n := 0
	for line != "" {
		before, rest, styled := strings.Cut(line, "\x1b[")
		n += width.String(before)
		if !styled {
			break
		}
		_, line, _ = strings.Cut(rest, "m")
	}
	return n
}

func (s *screen) send(text string) {
	s.unsent = append(s.unsent, text...)
	s.flush()
}

func (s *screen) flush() {
	n, err := unix.Write(s.fd, s.unsent)
	s.unsent = s.unsent[max(n, 0):]
	if len(s.unsent) > 0 && (err == nil || err == unix.EAGAIN || err == unix.EINTR) {
		s.io.Start()
		return
	}
	s.unsent = nil // all of it is written, or the terminal has gone
	s.io.Stop()
}

func (s *screen) close() {
	_ = s.io.Close()
}
