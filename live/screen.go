package live

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/internal/width"
	"github.com/evshell/ev/loop"
)

// A screen is the last lines of the terminal that ev runs on, which are drawn anew in their place,
// and its keys.
//
// It draws and reads in the foreground only, so that what follows in the shell is left alone, and
// leaves the terminal to a command that has it. For that it looks once a second: no signal tells.
// It never waits for the terminal, which may be stopped (Ctrl-S): a picture is drawn when the one
// before has gone out.
type screen struct {
	scene    scene
	loop     *loop.Loop
	fd       int // of the terminal, opened for this alone: it does not block
	out      *loop.IO
	keys     *loop.IO
	keyboard *term.Keyboard
	tick     *loop.Timer
	unsent   []byte
	lines    []string  // what stands there
	drawn    time.Time // or looked at
}

// A scene is what a screen shows.
type scene interface {
	// picture returns the lines that are to stand there, at least one, and when they may be others.
	// None is for a terminal that is somebody else's.
	picture(columns, rows int) (lines []string, next time.Duration)
	// press takes a key. An arrow is the letter that moves as it does.
	press(key byte)
}

const (
	// frameRate is how often a picture is drawn at most.
	frameRate = 20
	// lookEvery is how often it is looked who has the terminal.
	lookEvery = time.Second
)

// Sequences of ECMA-48 and of the VT100 (DECAWM).
const (
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
)

// openScreen opens the terminal that ev runs on. Nothing is drawn before redraw.
func openScreen(l *loop.Loop, shown scene) (*screen, error) {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("/dev/tty", err)
	}
	s := &screen{scene: shown, loop: l, fd: fd, keyboard: term.NewKeyboard(fd)}
	s.out = loop.NewIO(l, fd, loop.Write, func(loop.Ops) { s.flush() })
	s.keys = loop.NewIO(l, fd, loop.Read, func(loop.Ops) { s.read() })
	s.tick = loop.NewTimer(l, 0, 0, s.update)
	s.out.KeepAlive(false)
	s.keys.KeepAlive(false)
	s.tick.KeepAlive(false)
	return s, nil
}

// close gives the terminal back as it was.
func (s *screen) close() {
	s.tick.Stop()
	s.release()
	s.keyboard.Close()
	_ = s.out.Close()
}

// release removes the picture and no longer reads keys.
func (s *screen) release() {
	s.keys.Stop()
	if term.Foreground(s.fd) { // else the shell has the terminal, and has set it up
		s.erase()
		s.keyboard.Release()
	}
}

// redraw has the picture drawn after this time, and not before.
func (s *screen) redraw(after time.Duration) {
	s.tick.Stop()
	s.tick.Set(after, 0)
	s.tick.Start()
}

// soon is redraw, but for many calls a picture is drawn now and then.
func (s *screen) soon() { s.redraw(max(time.Second/frameRate-s.loop.Now().Sub(s.drawn), 0)) }

// update draws the picture, if the terminal is ours, and sees to it that it stays true.
func (s *screen) update() {
	next := lookEvery
	if term.Foreground(s.fd) {
		columns, rows := s.size()
		if lines, change := s.scene.picture(columns, rows); lines == nil {
			s.release()
		} else {
			if !s.keys.Active() && s.keyboard.Grab() {
				s.keys.Start()
			}
			s.draw(lines)
			next = min(change, next)
		}
	} else {
		s.keys.Stop()
	}
	s.drawn = s.loop.Now()
	s.redraw(next)
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
	s.lines = lines
}

// erase makes room for what others write.
func (s *screen) erase() {
	if s.lines != nil {
		s.send(s.back() + eraseBelow)
		s.lines = nil
	}
}

// back moves to where the drawing begins. If the terminal has become narrower, it has broken the
// lines that don't fit any more.
func (s *screen) back() string {
	columns, _ := s.size()
	up := -1
	for _, line := range s.lines {
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
		s.out.Start()
		return
	}
	s.unsent = nil // all of it is written, or the terminal has gone
	s.out.Stop()
}

// read takes the keys that were pressed. Ctrl-Z comes as one, for the terminal to be given back
// first.
func (s *screen) read() {
	var b [64]byte
	n, err := unix.Read(s.fd, b[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case n <= 0:
		s.keys.Stop()
		return
	}
	for i := 0; i < n; i++ {
		key := b[i]
		if key == '\x1b' && i+2 < n && (b[i+1] == '[' || b[i+1] == 'O') {
			i += 2
			key = arrow(b[i])
		}
		if s.keyboard.IsSuspend(key) {
			s.release()
			s.redraw(lookEvery)
			_ = unix.Kill(0, syscall.SIGTSTP)
			return
		}
		s.scene.press(key)
	}
}

// arrow is the key that does what an arrow does (ECMA-48, CUU and CUD).
func arrow(final byte) byte {
	switch final {
	case 'A':
		return 'k'
	case 'B':
		return 'j'
	}
	return 0
}
