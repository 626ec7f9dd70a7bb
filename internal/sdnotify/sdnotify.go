// Package sdnotify tells systemd, or whoever started us, how we are: sd_notify(3),
// sd_watchdog_enabled(3) and sd_listen_fds(3), without package net.
package sdnotify

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is the way to whoever waits for our notifications. Its methods do nothing on a nil Conn.
// They return within a second even if nobody reads.
type Conn struct{ address string }

// New returns the way that NOTIFY_SOCKET tells, nil if it is not set.
func New(getenv func(string) string) *Conn {
	if address := getenv("NOTIFY_SOCKET"); address != "" {
		return &Conn{address}
	}
	return nil
}

// Ready says that everything is armed, or armed again after Reloading.
func (c *Conn) Ready() error { return c.send("READY=1") }

// Status says in one line how things stand.
func (c *Conn) Status(text string) error {
	return c.send("STATUS=" + strings.ReplaceAll(text, "\n", " "))
}

// Stopping says that the end has begun.
func (c *Conn) Stopping() error { return c.send("STOPPING=1") }

// Reloading says that the configuration is being read again; Ready ends it.
func (c *Conn) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(clockMonotonic, &now); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	return c.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// Watchdog says that we are alive.
func (c *Conn) Watchdog() error { return c.send("WATCHDOG=1") }

func (c *Conn) send(message string) error {
	if c == nil {
		return nil
	}
	if c.address[0] != '/' && c.address[0] != '@' {
		return fmt.Errorf("NOTIFY_SOCKET=%s: neither a path nor an abstract name (@...)", c.address)
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	for {
		err := unix.Sendto(fd, []byte(message), 0, &unix.SockaddrUnix{Name: c.address})
		if err != unix.EINTR {
			if err != nil {
				return fmt.Errorf("NOTIFY_SOCKET=%s: %w", c.address, err)
			}
			return nil
		}
	}
}

// WatchdogInterval returns how often Watchdog is to be called: half the time after which silence
// counts as death, as sd_watchdog_enabled(3) advises. It is 0 if nobody watches this process.
func WatchdogInterval(getenv func(string) string, pid int) (time.Duration, error) {
	text := getenv("WATCHDOG_USEC")
	if of := getenv("WATCHDOG_PID"); text == "" || of != "" && of != strconv.Itoa(pid) {
		return 0, nil
	}
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > int64(1<<63-1)/1000 {
		return 0, fmt.Errorf("WATCHDOG_USEC=%s: not a number of microseconds above 0", text)
	}
	return time.Duration(usec) * time.Microsecond / 2, nil
}
