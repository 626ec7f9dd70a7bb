package watch

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mountInfo has an exceptional condition, once, when something is mounted or
// unmounted (proc_pid_mountinfo(5)). inotify is silent about it, though another
// directory is at a path then.
//
// It is waited for by Go's own poller: the loop's, which is nested in that, would
// be told of a condition that has been taken already.
const mountInfo = "/proc/self/mountinfo"

// listenMounts calls changed, on a goroutine of its own, when a mount point that
// is new or gone makes other files be at a named path, or below it. Without /proc
// nothing is told.
func listenMounts(o *StatOptions, changed func(why string)) io.Closer {
	fd, err := unix.Open(mountInfo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	f := os.NewFile(uintptr(fd), mountInfo)
	if err != nil {
		return f
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return f
	}
	before := mountPoints()
	look := func(uintptr) bool {
		now := mountPoints()
		for mount, point := range before {
			if now[mount] == "" && o.concerns(point) {
				changed(fmt.Sprintf("something was unmounted from %s", point))
			}
		}
		for mount, point := range now {
			if before[mount] == "" && o.concerns(point) {
				changed(fmt.Sprintf("something was mounted on %s", point))
			}
		}
		before = now
		return false // wait for more
	}
	go func() { _ = conn.Read(look) }() // until it is closed
	return f
}

// mountPoints returns the mount points, by the mount's number.
func mountPoints() map[string]string {
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

func (o *StatOptions) concerns(point string) bool {
	for _, p := range o.Paths {
		abs, err := filepath.Abs(p)
		if err != nil || isBelow(abs, point) || o.Recursive && isBelow(point, abs) {
			return true
		}
	}
	return false
}

// isBelow reports whether a path is in a directory, or is it.
func isBelow(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
