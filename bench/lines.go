package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// lines is how many lines a second are read and printed, from a pipe to a pipe.
func lines(b *bench) []work {
	count := b.either(100_000, 300_000)
	var input strings.Builder
	for i := range count {
		fmt.Fprintf(&input, "line %07d of a log, with some more words in it\n", i)
	}
	c := func(name, needs string, words ...string) contender {
		return contender{name: name, needs: needs, measure: func() (sample, error) {
			took, err := piped(input.String(), words)
			return sample{figures: []float64{float64(count) / took.Seconds() / 1000}}, err
		}}
	}
	return []work{{
		name: "lines", what: fmt.Sprintf("%d lines printed, from a pipe to a pipe", count),
		unit: "1000 a second", higher: true, beside: "awk {print}", rounds: b.either(2, 5),
		contenders: []contender{
			c("ev", "", b.ev(), "watch-fd", "0", "--line", "--format", "{line}\n"),
			c("awk {print}", "awk", "awk", "{print}"),
			c("awk {print; fflush()}", "awk", "awk", "{print; fflush()}"),
			c("gawk {print}", "gawk", "gawk", "{print}"),
			c("sh, while read", "sh", "sh", "-c", `while IFS= read -r line; do echo "$line"; done`),
		},
		goals: []goal{atLeast("ev", 0.5, "awk {print}"), atLeast("ev", 1.6, "awk {print; fflush()}")},
	}}
}

// piped is how long a program takes to turn its input into its output.
func piped(input string, words []string) (time.Duration, error) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	size, buf := 0, make([]byte, 64<<10)
	for {
		n, err := out.Read(buf)
		size += n
		if err != nil {
			break
		}
	}
	took := time.Since(start)
	if err := cmd.Wait(); err != nil {
		return took, err
	}
	if size != len(input) {
		return took, fmt.Errorf("%d bytes came out, of %d: %w", size, len(input), os.ErrInvalid)
	}
	return took, nil
}
