//go:build darwin || freebsd || dragonfly

package stat

import "golang.org/x/sys/unix"

// silentType returns the type of a file system that is on another host, which
// does not tell of what others change there, or "".
func silentType(path string) string {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil || uint64(st.Flags)&unix.MNT_LOCAL != 0 {
		return ""
	}
	return unix.ByteSliceToString(st.Fstypename[:])
}
