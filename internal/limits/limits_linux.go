package limits

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Reached says which limit of inotify(7) is behind an error, when so many directories are watched,
// and how to raise it.
func Reached(err error, watched int) error {
	name, inner, least := "fs.inotify.max_user_watches", "user.max_inotify_watches", 524288
	switch {
	case errors.Is(err, unix.ENOSPC):
	case errors.Is(err, unix.EMFILE) && watched == 0 && canOpen():
		name, inner, least = "fs.inotify.max_user_instances", "user.max_inotify_instances", 1024
	case errors.Is(err, unix.EMFILE):
		return Descriptors(err)
	default:
		return err
	}
	whose := "for all programs of this user"
	value := sysctl(name)
	if own := sysctl(inner); own < value { // user_namespaces(7): each has a limit of its own
		name, value, whose = inner, own, "for this user namespace"
	}
	return fmt.Errorf("the limit %s, which is %d %s, is reached with %d directories watched here: raise it with `sudo sysctl %s=%d`",
		name, value, whose, watched, name, max(2*value, least))
}

// sysctl reads a limit; one that can't be read is none.
func sysctl(name string) int {
	text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	n, err2 := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || err2 != nil {
		return math.MaxInt
	}
	return n
}

// canOpen reports whether this process may have one more descriptor.
func canOpen() bool {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}
