package loop

import (
	"errors"
	"math"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is the backend on epoll(7). Four things about it are not obvious:
//
//   - The epoll descriptor is itself registered with Go's network poller, and a
//     waiting loop is a parked goroutine, not a thread in a system call. A thread
//     that blocks in epoll_wait(2) keeps its processor until the runtime takes it
//     away, so that what the loop hands to a goroutine starts 100 µs later. But to be
//     registered costs a second wake-up inside the kernel at each event, so that a
//     loop that has not had to wait for a while is not, until it has to.
//   - A timerfd in the set bounds the wait to the nanosecond. It is set only when
//     the wait is to end sooner than it says already. Timerfd and eventfd are
//     edge-triggered: each expiry and each write is told once, nothing is read.
//     The eventfd wakes a loop that is about to wait; one that is parked is woken
//     by a deadline of Go's.
//   - Descriptors that epoll refuses (EPERM: regular files) are always ready.
//   - If a descriptor is closed while a duplicate of it lives, the kernel goes on
//     to report it under a number that can't be removed any more. Events carry
//     a generation, from 1; at one that does not fit, the set is made anew.
//   - What the kernel has no room for (ENOSPC: fs.epoll.max_user_watches; ENOMEM) is
//     asked for by poll(2), each time that the loop waits and every refusedEvery, until
//     there is room.
type epoll struct {
	set    *epollSet
	waker  waker
	parked atomic.Pointer[os.File] // the set's; nil: the loop does not wait
	timer  int                     // timerfd on the monotonic clock
	clock  int                     // timerfd on the wall clock, cancelled when that is set; -1: none

	start time.Time
	armed time.Duration // since start: when timer expires, or expired
	lead  time.Duration // of the timer before the end of a wait

	known []registration // by number
	files []int32        // the always ready

	refused []unix.PollFd // what there is no room for
	retried time.Duration // since start: when it was last tried to find some
	trouble func(error)
}

const (
	refusedEvery = 50 * time.Millisecond // is looked at what the set has no room for
	retryEvery   = time.Second           // is room looked for
)

// registration is what is wanted of a descriptor.
type registration struct {
	ops        Ops
	file       bool // in files, not in the set
	refused    bool // in refused, not in the set
	generation int32
}

func newEpoll() (_ Backend, err error) {
	b := &epoll{timer: -1, clock: -1, start: time.Now(), lead: leadAtFirst}
	if b.waker, err = newWaker(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = b.Close()
		}
	}()
	if b.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return b, b.renew()
}

func (b *epoll) Name() string { return "epoll" }

// renew makes the epoll set anew, with all that is known. The old one goes first: its descriptor
// may be the only one to be had.
func (b *epoll) renew() error {
	if b.set != nil {
		_ = b.set.close()
	}
	set, err := newEpollSet(&b.parked)
	if err != nil {
		return err
	}
	b.set = set
	for _, fd := range []int{b.waker.read, b.timer, b.clock} {
		if fd < 0 {
			continue
		}
		if err := b.addOwn(fd); err != nil {
			return err
		}
	}
	for fd, r := range b.known {
		if r.ops == 0 || r.file || r.refused {
			continue
		}
		// One that is closed has nothing to tell; Modify will find out.
		if err := b.control(unix.EPOLL_CTL_ADD, fd, epollBits(r.ops), r.generation); noRoom(err) {
			b.refuse(fd, r.ops, err)
		}
	}
	return nil
}

func (b *epoll) control(op, fd int, bits uint32, generation int32) error {
	return unix.EpollCtl(b.set.fd, op, fd, &unix.EpollEvent{Events: bits, Fd: int32(fd), Pad: generation})
}

// addOwn adds one of the backend's own descriptors: those have generation 0.
func (b *epoll) addOwn(fd int) error {
	return os.NewSyscallError("epoll_ctl", b.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|unix.EPOLLET, 0))
}

func (b *epoll) Modify(fd int, old, new Ops) error {
	b.known = reach(b.known, fd)
	r := &b.known[fd]
	if r.file && (new == 0 || old == 0) {
		b.dropFile(fd)
	}
	if r.refused {
		b.dropRefused(fd)
		if old != 0 && new != 0 {
			b.keepRefused(fd, new)
			return nil
		}
	}
	switch {
	case new == 0:
		r.ops = 0
		_ = b.control(unix.EPOLL_CTL_DEL, fd, 0, 0)
		return nil
	case r.file:
		b.dropFile(fd)
		r.ops = 0
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return err
		}
		b.addFile(fd, new)
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	if old == 0 {
		op = unix.EPOLL_CTL_ADD
		r.generation++
	}
	err := b.control(op, fd, epollBits(new), r.generation)
	switch {
	case errors.Is(err, unix.EEXIST):
		err = b.control(unix.EPOLL_CTL_MOD, fd, epollBits(new), r.generation)
	case errors.Is(err, unix.EPERM) && old == 0:
		b.addFile(fd, new)
		return nil
	case noRoom(err):
		_ = b.control(unix.EPOLL_CTL_DEL, fd, 0, 0)
		b.refuse(fd, new, err)
		return nil
	}
	r.ops = new
	if err != nil {
		r.ops = 0
	}
	return err
}

// addFile notes a descriptor that can always be read and written. It never hangs up, so that one
// that is watched for this alone is not listed: the loop would spin for nothing.
func (b *epoll) addFile(fd int, ops Ops) {
	b.known[fd].file, b.known[fd].ops = true, ops
	if ops&(Read|Write) != 0 {
		b.files = append(b.files, int32(fd))
	}
}

func (b *epoll) dropFile(fd int) {
	b.known[fd].file = false
	if i := slices.Index(b.files, int32(fd)); i >= 0 {
		b.files = slices.Delete(b.files, i, i+1)
	}
}

func (b *epoll) Wait(ready []Ready, d time.Duration) ([]Ready, error) {
	if len(b.files) > 0 {
		d = 0
	}
	if len(b.refused) > 0 {
		ready, d = b.lookAtRefused(ready, d)
	}
	events, err := b.wait(d)
	if err != nil {
		return ready, err
	}
	ghost := false
	for _, e := range events {
		switch fd := int(e.Fd); {
		case e.Pad == 0 && fd == b.clock:
			_ = armClockFD(fd)
		case e.Pad == 0:
		case b.known[fd].ops == 0 || b.known[fd].generation != e.Pad:
			ghost = true
		default:
			ready = append(ready, Ready{fd, epollOps(e.Events)})
		}
	}
	for _, fd := range b.files {
		ready = append(ready, Ready{int(fd), b.known[fd].ops & (Read | Write)})
	}
	if ghost {
		return ready, b.renewAtLast()
	}
	return ready, nil
}

// The timer expires sooner than a wait is to end, by the lead: as long as it lately took to come
// back once it had. That is the kernel's wake-up, which takes longest from a deep sleep, and Go's
// poller and scheduler. What is left of the wait then, mostly nothing, is too short to sleep.
const (
	leadAtFirst = 20 * time.Microsecond
	leadAtMost  = 150 * time.Microsecond
)

// wait returns what the set has to tell within d.
func (b *epoll) wait(d time.Duration) ([]unix.EpollEvent, error) {
	if d == 0 || b.set.parker == nil {
		if events, err := b.set.look(); d == 0 || len(events) > 0 || err != nil {
			return events, err
		}
	}
	switch {
	case d < 0:
		return b.set.park()
	case d <= leadAtFirst:
		return b.spin(d)
	}
	now := time.Since(b.start)
	until := now + min(d, math.MaxInt64-now)
	if err := b.arm(now, until); err != nil {
		return nil, err
	}
	events, err := b.set.park()
	if err == nil && len(events) == 1 && events[0].Pad == 0 && int(events[0].Fd) == b.timer {
		back := time.Since(b.start)
		if b.set.looks > 1 { // it had to wait
			b.lead = (3*b.lead + min(back-b.armed, leadAtMost)) / 4
		}
		if rest := until - back; 0 < rest && rest <= leadAtMost {
			return b.spin(rest)
		}
	}
	return events, err
}

// spin looks until d has passed, or there is something to tell.
func (b *epoll) spin(d time.Duration) ([]unix.EpollEvent, error) {
	for until := time.Since(b.start) + d; ; {
		events, err := b.set.look()
		if len(events) > 0 || err != nil || time.Since(b.start) >= until {
			return events, err
		}
	}
}

// arm sees to it that the timer expires the lead before a wait ends, or sooner.
func (b *epoll) arm(now, until time.Duration) error {
	if b.armed > now && b.armed <= until {
		return nil
	}
	b.armed = until - min(b.lead, (until-now)/2)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(b.armed - now))}
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(b.timer, 0, &spec, nil))
}

// Wake has the read of a loop that is parked come to a deadline, which takes no system call; the
// goroutine that the loop is runs next on this one's processor. A deadline that comes too late for a
// wait ends the next one.
func (b *epoll) Wake() error {
	if f := b.parked.Load(); f != nil && f.SetReadDeadline(time.Unix(1, 0)) == nil {
		return nil
	}
	return b.waker.wake()
}

func (b *epoll) WatchClock() error {
	fd, err := newClockFD()
	if err != nil {
		return err
	}
	b.clock = fd
	if err := armClockFD(fd); err != nil {
		return err
	}
	return b.addOwn(fd)
}

func (b *epoll) Close() error {
	err := b.waker.close()
	if b.set != nil {
		err = errors.Join(err, b.set.close())
	}
	for _, fd := range []int{b.timer, b.clock} {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return err
}

// epollBits: EPOLLHUP and EPOLLERR come unasked for.
func epollBits(o Ops) uint32 {
	var bits uint32
	if o&Read != 0 {
		bits |= unix.EPOLLIN
	}
	if o&Write != 0 {
		bits |= unix.EPOLLOUT
	}
	if o&Shut != 0 {
		bits |= unix.EPOLLRDHUP
	}
	if o&Urgent != 0 {
		bits |= unix.EPOLLPRI
	}
	return bits
}

// epollOps: a pipe's writing end reports EPOLLERR when its reader has gone.
func epollOps(bits uint32) Ops {
	var o Ops
	if bits&unix.EPOLLIN != 0 {
		o |= Read
	}
	if bits&unix.EPOLLOUT != 0 {
		o |= Write
	}
	if bits&unix.EPOLLRDHUP != 0 {
		o |= Shut
	}
	if bits&unix.EPOLLPRI != 0 {
		o |= Urgent
	}
	if bits&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		o |= Read | Write | Hangup | Shut
	}
	return o
}
