package main

import (
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/evshell/ev/loop"
)

// lateness is how long after its due time a timer's function is called, and whether a
// cadence keeps to its grid.
func lateness(b *bench) []work {
	var works []work
	for _, w := range []struct {
		span         time.Duration
		quick, fully int // samples a turn
	}{{time.Millisecond, 40, 100}, {10 * time.Millisecond, 20, 40}, {100 * time.Millisecond, 3, 10}} {
		n := b.either(w.quick, w.fully)
		args := []any{"lateness", w.span.Nanoseconds(), n}
		works = append(works, work{
			name: fmt.Sprintf("lateness %v", w.span), what: "after a one-shot was due", unit: "ns", beside: "timerfd",
			contenders: []contender{
				b.driven("ev's loop", "ev", args...), b.driven("timerfd", "timerfd", args...), b.driven("libev", "libev", args...),
				lateExit("ev timer", min(n, 10), w.span, b.ev(), "timer", w.span.String()),
				lateExit("sleep", min(n, 10), w.span, "sleep", fmt.Sprint(w.span.Seconds())),
			},
			goals: []goal{atMost("ev's loop", 1, "timerfd")},
		})
	}
	const tick = 10 * time.Millisecond
	n := b.either(100, 300)
	args := []any{"cadence", tick.Nanoseconds(), n}
	script := "i=0; while [ $i -lt $1 ]; do sleep 0.01; i=$((i+1)); done"
	return append(works, work{
		name: "drift 10ms", what: "by which a cadence leaves its grid, a tick", unit: "ns", beside: "timerfd", rounds: b.either(1, 3),
		contenders: []contender{
			drift(b.driven("ev's loop", "ev", args...)), drift(b.driven("timerfd", "timerfd", args...)),
			drift(b.driven("libev", "libev", args...)),
			{name: "sh, sleep 0.01", needs: "sh", measure: func() (sample, error) {
				start := time.Now()
				err := exec.Command("sh", "-c", script, "sh", fmt.Sprint(n)).Run()
				return sample{figures: []float64{float64(time.Since(start).Nanoseconds())/float64(n) - float64(tick)}}, err
			}},
		},
		goals: []goal{limit("ev's loop", 1000)},
	})
}

// lateExit is a program that waits for a span and ends: how long its start and end
// take besides.
func lateExit(name string, n int, span time.Duration, words ...string) contender {
	return contender{name: name, measure: func() (sample, error) {
		var s sample
		for range n {
			start := time.Now()
			if err := exec.Command(words[0], words[1:]...).Run(); err != nil {
				return s, err
			}
			s.figures = append(s.figures, float64(time.Since(start)-span))
		}
		return s, nil
	}}
}

// drift makes of a contender's lateness at each tick how much it grows with each: the
// median of what it has grown by half of all ticks later.
func drift(c contender) contender {
	measure := c.measure
	c.measure = func() (sample, error) {
		s, err := measure()
		half := len(s.figures) / 2
		if err != nil || half == 0 {
			return s, err
		}
		slopes := make([]float64, half)
		for i := range slopes {
			slopes[i] = (s.figures[half+i] - s.figures[i]) / float64(half)
		}
		slices.Sort(slopes)
		slope := slopes[half/2]
		return sample{figures: []float64{max(slope, -slope)}}, nil
	}
	return c
}

func (d *loops) lateness() error {
	span, left := time.Duration(d.args[0]), d.args[1]
	due := monoNS() + int64(span)
	var t *loop.Timer
	t = loop.NewTimer(d.Loop, span, 0, func() {
		d.report(float64(monoNS() - due))
		if left--; left > 0 {
			d.UpdateNow()
			due = monoNS() + int64(span)
			t.Set(span, 0)
			t.Start()
		}
	})
	t.Start()
	return d.run(loop.RunDefault)
}

func (d *loops) cadence() error {
	span, left := time.Duration(d.args[0]), d.args[1]
	due := monoNS() + int64(span)
	var t *loop.Timer
	t = loop.NewTimer(d.Loop, span, span, func() {
		due += t.Missed() * int64(span)
		d.report(float64(monoNS() - due))
		due += int64(span)
		if left--; left == 0 {
			t.Stop()
		}
	})
	t.Start()
	return d.run(loop.RunDefault)
}
