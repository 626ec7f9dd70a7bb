// Package sig knows the signals of this platform: their names, their meanings, and which of them
// can be watched.
//
// A name is written as kill(1) writes it, without SIG: HUP, CHLD, RTMIN+3. Where a signal has two,
// the common one is used: ABRT for IOT, CHLD for CLD, IO for POLL. Real-time signals exist on Linux
// only; of them RTMIN is what glibc and the shells call so, 34.
package sig

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/nearest"
)

// Meant returns the signal that a name that is none was likely meant to be.
func Meant(s string) (syscall.Signal, bool) {
	guess, ok := nearest.Of(strings.TrimPrefix(strings.ToUpper(s), "SIG"), names())
	if !ok {
		return 0, false
	}
	meant, err := Parse(guess)
	return meant, err == nil
}

// Parse reads a signal's name, in any case, with or without SIG, or its number: TERM, sigterm, 15,
// RTMIN+3, RTMAX-1. The error for an unknown name tells the nearest right one.
func Parse(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > last {
			return 0, fmt.Errorf("no signal %s: the numbers are 1 to %d", s, last)
		}
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if strings.HasPrefix(name, "RT") {
		if sig, ok := parseRealTime(name); ok {
			return sig, nil
		}
		if rtMin > rtMax {
			return 0, fmt.Errorf("no signal %q: this platform has no real-time signals that can be watched", s)
		}
		return 0, fmt.Errorf("no signal %q: the real-time signals are RTMIN to RTMIN+%d and RTMAX-%[2]d to RTMAX",
			s, rtMax-rtMin)
	}
	for sig := range numbered() {
		if Name(sig) == common(name) {
			return sig, nil
		}
	}
	if guess, ok := nearest.Of(name, names()); ok {
		return 0, fmt.Errorf("no signal %q: did you mean %s?", s, guess)
	}
	return 0, fmt.Errorf("no signal %q: 'ev on-signal --list' names them all", s)
}

// parseRealTime reads RTMIN, RTMIN+n, RTMAX-n and RTMAX, within the range.
func parseRealTime(name string) (syscall.Signal, bool) {
	from, sign := rtMin, "+"
	rest, ok := strings.CutPrefix(name, "RTMIN")
	if !ok {
		from, sign = rtMax, "-"
		if rest, ok = strings.CutPrefix(name, "RTMAX"); !ok {
			return 0, false
		}
	}
	n := from
	if rest != "" {
		digits, ok := strings.CutPrefix(rest, sign)
		away, err := strconv.ParseUint(digits, 10, 8)
		if !ok || err != nil {
			return 0, false
		}
		if n += int(away); sign == "-" {
			n = from - int(away)
		}
	}
	return syscall.Signal(n), IsRealTime(syscall.Signal(n))
}

// Name returns the name of a signal without SIG. Real-time signals are named from the nearer end of
// their range, as kill -l does: RTMIN+15, RTMAX-14. A signal without a name is its number.
func Name(sig syscall.Signal) string {
	n := int(sig)
	switch {
	case !IsRealTime(sig):
		if name, ok := strings.CutPrefix(unix.SignalName(sig), "SIG"); ok {
			return common(name)
		}
		return strconv.Itoa(n)
	case n == rtMin:
		return "RTMIN"
	case n == rtMax:
		return "RTMAX"
	case n-rtMin <= rtMax-n:
		return fmt.Sprintf("RTMIN+%d", n-rtMin)
	default:
		return fmt.Sprintf("RTMAX-%d", rtMax-n)
	}
}

// IsRealTime reports whether the kernel queues the signal: each that is sent, and not one of a kind.
func IsRealTime(sig syscall.Signal) bool { return rtMin <= sig && sig <= rtMax }

// common turns the other name of a signal into the usual one.
func common(name string) string {
	switch name {
	case "IOT":
		return "ABRT"
	case "CLD":
		return "CHLD"
	case "POLL":
		return "IO"
	case "UNUSED":
		return "SYS"
	}
	return name
}

// All returns the signals of this platform that have a name, in ascending order of their numbers.
func All() []syscall.Signal {
	var all []syscall.Signal
	for sig := range numbered() {
		if _, err := strconv.Atoi(Name(sig)); err != nil {
			all = append(all, sig)
		}
	}
	return all
}

func numbered() iter.Seq[syscall.Signal] {
	return func(yield func(syscall.Signal) bool) {
		for n := 1; n <= last; n++ {
			if !yield(syscall.Signal(n)) {
				return
			}
		}
	}
}

func names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, sig := range All() {
			if !yield(Name(sig)) {
				return
			}
		}
	}
}

// Watchable returns nil if a program can be told of the signal when it is sent with kill(2), else
// an error that says why it cannot. (A fault of the program itself, such as a true SEGV, is never
// told: it ends the program.)
func Watchable(sig syscall.Signal) error {
	var why string
	switch sig {
	case unix.SIGKILL, unix.SIGSTOP:
		why = "the kernel lets no program catch it"
	case unix.SIGPROF:
		why = "the Go runtime keeps it for its profiler"
	case unix.SIGURG:
		why = "the Go runtime sends it to itself to switch between its tasks, so it would fire unsent"
	default:
		why = kept(sig)
	}
	if why == "" {
		return nil
	}
	return errors.New(Name(sig) + " cannot be watched: " + why)
}
