package loop

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A stopClock tells for how long the process has been stopped (SIGSTOP, a debugger, the freezer of
// a control group). Of that no signal tells in advance, as that of Ctrl-Z does.
//
// It is a thread that waits for ever in ppoll(2) with a limit of many years. When the process is
// stopped the kernel interrupts that, writes to memory what is left of the limit, and starts it
// anew with that when the process goes on: the limit counts down the time in which the process was
// not stopped. The thread takes no other signal, and is never woken.
type stopClock struct {
	began time.Time
	left  unix.Timespec // of stopClockSpan
	ran   time.Duration // when it was stopped last, as far as take has seen
	lost  time.Duration // in which it was stopped, as far as take has seen
}

const stopClockSpan = 1 << 30 // seconds

// newStopClock starts the thread, which lasts as long as the process.
func newStopClock() *stopClock {
	c := &stopClock{left: unix.Timespec{Sec: stopClockSpan}}
	thread := make(chan int)
	go func() {
		runtime.LockOSThread()
		all := unix.Sigset_t{}
		for i := range all.Val {
			all.Val[i]--
		}
		_ = unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil)
		c.began = time.Now()
		thread <- unix.Gettid()
		for {
			if _, err := unix.Ppoll(nil, &c.left, nil); err != unix.EINTR {
				return
			}
		}
	}()
	awaitSleep(<-thread)
	return c
}

// awaitSleep returns when a thread of this process waits in the kernel: a stop before that would
// not be seen. Where the kernel does not tell (proc(5), /proc/tid/syscall) it returns at once.
func awaitSleep(thread int) {
	file := "/proc/self/task/" + strconv.Itoa(thread) + "/syscall"
	for range 1000 { // a thread that gets no processor for so long is not waited for
		if does, err := os.ReadFile(file); err != nil || string(does) != "running\n" {
			return
		}
		time.Sleep(time.Millisecond / 10)
	}
}

// take returns for how long the process has been stopped since the last call, at now. It is to be
// called as soon as it goes on.
func (c *stopClock) take(now time.Time) time.Duration {
	ran := c.read()
	if ran == c.ran {
		return 0
	}
	c.ran = ran
	lost := now.Sub(c.began) - ran
	d := max(lost-c.lost, 0)
	c.lost += d
	return d
}

// read returns for how long the process had run when it was stopped last.
func (c *stopClock) read() time.Duration {
	for {
		sec, nsec := word(unsafe.Pointer(&c.left.Sec)), word(unsafe.Pointer(&c.left.Nsec))
		if sec == word(unsafe.Pointer(&c.left.Sec)) { // the kernel is not just writing
			return time.Duration(stopClockSpan-int64(sec))*time.Second - time.Duration(nsec)
		}
	}
}

// word reads what the kernel may write: both parts of a Timespec are words of the machine.
func word(p unsafe.Pointer) uintptr { return atomic.LoadUintptr((*uintptr)(p)) }
