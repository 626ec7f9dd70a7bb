package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/bench/tool"
)

// A usage is what ev holds while nobody keeps it busy but time.
type usage struct {
	resident    int // kB
	descriptors int
	threads     int
	busy        float64 // of one processor
}

func (u usage) String() string {
	return fmt.Sprintf("%d kB, %d descriptors, %d threads, %.0f %% of a processor when quiet", u.resident, u.descriptors, u.threads, 100*u.busy)
}

// measure has all pause meanwhile. Commands come and go all the same, so the least counts.
func (r *run) measure() usage {
	r.quiet.Lock()
	defer r.quiet.Unlock()
	time.Sleep(time.Second)
	proc := fmt.Sprintf("/proc/%d", r.ev.Process.Pid)
	u, began, before := usage{}, time.Now(), r.ticks(proc)
	for i := range 50 {
		time.Sleep(20 * time.Millisecond)
		fds, err := os.ReadDir(proc + "/fd")
		tool.Must(err)
		status, err := os.ReadFile(proc + "/status")
		tool.Must(err)
		if i == 0 || len(fds) < u.descriptors {
			u.descriptors = len(fds)
		}
		u.resident, u.threads = field(status, "VmRSS:"), field(status, "Threads:")
	}
	u.busy = float64(r.ticks(proc)-before) / 100 / time.Since(began).Seconds()
	return u
}

// ticks are what ev has had of processors, in hundredths of a second.
func (r *run) ticks(proc string) int {
	stat, err := os.ReadFile(proc + "/stat")
	tool.Must(err)
	words := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	n := 0
	for _, word := range words[12:14] { // utime and stime, proc_pid_stat(5)
		t, err := strconv.Atoi(word)
		tool.Must(err)
		n += t
	}
	return n
}

func field(status []byte, name string) int {
	_, after, _ := strings.Cut(string(status), name)
	n, err := strconv.Atoi(strings.Fields(after)[0])
	tool.Must(err)
	return n
}

// grown says what ev holds more of at the end. The heap of a Go program comes and goes by a few MB.
func grown(u [3]usage) (wrong []string) {
	first, last := u[0], u[2]
	if last.descriptors > first.descriptors+3 {
		wrong = append(wrong, "descriptors grow")
	}
	if last.threads > first.threads+8 {
		wrong = append(wrong, "threads grow")
	}
	if middle := u[1].resident; last.resident > middle+middle/5+2000 {
		wrong = append(wrong, "memory grows")
	}
	if last.busy > 0.5 {
		wrong = append(wrong, "it spins")
	}
	return wrong
}
