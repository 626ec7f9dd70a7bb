package main

import (
	"errors"
	"os"
	"os/exec"
	"time"
)

// Programs that link what ev links: package initialization is most of what a start costs.
const (
	withHTTP = "cobra, net/http"
	withNATS = "cobra, net/http, nats.go"
)

// start is what it takes to start a program that has nothing to do, and its size.
func start(b *bench) []work {
	c := func(figure func(words []string) (float64, error)) []contender {
		one := func(name, needs string, words ...string) contender {
			return contender{name: name, needs: needs, measure: func() (sample, error) {
				x, err := figure(words)
				return sample{figures: []float64{x}}, err
			}}
		}
		return []contender{
			one("ev timer 0", "", b.ev(), "timer", "0"),
			one(withNATS, "", b.built("cobra-nats"), "timer", "0"),
			one(withHTTP, "", b.built("cobra-http"), "timer", "0"),
			one("bare cobra program", "", b.built("cobra"), "timer", "0"),
			one("bare Go program", "", b.built("bare")),
			one("sleep 0", "sleep", "sleep", "0"),
			one("entr", "entr", "sh", "-c", "echo "+b.ev()+" | entr -nz true"),
		}
	}
	size := func(name, path string) contender {
		return contender{name: name, measure: func() (sample, error) {
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
			contenders: c(func(words []string) (float64, error) {
				start := time.Now()
				err := exec.Command(words[0], words[1:]...).Run()
				return float64(time.Since(start)) / 1e6, err
			}),
			goals: []goal{atMost("ev timer 0", 1.15, withNATS)},
		},
		{
			name: "start memory", what: "largest resident memory", unit: "MB", beside: "bare cobra program", rounds: b.either(3, 10),
			contenders: c(func(words []string) (float64, error) {
				// A process begins with what its parent has, which is why a small one has to start it.
				if why := b.lacks("spawn"); why != "" {
					return 0, errors.New(why)
				}
				out, err := exec.Command(b.built("spawn"), append([]string{"1", "1"}, words...)...).Output()
				if err != nil {
					return 0, err
				}
				return float64(first(string(out))) * 1024 / 1e6, nil
			}),
		},
		{
			name: "start size", what: "size of the program's file, stripped", unit: "MB", beside: "bare cobra program", rounds: 1,
			contenders: []contender{
				size("ev", b.ev()), size(withNATS, b.built("cobra-nats")), size(withHTTP, b.built("cobra-http")),
				size("bare cobra program", b.built("cobra")), size("bare Go program", b.built("bare")),
			},
		},
	}
}
