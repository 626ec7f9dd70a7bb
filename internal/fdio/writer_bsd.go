//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package fdio

// IsBeingWritten has nobody to ask here.
func IsBeingWritten(string) bool { return false }
