package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// commands is how many commands are started and ended a second, one after the other
// or as many at once as there are processors, twice.
func commands(b *bench) []work {
	count := b.either(300, 1000)
	input := strings.Repeat("line\n", count)
	var works []work
	for _, workers := range []int{1, 4} {
		share := 0.82
		busy := "queue"
		if workers > 1 {
			busy, share = fmt.Sprintf("parallel=%d", workers), 0.88
		}
		works = append(works, work{
			name: fmt.Sprintf("commands %d", workers), what: fmt.Sprintf("%d commands (true), %d at once", count, workers),
			unit: "a second", higher: true, beside: "posix_spawn", rounds: b.either(2, 5),
			contenders: []contender{
				b.rate("ev", "", count, input, b.ev(), "watch-fd", "0", "--line", "--on-busy", busy, "--", "true"),
				b.rate("posix_spawn", "spawn", count, "", b.built("spawn"), fmt.Sprint(count), fmt.Sprint(workers), "true"),
				b.rate("xargs -P", "xargs", count, input, "xargs", "-n1", fmt.Sprintf("-P%d", workers), "true"),
				b.rate("sh, while read", "sh", count, input, "sh", "-c", "while read -r line; do /bin/true \"$line\"; done"),
			},
			goals: []goal{atLeast("ev", share, "posix_spawn"), atLeast("ev", 1, "xargs -P")},
		})
	}
	return append(works, lineCommands(b))
}

// lineCommands is how many commands a second are run with a line each as their argument, one
// after the other, from a pipe to a pipe: what comes out has to be what went in.
func lineCommands(b *bench) work {
	count := b.either(300, 1000)
	var input strings.Builder
	for i := range count {
		fmt.Fprintf(&input, "line%07d\n", i)
	}
	c := func(name, needs string, words ...string) contender {
		return contender{name: name, needs: needs, measure: func() (sample, error) {
			took, err := piped(input.String(), words)
			return sample{figures: []float64{float64(count) / took.Seconds()}}, err
		}}
	}
	return work{
		name: "commands line", what: fmt.Sprintf("%d commands (/bin/echo), with a line each", count),
		unit: "a second", higher: true, beside: "xargs -n1", rounds: b.either(2, 5),
		contenders: []contender{
			c("ev", "", b.ev(), "watch-fd", "0", "--line", "--", "/bin/echo", "{line}"),
			c("xargs -n1", "xargs", "xargs", "-n1", "/bin/echo"),
			c("sh, while read", "sh", "sh", "-c", `while IFS= read -r line; do /bin/echo "$line"; done`),
		},
		goals: []goal{atLeast("ev", 1, "xargs -n1")},
	}
}

// rate is how often a second a program does something, of which it does so much in
// all, with a text as its input, from a file.
func (b *bench) rate(name, needs string, count int, input string, words ...string) contender {
	return contender{name: name, needs: needs, measure: func() (sample, error) {
		in, err := os.CreateTemp(b.scratch, "input-")
		if err != nil {
			return sample{}, err
		}
		defer os.Remove(in.Name())
		defer in.Close()
		if _, err := in.WriteString(input); err != nil {
			return sample{}, err
		}
		if _, err := in.Seek(0, 0); err != nil {
			return sample{}, err
		}
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Stdin = in
		start := time.Now()
		err = cmd.Run()
		return sample{figures: []float64{float64(count) / time.Since(start).Seconds()}}, err
	}}
}
