//go:build !netbsd

package sdnotify

import "golang.org/x/sys/unix"

const clockMonotonic = unix.CLOCK_MONOTONIC
