package process

import (
	"bytes"
	"fmt"
	"os"
)

// Trace returns a word by which the process that leads a group, and what is left of the group when
// that has ended, is found again by another ev (Left).
func Trace(pid int) string {
	var start uint64
	if st, err := statOf(pid); err == nil {
		start = st.start
	}
	return fmt.Sprintf("%d:%d:%s", pid, start, bootID())
}

// Left reports whether something of a process, or of its group, is proved to be left.
func Left(trace string) bool {
	var pid int
	var start uint64
	var boot string
	if n, _ := fmt.Sscanf(trace, "%d:%d:%s", &pid, &start, &boot); n < 3 || boot != bootID() {
		return false
	}
	if leader, err := statOf(pid); err == nil && leader.start == start && !leader.ended() {
		return true
	}
	return groupLives(pid, func(began uint64) bool { return began == start }, func(began uint64) bool { return began >= start })
}

// bootID is another one each time the machine starts.
func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return "-"
	}
	return string(text)
}
