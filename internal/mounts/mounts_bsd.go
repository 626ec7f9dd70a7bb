//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package mounts

import "io"

// Listen has nobody to ask here.
func Listen(func(point, why string)) io.Closer { return io.NopCloser(nil) }

// Points has nobody to ask either; kqueue(2) tells of the file, by whatever name.
func Points() []string { return nil }

// IsPoint reports false.
func IsPoint(string) bool { return false }
