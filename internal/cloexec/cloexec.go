// Package cloexec keeps the descriptors that ev was started with from the programs that ev starts:
// all but standard input, output and error. What ev itself opens is not for others anyway. They
// stay open in ev.
package cloexec

import "golang.org/x/sys/unix"

// markEach marks descriptors one by one, as far as a caller is likely to have got.
func markEach() {
	for fd := 3; fd < 1024; fd++ {
		unix.CloseOnExec(fd)
	}
}
