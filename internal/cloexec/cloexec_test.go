package cloexec

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMark(t *testing.T) {
	for name, mark := range map[string]func(){"at once": Mark, "one by one": markEach} {
		t.Run(name, func(t *testing.T) {
			fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			mark()
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("flags %#x, %v", flags, err)
			}
			if flags, err := unix.FcntlInt(2, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
				t.Errorf("standard error: flags %#x, %v", flags, err)
			}
		})
	}
}
