package main

import (
	"time"

	"github.com/evshell/ev/loop"
)

// memory is what an active timer and a watched, silent descriptor keep resident.
func memory(b *bench) []work {
	three := func(args ...any) []contender {
		return []contender{
			b.driven("ev", "ev", args...), b.driven("libev", "libev", args...), b.driven("libevent", "libevent", args...),
		}
	}
	goals := []goal{atMost("ev", 2, "libev")}
	return []work{
		{
			name: "memory timer", what: "resident memory an active timer, of 1,000,000", unit: "bytes", beside: "libev", rounds: 3,
			contenders: three("timer-bytes", 1_000_000), goals: goals,
		},
		{
			name: "memory descriptor", what: "resident memory a watched descriptor, of 19,000; not the kernel's", unit: "bytes",
			beside: "libev", rounds: 3, contenders: three("descriptor-bytes", min(19_000, (b.files-40)/2*2)), goals: goals,
		},
	}
}

func nothing() {}

func nothingReady(loop.Ops) {}

func (d *loops) startTimers(n int) []*loop.Timer {
	all := make([]*loop.Timer, n)
	for i := range all {
		all[i] = loop.NewTimer(d.Loop, time.Hour+d.upTo(time.Second), 0, nothing)
		all[i].Start()
	}
	return all
}

// startDescriptors watches both ends of pipes. A writing end that waits to be read
// never has anything to tell.
func (d *loops) startDescriptors(ends [][2]int) {
	for _, p := range ends {
		loop.NewIO(d.Loop, p[0], loop.Read, nothingReady).Start()
		loop.NewIO(d.Loop, p[1], loop.Read, nothingReady).Start()
	}
}

func (d *loops) timerBytes() error {
	n, before := d.args[0], resident()
	d.startTimers(n)
	if err := d.run(loop.RunNoWait); err != nil {
		return err
	}
	d.report(float64(resident()-before) / float64(n))
	return nil
}

func (d *loops) descriptorBytes() error {
	n := d.args[0]
	ends, err := openPipes(n / 2)
	if err != nil {
		return err
	}
	before := resident()
	d.startDescriptors(ends)
	if err := d.run(loop.RunNoWait); err != nil {
		return err
	}
	d.report(float64(resident()-before) / float64(n))
	return nil
}
