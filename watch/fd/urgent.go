package fd

import "os"

// isRegular reports whether a path leads to a file, as those of the kernel's are that tell
// of a change by themselves.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
