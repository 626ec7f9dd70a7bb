package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// driven is a contender that is a program of its own, which prints one figure a
// line: this very program if the driver's name is ev, or one in C.
func (b *bench) driven(name, driver string, args ...any) contender {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = fmt.Sprint(a)
	}
	c := contender{name: name, needs: driver}
	if driver == "ev" {
		c.needs = ""
	}
	c.measure = func() (sample, error) {
		path, words, err := b.driver(driver, words)
		if err != nil {
			return sample{}, err
		}
		out, err := exec.Command(path, words...).Output()
		if err != nil {
			return sample{}, explain(err)
		}
		var s sample
		for f := range strings.FieldsSeq(string(out)) {
			x, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return sample{}, err
			}
			s.figures = append(s.figures, x)
		}
		return s, nil
	}
	return c
}

// driver returns the words that start one.
func (b *bench) driver(name string, args []string) (string, []string, error) {
	if name != "ev" {
		return b.built(name), args, nil
	}
	if b.other {
		return b.builtOther("driver"), append([]string{"driver"}, args...), nil
	}
	self, err := os.Executable()
	return self, append([]string{"driver"}, args...), err
}

// explain adds what a program has said to why it failed.
func explain(err error) error {
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && len(failed.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	return err
}

// loops are ev's loop, used as libev is in c/libev.c, with the same arguments and
// the same random numbers.
type loops struct {
	*loop.Loop
	args   []int
	random uint64
	out    *bufio.Writer
}

// drive does what the words say, in a process of its own.
func drive(words []string) error {
	jobs := map[string]func(*loops) error{
		"pipes": (*loops).pipes, "timers": (*loops).timers, "again": (*loops).again,
		"timer-bytes": (*loops).timerBytes, "descriptor-bytes": (*loops).descriptorBytes,
		"lateness": (*loops).lateness, "cadence": (*loops).cadence, "idle": (*loops).idle,
	}
	switch words[0] {
	case "settle":
		return settle(words[1:])
	case "serve":
		return serve(words[1:])
	}
	l, err := loop.New()
	if err != nil {
		return err
	}
	d := &loops{Loop: l, random: 88172645463325252, out: bufio.NewWriter(os.Stdout)}
	for _, word := range words[1:] {
		n, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		d.args = append(d.args, n)
	}
	if jobs[words[0]] == nil {
		return fmt.Errorf("no such job: %s", words[0])
	}
	return errors.Join(jobs[words[0]](d), d.out.Flush(), l.Close())
}

func (d *loops) nextRandom() uint64 {
	d.random ^= d.random >> 12
	d.random ^= d.random << 25
	d.random ^= d.random >> 27
	return d.random * 2685821657736338717
}

// fraction is at least 0 and below 1.
func (d *loops) fraction() float64 { return float64(d.nextRandom()>>11) * 0x1p-53 }

// upTo is a random span below the given one.
func (d *loops) upTo(span time.Duration) time.Duration {
	return time.Duration(d.fraction() * float64(span))
}

func (d *loops) report(figure float64) { fmt.Fprintln(d.out, figure) }

func (d *loops) run(mode loop.Mode) error { return d.Run(context.Background(), mode) }

// inRun calls fn as a watcher of the loop does its work.
func (d *loops) inRun(fn func()) error {
	d.Post(fn)
	return d.run(loop.RunNoWait)
}

func monoNS() int64 { return clockNS(unix.CLOCK_MONOTONIC) }

// cpuNS is the time that all threads of the process have had, the collector's too.
func cpuNS() int64 { return clockNS(unix.CLOCK_PROCESS_CPUTIME_ID) }

func clockNS(id int32) int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t)
	return t.Nano()
}

// resident is the resident memory in bytes, after what is not in use any more has
// been given back.
func resident() int {
	debug.FreeOSMemory()
	text, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(text))
	pages, _ := strconv.Atoi(f[1])
	return pages * os.Getpagesize()
}

func openPipes(n int) ([][2]int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	limit.Cur = limit.Max
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	ends := make([][2]int, n)
	for i := range ends {
		if err := unix.Pipe2(ends[i][:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
			return nil, err
		}
	}
	return ends, nil
}
