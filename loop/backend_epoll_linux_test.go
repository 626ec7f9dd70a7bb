package loop

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A loop that is parked is woken without a system call, and one that is not by its eventfd.
func TestEpoll_wake(t *testing.T) {
	made, err := newEpoll()
	if err != nil {
		t.Fatal(err)
	}
	b := made.(*epoll)
	defer b.Close()
	for _, parked := range []bool{true, false, true} {
		done := make(chan error)
		wait := func() {
			_, err := b.Wait(nil, -1)
			done <- err
		}
		if parked {
			go wait()
			for b.parked.Load() == nil {
				runtime.Gosched()
			}
		}
		if err := b.Wake(); err != nil {
			t.Fatal(err)
		}
		if !parked {
			go wait()
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		var count [8]byte
		if _, err := unix.Read(b.waker.read, count[:]); errors.Is(err, unix.EAGAIN) != parked {
			t.Errorf("parked: %v; eventfd: %v", parked, err)
		}
	}
}
