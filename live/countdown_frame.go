package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/evshell/ev/internal/span"
)

// A countdownFrame is one picture of a Countdown.
type countdownFrame struct {
	left    time.Duration
	span    time.Duration // that it counts down from
	due     time.Time
	state   frameState
	columns int // of the terminal
	utf8    bool
}

type frameState uint8

const (
	frameRunning frameState = iota
	framePaused             // the time stands still
	frameWaiting            // for activity, to begin anew
)

const longestBar = 40

// String is a line that is shorter than the terminal is wide. It shows the bar and the due time
// only if there is room.
func (f countdownFrame) String() string {
	if f.state == frameWaiting {
		return cutASCII("waiting for activity", f.columns-1)
	}
	left := (f.left + time.Second - 1).Truncate(time.Second)
	head := fmt.Sprintf("%*s left", f.leftWidth(), span.Format(left))
	tail := fmt.Sprintf("%3d%%  ", int(100*f.done()))
	switch {
	case f.state == framePaused:
		tail += "paused: p goes on"
	case f.span >= 24*time.Hour:
		tail += "due " + f.due.Format("2006-01-02 15:04:05")
	default:
		tail += "due " + f.due.Format("15:04:05")
	}
	room := f.columns - 1 - len(head) - 2 - 2 - len(tail)
	switch {
	case room >= 5:
		return head + "  " + f.bar(min(room, longestBar)) + "  " + tail
	case room+2 >= 0:
		return head + "  " + tail
	}
	return cutASCII(head, f.columns-1)
}

// leftWidth is the width of the longest time that is left on the way.
func (f countdownFrame) leftWidth() int {
	switch {
	case f.span < time.Minute:
		return len("59s")
	case f.span < time.Hour:
		return len("59m59s")
	case f.span < 24*time.Hour:
		return len("23h59m59s")
	}
	return len("99d23h59m59s")
}

// done is the part of the span that has passed, from 0 to 1.
func (f countdownFrame) done() float64 {
	if f.left >= f.span {
		return 0
	}
	return 1 - float64(f.left)/float64(f.span)
}

// bar is filled as far as the time has passed.
func (f countdownFrame) bar(width int) string {
	full, empty := "#", "-"
	if f.utf8 {
		full, empty = "█", "░"
	}
	n := int(float64(width) * f.done())
	return strings.Repeat(full, n) + strings.Repeat(empty, width-n)
}

func cutASCII(s string, width int) string { return s[:max(min(width, len(s)), 0)] }
