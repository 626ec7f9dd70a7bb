package sdnotify

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FD is a descriptor that was handed to us.
type FD struct {
	Num  int
	Name string // "unknown" without LISTEN_FDNAMES, as with systemd
}

const firstFD = 3 // SD_LISTEN_FDS_START

// Listen returns the descriptors that LISTEN_FDS hands to the process pid, none if they are for
// another, and sees to it that no command inherits them.
func Listen(getenv func(string) string, pid int) ([]FD, error) {
	count := getenv("LISTEN_FDS")
	if count == "" || getenv("LISTEN_PID") != strconv.Itoa(pid) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS=%s: not a number of descriptors", count)
	}
	var names []string
	if text := getenv("LISTEN_FDNAMES"); text != "" {
		if names = strings.Split(text, ":"); len(names) != n {
			return nil, fmt.Errorf("LISTEN_FDNAMES has %d names, LISTEN_FDS=%d", len(names), n)
		}
	}
	var fds []FD
	for i := range n {
		fd := FD{firstFD + i, "unknown"}
		if names != nil {
			fd.Name = names[i]
		}
		if _, err := unix.FcntlInt(uintptr(fd.Num), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("LISTEN_FDS=%d: descriptor %d: %w", n, fd.Num, err)
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// Environ returns env without the variables of this protocol: they are for us, not for our
// commands. See sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
func Environ(env []string) []string {
	var rest []string
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID":
		default:
			rest = append(rest, pair)
		}
	}
	return rest
}
