//go:build unix

package loop

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// poll is the backend on poll(2), for every Unix. Its waits are whole milliseconds, rounded up. A
// descriptor that is closed is told as Error by the next Wait.
type poll struct {
	set   []unix.PollFd // the first is the wake-up, then the clock's, if there is one
	index []int32       // by number: its place in set; 0: none
	waker waker
	clock int // place in set of what clockFD told; 0: none

	short   bool // of memory
	trouble func(error)
}

// noMemoryPause is how long is waited until it is tried again what there was no memory for.
const noMemoryPause = 10 * time.Millisecond

// OnTrouble has fn told what the kernel refuses, and nil when that is over.
func (b *poll) OnTrouble(fn func(error)) { b.trouble = fn }

func (b *poll) tell(trouble error) {
	if b.trouble != nil {
		b.trouble(trouble)
	}
}

func newPoll() (Backend, error) {
	w, err := newWaker()
	if err != nil {
		return nil, err
	}
	return &poll{waker: w, set: []unix.PollFd{{Fd: int32(w.read), Events: unix.POLLIN}}}, nil
}

func (b *poll) Name() string { return "poll" }

func (b *poll) Modify(fd int, _, new Ops) error {
	b.index = reach(b.index, fd)
	i := b.index[fd]
	switch {
	case new == 0 && i == 0:
	case new == 0:
		last := len(b.set) - 1
		b.set[i] = b.set[last]
		b.index[b.set[i].Fd] = i
		b.set = b.set[:last]
		b.index[fd] = 0
	case i == 0:
		b.index[fd] = int32(len(b.set))
		b.set = append(b.set, unix.PollFd{Fd: int32(fd), Events: pollBits(new)})
	default:
		b.set[i].Events = pollBits(new)
	}
	return nil
}

func (b *poll) Wait(ready []Ready, d time.Duration) ([]Ready, error) {
	n, err := unix.Poll(b.set, milliseconds(d))
	for errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EAGAIN) {
		if !b.short {
			b.short = true
			b.tell(fmt.Errorf("%w: free some memory; no event is noticed until then", os.NewSyscallError("poll", err)))
		}
		time.Sleep(noMemoryPause)
		n, err = unix.Poll(b.set, milliseconds(min(d, 0)))
	}
	if b.short {
		b.short = false
		b.tell(nil)
	}
	if errors.Is(err, unix.EINTR) {
		return ready, nil
	}
	if err != nil {
		return ready, os.NewSyscallError("poll", err)
	}
	for i := 0; n > 0 && i < len(b.set); i++ {
		p := &b.set[i]
		if p.Revents == 0 {
			continue
		}
		n--
		switch i {
		case 0:
			b.waker.drain()
		case b.clock:
			_ = armClockFD(int(p.Fd))
		default:
			ready = append(ready, Ready{int(p.Fd), pollOps(p.Revents)})
		}
	}
	return ready, nil
}

// milliseconds rounds up: never early.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return int(min(ms, math.MaxInt32))
}

func (b *poll) Wake() error { return b.waker.wake() }

// WatchClock has the clock's descriptor in the second place of the set; what stood there moves to
// the end.
func (b *poll) WatchClock() error {
	fd, err := newClockFD()
	if err != nil {
		return err
	}
	if err := armClockFD(fd); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	if len(b.set) > 1 {
		moved := b.set[1]
		b.index[moved.Fd] = int32(len(b.set))
		b.set = append(b.set, moved)
		b.set[1] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	} else {
		b.set = append(b.set, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	b.clock = 1
	return nil
}

func (b *poll) Close() error {
	err := b.waker.close()
	if b.clock != 0 {
		err = errors.Join(err, unix.Close(int(b.set[b.clock].Fd)))
	}
	return err
}

func pollBits(o Ops) int16 {
	var bits int16
	if o&Read != 0 {
		bits |= unix.POLLIN
	}
	if o&Write != 0 {
		bits |= unix.POLLOUT
	}
	if o&Shut != 0 {
		bits |= pollRDHUP
	}
	if o&Urgent != 0 {
		bits |= unix.POLLPRI
	}
	return bits
}

func pollOps(bits int16) Ops {
	var o Ops
	if bits&unix.POLLNVAL != 0 {
		return Error
	}
	if bits&unix.POLLIN != 0 {
		o |= Read
	}
	if bits&unix.POLLOUT != 0 {
		o |= Write
	}
	if bits&pollRDHUP != 0 {
		o |= Shut
	}
	if bits&unix.POLLPRI != 0 {
		o |= Urgent
	}
	if bits&(unix.POLLHUP|unix.POLLERR) != 0 {
		o |= Read | Write | Hangup | Shut
	}
	return o
}
