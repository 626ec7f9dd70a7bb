package mounts

import (
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// Silent returns the type of a file system that is on another host, which does not tell of what
// others change there, or "".
func Silent(path string) (string, error) {
	var st unix.Statvfs_t
	if err := fdio.Retry(func() error { return unix.Statvfs(path, &st) }); err != nil || st.Flag&unix.MNT_LOCAL != 0 {
		return "", err
	}
	return unix.ByteSliceToString(st.Fstypename[:]), nil
}
