package sig

import "syscall"

// The real-time signals as glibc numbers them, and the last signal of all
// (signal(7)).
const (
	rtMin = 34
	rtMax = 64
	last  = rtMax
)

// kept says for what a signal is kept back, from the runtime's table
// (runtime/sigtab_linux_generic.go): for 32 and 34 it installs no handler
// whatever os/signal asks for, so that they end the process; 33 it takes for
// itself.
func kept(sig syscall.Signal) string {
	switch sig {
	case 32, 33:
		return "it belongs to the C library's threads"
	case rtMin:
		return "the Go runtime leaves it to musl's threads; take RTMIN+1 or a later one"
	}
	return ""
}
