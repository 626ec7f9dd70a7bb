package process

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A bell wakes the one thread that waits for it. A channel would wake another thread of Go's first,
// which finds that the goroutine is locked to its own: with futex(2) it is one switch of context, not
// two. The zero bell is ready for use.
type bell struct{ rung atomic.Uint32 }

// Operations of futex(2) on memory that no other process has.
const (
	futexWaitPrivate = 0x80
	futexWakePrivate = 0x81
)

// ring has wait return: the one that waits, or the next.
func (b *bell) ring() {
	if b.rung.Swap(1) == 0 {
		_, _, _ = syscall.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&b.rung)), futexWakePrivate, 1)
	}
}

// wait returns once it has been rung since the last time.
func (b *bell) wait() {
	for b.rung.Swap(0) == 0 {
		_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&b.rung)), futexWaitPrivate, 0, 0, 0, 0)
	}
}
