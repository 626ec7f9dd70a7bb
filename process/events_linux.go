package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// Events are the kernel's events of all processes: the process events connector, a netlink socket
// (linux/cn_proc.h). It is sent how a thread ends before the process's pidfd becomes readable, so
// what a pidfd asks for is there already. Up to Linux 6.5 it is root's alone.
type Events struct {
	fd   int
	io   *loop.IO
	ends map[int]*threadEnds // by PID, of the processes that are followed
}

// threadEnds are the ends of a process's threads. The one that stands for the process is the first
// thread's, or that of all if the process was ended as a whole; which of the two it is can't be
// seen, but where both are the same it does not matter.
type threadEnds struct {
	first, last         syscall.WaitStatus
	firstEnded, unsound bool
}

// The numbers of linux/connector.h and linux/cn_proc.h.
const (
	cnIdxProc     = 1
	cnValProc     = 1
	procListen    = 1
	procEventExit = 0x80000000

	nlHeader   = 16 // nlmsghdr
	cnHeader   = 20 // cn_msg
	procHeader = 16 // proc_event up to its data
)

// NewEvents has the kernel tell a loop of what happens.
func NewEvents(l *loop.Loop) (*Events, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &Events{fd: fd, ends: map[int]*threadEnds{}}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc})
	// A kernel that knows no filter heeds the first alone, others the second.
	for _, data := range [][]uint32{{procListen}, {procListen, procEventExit}} {
		if err == nil {
			err = p.send(data)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	p.io = loop.NewIO(l, fd, loop.Read, func(loop.Ops) { p.read() })
	p.io.KeepAlive(false)
	p.io.Start()
	return p, nil
}

func (p *Events) send(data []uint32) error {
	size := nlHeader + cnHeader + 4*len(data)
	m := make([]byte, 0, size)
	order := binary.NativeEndian
	m = order.AppendUint32(m, uint32(size))
	m = order.AppendUint16(m, unix.NLMSG_DONE)
	m = order.AppendUint16(m, 0)
	m = order.AppendUint32(m, 0)
	m = order.AppendUint32(m, 0)
	m = order.AppendUint32(m, cnIdxProc)
	m = order.AppendUint32(m, cnValProc)
	m = order.AppendUint32(m, 0)
	m = order.AppendUint32(m, 0)
	m = order.AppendUint16(m, uint16(4*len(data)))
	m = order.AppendUint16(m, 0)
	for _, d := range data {
		m = order.AppendUint32(m, d)
	}
	if err := unix.Sendto(p.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("process events: %w", err)
	}
	return nil
}

// Follow keeps what comes of a process from now on.
func (p *Events) Follow(pid int) { p.ends[pid] = &threadEnds{} }

// Forget ends that.
func (p *Events) Forget(pid int) { delete(p.ends, pid) }

// Status returns how a process ended that has.
func (p *Events) Status(pid int) (syscall.WaitStatus, bool) {
	p.read()
	e := p.ends[pid]
	return e.last, e.firstEnded && !e.unsound && e.first == e.last
}

// read takes in all that has been sent.
func (p *Events) read() {
	buf := make([]byte, 1<<10)
	for {
		n, _, err := unix.Recvfrom(p.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS): // some were lost, and it can't be told whose
			for _, e := range p.ends {
				e.unsound = true
			}
		case err != nil:
			return
		default:
			p.take(buf[:n])
		}
	}
}

// take notes the end of a thread.
func (p *Events) take(m []byte) {
	if len(m) < nlHeader+cnHeader+procHeader+12 {
		return
	}
	order := binary.NativeEndian
	m = m[nlHeader+cnHeader:]
	if order.Uint32(m) != procEventExit {
		return
	}
	m = m[procHeader:]
	thread, pid := int(order.Uint32(m)), int(order.Uint32(m[4:]))
	e := p.ends[pid]
	if e == nil {
		return
	}
	e.last = syscall.WaitStatus(order.Uint32(m[8:]))
	if thread == pid {
		e.first, e.firstEnded = e.last, true
	}
}

// Close ends all of it.
func (p *Events) Close() {
	_ = p.io.Close()
}
