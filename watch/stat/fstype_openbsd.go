package stat

import "golang.org/x/sys/unix"

// silentType returns the type of a file system that is on another host, which does not tell of what
// others change there, or "".
func silentType(path string) (string, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(path, &st) }); err != nil || st.F_flags&unix.MNT_LOCAL != 0 {
		return "", err
	}
	return unix.ByteSliceToString(st.F_fstypename[:]), nil
}
