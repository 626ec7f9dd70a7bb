//go:build darwin || freebsd || netbsd || openbsd

package cloexec

// Mark marks them.
func Mark() { markEach() }
