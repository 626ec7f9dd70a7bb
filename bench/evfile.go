package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// evfile is what many lines of an Evfile cost: to read and check them, and to have them wait.
func evfile(b *bench) []work {
	const lines = 20_000
	var works []work
	for _, kind := range []struct {
		name, line   string
		check, waits float64 // to be reached: ms and MB
	}{
		{"plain", "timer %dh", 250, 24},
		{"with commands", "every 03:00 -- echo %d", 350, 45},
	} {
		var text strings.Builder
		for i := range lines {
			fmt.Fprintf(&text, "line%d: "+kind.line+"\n", i, i+1)
		}
		c := func(figure func() (float64, error)) []contender {
			return []contender{{name: "ev", measure: func() (sample, error) {
				x, err := figure()
				return sample{figures: []float64{x}}, err
			}}}
		}
		works = append(works, work{
			name: "evfile " + kind.name, what: fmt.Sprintf("ev run --check of %d lines '%s'", lines, kind.line), unit: "ms", beside: "ev",
			rounds: b.either(3, 11),
			contenders: c(func() (float64, error) {
				cmd := exec.Command(b.ev(), "run", "--check", "-")
				cmd.Stdin, cmd.Stdout = strings.NewReader(text.String()), io.Discard
				began := time.Now()
				err := cmd.Run()
				return float64(time.Since(began)) / 1e6, err
			}),
			goals: []goal{limit("ev", kind.check)},
		}, work{
			name: "evfile " + kind.name + " memory", what: "resident memory while they wait", unit: "MB", beside: "ev", rounds: b.either(1, 3),
			contenders: c(func() (float64, error) {
				g, err := b.launch(program{words: []string{b.ev(), "--ready-fd", "3", "run", "-"}, stdin: text.String(), readyFD: true})
				if err != nil {
					return 0, err
				}
				defer g.stop()
				return float64(g.calm().resident) / 1e6, nil
			}),
			goals: []goal{limit("ev", kind.waits)},
		})
	}
	return works
}
