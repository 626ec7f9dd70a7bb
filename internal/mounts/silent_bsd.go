//go:build darwin || freebsd || dragonfly

package mounts

import (
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// Silent returns the type of a file system that is on another host, which does not tell of what
// others change there, or "".
func Silent(path string) (string, error) {
	var st unix.Statfs_t
	if err := fdio.Retry(func() error { return unix.Statfs(path, &st) }); err != nil || uint64(st.Flags)&unix.MNT_LOCAL != 0 {
		return "", err
	}
	return unix.ByteSliceToString(st.Fstypename[:]), nil
}
