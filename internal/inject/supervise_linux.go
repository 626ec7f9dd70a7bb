//go:build amd64 || arm64

package inject

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccomp_notif of linux/seccomp.h, with its seccomp_data.
type notification struct {
	id    uint64
	tid   uint32
	flags uint32
	nr    int32
	arch  uint32
	at    uint64
	args  [6]uint64
}

// seccomp_notif_resp of the same.
type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// supervise answers what the filter asks, until nobody has it any more.
func supervise(specs []*spec) error {
	notify, err := receive(3)
	if err != nil {
		return err
	}
	names := map[int32]string{unix.SYS_EXECVE: "execve"}
	for _, s := range specs {
		names[int32(numbers()[s.name])] = s.name
	}
	program := uint32(0) // its process, once it has begun
	for {
		fds := []unix.PollFd{{Fd: int32(notify), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			if fds[0].Revents != 0 {
				os.Exit(0) //nolint:forbidigo // it is a program of its own
			}
			continue
		}
		var n notification
		if errno := control(notify, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errno != 0 {
			continue // a signal, or the process has gone
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		what := decide(specs, n, names[n.nr], &program)
		if what != nil && what.errno != 0 {
			r = response{id: n.id, errno: -int32(what.errno)}
		}
		if what != nil && what.hold != "" {
			go func() {
				await(what.hold)
				answer(notify, r)
			}()
			continue
		}
		errno := answer(notify, r)
		switch {
		case what == nil:
		case errno != 0:
			what.seen-- // a signal has come first: the call is begun anew
		case what.log != "":
			tell(what)
		}
	}
}

// tell adds a line to a spec's log. What it can't write there the reader of the log finds missing.
func tell(what *spec) {
	f, err := os.OpenFile(what.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = fmt.Fprintln(f, what.text)
}

func answer(notify int, r response) unix.Errno {
	return control(notify, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

// decide returns what becomes of a call; nil: it goes on.
func decide(specs []*spec, n notification, name string, program *uint32) *spec {
	if *program == 0 {
		if name == "execve" {
			*program = n.tid
		}
		return nil
	}
	c := call{name: name, args: n.args, path: func() string { return path(n, name) }, own: func() bool { return exists(fmt.Sprintf("/proc/%d/task/%d", *program, n.tid)) }}
	for _, s := range specs {
		if s.means(c) {
			return s
		}
	}
	return nil
}

// path returns the name of the file that a call is about.
func path(n notification, name string) string {
	if i, ok := pathArguments()[name]; ok {
		return text(int(n.tid), uintptr(n.args[i]))
	}
	fd := n.args[0]
	if name == "epoll_ctl" {
		fd = n.args[2]
	}
	at, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.tid, int32(fd)))
	return at
}

// text reads a string of another process.
func text(tid int, at uintptr) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", tid))
	if err != nil {
		return ""
	}
	defer mem.Close()
	b := make([]byte, unix.PathMax)
	n, _ := mem.ReadAt(b, int64(at))
	if i := bytes.IndexByte(b[:n], 0); i >= 0 {
		n = i
	}
	return string(b[:n])
}

func await(file string) {
	for !exists(file) {
		time.Sleep(time.Millisecond)
	}
}

// receive takes a descriptor that is sent over a socket.
func receive(from int) (int, error) {
	b, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(from, b, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	_ = unix.Close(from)
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("no descriptor came: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

func control(fd int, request uintptr, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return errno
}
