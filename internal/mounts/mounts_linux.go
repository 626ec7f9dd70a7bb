package mounts

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mountInfo has an exceptional condition, once, when something is mounted or unmounted
// (proc_pid_mountinfo(5)). inotify is silent about it, though another directory is at a path then.
//
// It is waited for by Go's own poller: the loop's, which is nested in that, would be told of a
// condition that has been taken already.
const mountInfo = "/proc/self/mountinfo"

// Listen calls changed, on a goroutine of its own, when a mount point is new or gone. Without
// /proc nothing is told.
func Listen(changed func(point, why string)) io.Closer {
	fd, err := unix.Open(mountInfo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	f := os.NewFile(uintptr(fd), mountInfo)
	if err != nil {
		return f
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return f
	}
	before := mounts()
	look := func(uintptr) bool {
		now := mounts()
		for mount, point := range before {
			if now[mount] == "" {
				changed(point, fmt.Sprintf("something was unmounted from %s", point))
			}
		}
		for mount, point := range now {
			if before[mount] == "" {
				changed(point, fmt.Sprintf("something was mounted on %s", point))
			}
		}
		before = now
		return false // wait for more
	}
	go func() { _ = conn.Read(look) }() // until it is closed
	return f
}

// Points returns the paths of all mount points.
func Points() []string { return slices.Sorted(maps.Values(mounts())) }

// IsPoint reports whether a path is one, as far as the kernel says (statx(2), Linux 5.8).
func IsPoint(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// mounts returns the mount points, by the mount's number.
func mounts() map[string]string {
	points := map[string]string{}
	f, err := os.Open(mountInfo)
	if err != nil {
		return points
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			points[fields[0]] = unescape.Replace(fields[4])
		}
	}
	return points
}
