package cloexec

import (
	"os"

	"golang.org/x/sys/unix"
)

// Pipe makes a pipe for what a process writes: w is for the process, and r, which is non-blocking,
// for who reads that. Nobody inherits them unasked.
func Pipe() (r int, w *os.File, err error) {
	var fds [2]int
	if err := pipe(&fds); err != nil {
		return -1, nil, os.NewSyscallError("pipe", err)
	}
	_ = unix.SetNonblock(fds[0], true)
	return fds[0], os.NewFile(uintptr(fds[1]), "pipe"), nil
}
