package main

import (
	"fmt"
	"time"

	"github.com/evshell/ev/loop"
)

// idle is what a program costs that waits and has nothing to do.
func idle(b *bench) []work {
	window := time.Duration(b.either(1, 5)) * time.Second
	driven := func(driver string, timers, descriptors int) program {
		path, words, _ := b.driver(driver, []string{"idle", fmt.Sprint(timers), fmt.Sprint(descriptors)})
		return program{words: append([]string{"sh", "-c", `exec "$@" >&3`, "sh", path}, words...), readyFD: true}
	}
	ev := func(words ...string) program {
		return program{words: append([]string{b.ev(), "--ready-fd", "3"}, words...), readyFD: true}
	}
	var works []work
	for _, w := range []struct {
		name   string
		ev     program
		timers int // of the libev program
		fds    int
	}{
		{"ev timer 1h", ev("timer", "1h"), 1, 0},
		{"10000 timers", driven("ev", 10_000, 0), 10_000, 0},
		{"10000 descriptors", driven("ev", 0, 10_000), 0, 10_000},
	} {
		c := func(needs string, p program, figure func(*group) float64) contender {
			return contender{name: map[string]string{"": "ev"}[needs] + needs, needs: needs, measure: func() (sample, error) {
				g, err := b.launch(p)
				if err != nil {
					return sample{}, err
				}
				defer g.stop()
				return sample{figures: []float64{figure(g)}}, nil
			}}
		}
		both := func(figure func(*group) float64) []contender {
			return []contender{c("", w.ev, figure), c("libev", driven("libev", w.timers, w.fds), figure)}
		}
		works = append(works, work{
			name: "idle " + w.name, what: fmt.Sprintf("context switches in %v", window), unit: "switches", beside: "libev",
			rounds: b.either(1, 2),
			contenders: both(func(g *group) float64 {
				before := g.calm().switches
				time.Sleep(window)
				return float64(g.usage().switches - before)
			}),
			goals: []goal{limit("ev", 0)},
		}, work{
			name: "idle " + w.name + " memory", what: "resident memory", unit: "MB", beside: "libev", rounds: b.either(1, 2),
			contenders: both(func(g *group) float64 { return float64(g.calm().resident) / 1e6 }),
			goals:      []goal{atMost("ev", 2, "libev")},
		})
	}
	return works
}

func (d *loops) idle() error {
	n, descriptors := d.args[0], d.args[1]
	ends, err := openPipes(descriptors / 2)
	if err != nil {
		return err
	}
	d.startDescriptors(ends)
	d.startTimers(n)
	fmt.Fprintln(d.out, "ready")
	if err := d.out.Flush(); err != nil {
		return err
	}
	return d.run(loop.RunDefault)
}
