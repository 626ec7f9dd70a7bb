//go:build !linux

package onhttp

// argMax is how many bytes execve(2) takes as arguments and environment: ARG_MAX of NetBSD, which
// is the lowest.
func argMax() int { return 256 << 10 }
