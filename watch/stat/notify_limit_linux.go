package stat

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limitReached says which limit of inotify(7) is behind an error, when so many
// directories are watched, and how to raise it.
func limitReached(err error, watched int) error {
	name, least := "max_user_watches", 524288
	switch {
	case errors.Is(err, unix.ENOSPC):
	case errors.Is(err, unix.EMFILE) && watched == 0 && canOpen():
		name, least = "max_user_instances", 1024
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("%w: raise this process's limit with ulimit -n", err)
	default:
		return err
	}
	value, _ := os.ReadFile("/proc/sys/fs/inotify/" + name)
	text := strings.TrimSpace(string(value))
	n, _ := strconv.Atoi(text)
	return fmt.Errorf("the limit fs.inotify.%s, which is %s for all programs of this user, is reached with %d directories watched here: raise it with `sudo sysctl fs.inotify.%s=%d`",
		name, text, watched, name, max(2*n, least))
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
