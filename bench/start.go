package main

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// start is what it takes to start a program that has nothing to do, and its size.
func start(b *bench) []work {
	c := func(n int, figure func(time.Duration, *os.ProcessState) float64) []contender {
		one := func(name, needs string, words ...string) contender {
			return contender{name, needs, func() (sample, error) {
				var s sample
				for range n {
					cmd := exec.Command(words[0], words[1:]...)
					start := time.Now()
					if err := cmd.Run(); err != nil {
						return s, err
					}
					s.figures = append(s.figures, figure(time.Since(start), cmd.ProcessState))
				}
				return s, nil
			}}
		}
		return []contender{
			one("ev timer 0", "", b.ev(), "timer", "0"),
			one("bare cobra program", "", b.built("cobra"), "timer", "0"),
			one("bare Go program", "", b.built("bare")),
			one("sleep 0", "sleep", "sleep", "0"),
			one("entr", "entr", "sh", "-c", "echo /dev/null | exec entr -nz true"),
		}
	}
	size := func(name, path string) contender {
		return contender{name, "", func() (sample, error) {
			info, err := os.Stat(path)
			if err != nil {
				return sample{}, err
			}
			return sample{figures: []float64{float64(info.Size()) / 1e6}}, nil
		}}
	}
	return []work{
		{
			name: "start", what: "from start to exit", unit: "ms", beside: "bare cobra program", rounds: b.either(20, 100),
			contenders: c(1, func(d time.Duration, _ *os.ProcessState) float64 { return float64(d) / 1e6 }),
			goals:      []goal{atMost("ev timer 0", 1.3, "bare cobra program")},
		},
		{
			name: "start memory", what: "largest resident memory", unit: "MB", beside: "bare cobra program", rounds: b.either(3, 10),
			contenders: c(1, func(_ time.Duration, s *os.ProcessState) float64 {
				return float64(s.SysUsage().(*syscall.Rusage).Maxrss) * 1024 / 1e6
			}),
		},
		{
			name: "start size", what: "size of the program's file, stripped", unit: "MB", beside: "bare cobra program", rounds: 1,
			contenders: []contender{
				size("ev", b.ev()), size("bare cobra program", b.built("cobra")), size("bare Go program", b.built("bare")),
			},
		},
	}
}
