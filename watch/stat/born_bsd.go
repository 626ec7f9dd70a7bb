//go:build darwin || freebsd || netbsd

package stat

import "golang.org/x/sys/unix"

// born returns when a file was made, in nanoseconds since 1970, where the file system knows.
func born(path string) (at int64, known bool) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, false
	}
	return st.Btim.Nano(), st.Btim.Sec > 0
}
