package main

import (
	"fmt"
	"time"

	"github.com/evshell/ev/loop"
)

// timers starts many timers, due at random, and has them fire; and restarts one of
// many, as activity does that puts off a timeout.
func timers(b *bench) []work {
	three := func(args ...any) []contender {
		return []contender{
			b.driven("ev", "ev", args...), b.driven("libev", "libev", args...), b.driven("libevent", "libevent", args...),
		}
	}
	var works []work
	sizes := []int{100_000, 1_000_000}
	if b.quick {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		works = append(works, work{
			name: fmt.Sprintf("timers %d", n), what: "CPU time to start a timer and have it fire", unit: "ns", beside: "libev",
			rounds:     map[bool]int{true: 2}[n > 100_000],
			contenders: three("timers", n, 3),
			goals:      []goal{atMost("ev", map[int]float64{100_000: 0.85, 1_000_000: 0.65}[n], "libev")},
		})
	}
	return append(works, work{
		name: "again 100000", what: "CPU time to restart one of 100,000 timers", unit: "ns", beside: "libev",
		contenders: three("again", 100_000, 300_000, 5), goals: []goal{atMost("ev", 1, "libev")},
	})
}

func (d *loops) timers() error {
	n, runs := d.args[0], d.args[1]
	fired := 0
	fire := func() { fired++ }
	all := make([]*loop.Timer, n)
	for i := range all {
		all[i] = loop.NewTimer(d.Loop, 0, 0, fire)
	}
	for r := range runs + 1 {
		fired = 0
		var start, took int64
		err := d.inRun(func() {
			start = cpuNS()
			for _, t := range all {
				t.Set(d.upTo(50*time.Millisecond), 0)
				t.Start()
			}
			took = cpuNS() - start
		})
		if err != nil {
			return err
		}
		time.Sleep(120 * time.Millisecond) // as in C; it takes no CPU time
		start = cpuNS()
		if err := d.run(loop.RunNoWait); err != nil {
			return err
		}
		took += cpuNS() - start
		if fired != n {
			return fmt.Errorf("%d of %d fired", fired, n)
		}
		if r > 0 {
			d.report(float64(took) / float64(n))
		}
	}
	return nil
}

func (d *loops) again() error {
	n, ops, runs := d.args[0], d.args[1], d.args[2]
	all := make([]*loop.Timer, n)
	for i := range all {
		all[i] = loop.NewTimer(d.Loop, 0, 1000*time.Second+d.upTo(time.Second), nothing)
		all[i].Again()
	}
	for r := range runs + 1 {
		err := d.inRun(func() {
			start := cpuNS()
			for i := range ops {
				if i%100 == 0 {
					d.UpdateNow()
				}
				all[d.nextRandom()%uint64(n)].Again()
			}
			if r > 0 {
				d.report(float64(cpuNS()-start) / float64(ops))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
