package term

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
)

// guardian is the first argument of a program that is started to guard a terminal.
const guardian = "ev:terminal"

// A guard is a process that outlives us, and gives the terminal back if we were killed and could
// not. It is in a session of its own: what ends our process group, or stops who sets up a terminal
// in the background (tcsetattr(3)), does not concern it.
type guard struct {
	pid  int
	pipe *os.File // to it, which ends when we do
}

// loan is what the guard is told: how the terminal was, and what has been made of it.
type loan struct {
	Out             bool // it has not been given back
	Before, Changed unix.Termios
}

// startGuard starts this program anew as the guard of a terminal. It calls Guarding.
func startGuard(fd int) (*guard, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cloexec.Mark() // who waits for the end of a descriptor does not wait for the guard
	pid, err := syscall.ForkExec(self, []string{"ev", guardian}, &syscall.ProcAttr{
		Files: []uintptr{r.Fd(), uintptr(fd)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	return &guard{pid, w}, nil
}

func (g *guard) tell(l loan) {
	if g != nil {
		_ = binary.Write(g.pipe, binary.NativeEndian, l)
	}
}

// close dismisses the guard.
func (g *guard) close() {
	if g == nil {
		return
	}
	_ = g.pipe.Close()
	for {
		if _, err := syscall.Wait4(g.pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// Guarding does the work of a guard if this program was started as one. The program is to end with
// the status then, and do nothing else.
func Guarding() (status int, ok bool) {
	if len(os.Args) != 2 || os.Args[1] != guardian {
		return 0, false
	}
	var last loan
	for b := make([]byte, binary.Size(last)); ; {
		if _, err := io.ReadFull(os.Stdin, b); err != nil {
			break
		}
		_ = binary.Read(bytes.NewReader(b), binary.NativeEndian, &last)
	}
	// A shell that has seen the end first has set up the terminal for itself.
	const out = 1
	if now, err := Settings(out); err == nil && last.Out && now.Lflag == last.Changed.Lflag && now.Cc == last.Changed.Cc {
		_ = unix.IoctlSetTermios(out, setTermios, &last.Before)
		_, _ = unix.Write(out, []byte(leave))
	}
	return 0, true
}

// leave goes to a line of its own, with lines wrapped at the margin again (DECAWM).
const leave = "\x1b[?7h\r\n"
