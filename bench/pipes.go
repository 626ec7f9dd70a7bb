package main

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// pipes is the benchmark of libevent and libev: among so many pipes, 100 bytes are
// under way, each of which is read and written on to the next pipe. A pipe may have
// a timeout, which each byte puts off.
func pipes(b *bench) []work {
	const active, writes = 100, 10_000
	var works []work
	sizes := []int{100, 1000, 10_000}
	if b.quick {
		sizes = sizes[:2]
	}
	for _, n := range sizes {
		for timeouts, suffix := range []string{"", " timeouts"} {
			// What the process has open besides needs room, too.
			count := min(n, (b.files-40)/2)
			args := []any{"pipes", count, active, writes, timeouts, 5}
			what := "CPU time an event"
			if count < n {
				what += fmt.Sprintf(", with %d pipes, as the limit of open files is %d", count, b.files)
			}
			works = append(works, work{
				name: fmt.Sprintf("pipes %d%s", n, suffix), what: what, unit: "ns", beside: "libev",
				contenders: []contender{
					b.driven("ev", "ev", args...), b.driven("libev", "libev", args...), b.driven("libevent", "libevent", args...),
					b.driven("libev, beside an idle thread", "libev", append(args, 1)...),
				},
				goals: []goal{atMost("ev", 1.05, "libev, beside an idle thread"), below("ev", "libevent")},
			})
		}
	}
	return works
}

func (d *loops) pipes() error {
	n, active, writes, timeouts, runs := d.args[0], d.args[1], d.args[2], d.args[3] != 0, d.args[4]
	ends, err := openPipes(n)
	if err != nil {
		return err
	}
	left, reads := 0, 0
	for i, p := range ends {
		in, next := p[0], ends[(i+1)%n][1]
		var timer *loop.Timer
		if timeouts {
			timer = loop.NewTimer(d.Loop, 0, 10*time.Second+d.upTo(time.Second), func() {})
			timer.Again()
		}
		loop.NewIO(d.Loop, in, loop.Read, func(loop.Ops) {
			take(in)
			if timer != nil {
				timer.Again()
			}
			if reads++; left > 0 {
				left--
				give(next)
			} else if reads == writes+active {
				d.Break()
			}
		}).Start()
	}
	if err := d.run(loop.RunNoWait); err != nil {
		return err
	}
	for r := range runs + 1 {
		left, reads = writes, 0
		for i := range active {
			give(ends[i*n/active][1])
		}
		start := cpuNS()
		if err := d.run(loop.RunDefault); err != nil {
			return err
		}
		if r > 0 {
			d.report(float64(cpuNS()-start) / float64(reads))
		}
	}
	return nil
}

// give and take make the same two system calls as the drivers in C, and like those
// without telling a scheduler: the pipes are non-blocking.
func give(fd int) {
	one := [1]byte{'e'}
	if n, _, _ := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), 1); n != 1 {
		panic("a byte was not written")
	}
}

func take(fd int) {
	var one [1]byte
	if n, _, _ := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&one)), 1); n != 1 {
		panic("a byte was not read")
	}
}
