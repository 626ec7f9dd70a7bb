package onhttp

import "golang.org/x/sys/unix"

// argMax is how many bytes execve(2) takes as arguments and environment: a quarter of the stack's
// limit, and not more than three quarters of 8 MiB.
func argMax() int {
	const most, least = 6 << 20, 128 << 10
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &limit) != nil || limit.Cur > 4*most {
		return most
	}
	return max(int(limit.Cur/4), least)
}
