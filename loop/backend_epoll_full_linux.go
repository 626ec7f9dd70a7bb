package loop

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// noRoom reports whether epoll_ctl(2) has failed for want of something that may come.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.ENOMEM) }

// OnTrouble has fn told what the kernel refuses, and nil when that is over.
func (b *epoll) OnTrouble(fn func(error)) { b.trouble = fn }

// refuse has a descriptor looked at by poll(2) that there is no room for in the set.
func (b *epoll) refuse(fd int, ops Ops, err error) {
	if len(b.refused) == 0 {
		b.retried = time.Since(b.start)
		b.tell(roomError(err))
	}
	b.keepRefused(fd, ops)
}

func (b *epoll) tell(trouble error) {
	if b.trouble != nil {
		b.trouble(trouble)
	}
}

// roomError says what there is no room in, and how to have more.
func roomError(err error) error {
	advice := "free some memory"
	if errors.Is(err, unix.ENOSPC) {
		const limit = "/proc/sys/fs/epoll/max_user_watches"
		most, _ := os.ReadFile(limit)
		advice = fmt.Sprintf("the user's limit of watches is reached, fs.epoll.max_user_watches = %s: raise it with sysctl(8)", strings.TrimSpace(string(most)))
	}
	return fmt.Errorf("%w: %s; until then, what does not fit is looked at every %v", os.NewSyscallError("epoll_ctl", err), advice, refusedEvery)
}

func (b *epoll) keepRefused(fd int, ops Ops) {
	b.known[fd].refused, b.known[fd].ops = true, ops
	b.refused = append(b.refused, unix.PollFd{Fd: int32(fd), Events: pollBits(ops)})
}

func (b *epoll) dropRefused(fd int) {
	b.known[fd].refused, b.known[fd].ops = false, 0
	for i, p := range b.refused {
		if int(p.Fd) == fd {
			last := len(b.refused) - 1
			b.refused[i] = b.refused[last]
			b.refused = b.refused[:last]
			return
		}
	}
}

// lookAtRefused appends what is ready of that for which there is no room, and returns how long the
// set may be waited for.
func (b *epoll) lookAtRefused(ready []Ready, d time.Duration) ([]Ready, time.Duration) {
	if now := time.Since(b.start); now-b.retried >= retryEvery {
		b.retried = now
		if b.findRoom(); len(b.refused) == 0 {
			b.tell(nil)
			return ready, d
		}
	}
	n, err := unix.Poll(b.refused, 0)
	if err != nil || n <= 0 {
		if d < 0 || d > refusedEvery {
			d = refusedEvery
		}
		return ready, d
	}
	for i := range b.refused {
		if p := &b.refused[i]; p.Revents != 0 {
			ready = append(ready, Ready{int(p.Fd), pollOps(p.Revents)})
		}
	}
	return ready, 0
}

// findRoom puts into the set what fits by now.
func (b *epoll) findRoom() {
	for _, p := range b.refused {
		fd := int(p.Fd)
		r := b.known[fd]
		err := b.control(unix.EPOLL_CTL_ADD, fd, epollBits(r.ops), r.generation)
		if noRoom(err) {
			return
		}
		if err == nil || errors.Is(err, unix.EEXIST) {
			b.dropRefused(fd)
			b.known[fd].ops = r.ops
			b.findRoom() // the list has changed
			return
		}
	}
}

// renewAtLast is renew that waits for what there is none of now: nothing can be waited for without.
func (b *epoll) renewAtLast() error {
	for told := false; ; time.Sleep(noMemoryPause) {
		err := b.renew()
		switch {
		case err == nil:
			if told {
				b.tell(nil)
			}
			return nil
		case !noRoom(err) && !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE):
			return err
		case !told:
			told = true
			b.tell(fmt.Errorf("%w: no event is noticed until there is room", err))
		}
	}
}
