//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package stat

import "io"

// listenMounts has nobody to ask here.
func listenMounts(func(point, why string)) io.Closer { return io.NopCloser(nil) }

// mountPoints has nobody to ask either; kqueue(2) tells of the file, by whatever name.
func mountPoints() []string { return nil }

func isMountPoint(string) bool { return false }
