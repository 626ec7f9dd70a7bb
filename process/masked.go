package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/internal/sigmask"
)

// A masked is the start of a command in whose place ev itself is executed (sigmask.Wrap). Its
// standard error is a pipe until it becomes the command: by that it tells why it can't, and so does
// the Go runtime, if it may not have a thread.
type masked struct {
	told int
	tell *os.File
}

// mask puts the pipe into the place of standard error, which comes to the end.
func mask(fds []uintptr) (*masked, []uintptr, error) {
	told, tell, err := cloexec.Pipe()
	if err != nil {
		return nil, nil, err
	}
	_ = unix.SetNonblock(told, false)
	fds = append(fds, fds[unix.Stderr])
	fds[unix.Stderr] = tell.Fd()
	return &masked{told, tell}, fds, nil
}

func (m *masked) close() {
	_ = m.tell.Close()
	_ = unix.Close(m.told)
}

// await waits until process pid has become the command. If it can't it has ended then.
func (m *masked) await(pid int) error {
	_ = m.tell.Close()
	var text []byte
	for buf := make([]byte, 4<<10); ; {
		n, err := unix.Read(m.told, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
			break
		}
		text = append(text, buf[:n]...)
	}
	_ = unix.Close(m.told)
	if len(text) == 0 {
		return nil
	}
	reap(pid)
	return sigmask.Failure(text)
}
