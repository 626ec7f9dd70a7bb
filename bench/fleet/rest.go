package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/bench/tool"
)

// core is a connection to the server without what ev adds.
func (f *fleet) core() *nats.Conn {
	c, err := nats.Connect(f.url)
	tool.Must(err)
	return c
}

// monotonic is the clock of saw.
func monotonic() int64 {
	var now unix.Timespec
	tool.Must(unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	return now.Nano()
}

// rest is what an ev costs that waits: memory, and switches of context.
func (f *fleet) rest() {
	const window = 2 * time.Minute
	works := []struct {
		name  string
		words []string
	}{
		{"every, no link", []string{"every", "03:00", "--name", "a", "--", "true"}},
		{"every --lock", []string{"every", "03:00", "--name", "a", "--lock", "--server", f.url, "--", "true"}},
		{"on-message", []string{"on-message", "ev.rest", "--group", "r", "--server", f.url, "--", "true"}},
	}
	var all sync.WaitGroup
	lines := make([]string, len(works))
	for i, w := range works {
		all.Go(func() {
			c := exec.Command(f.ev, w.words...)
			tool.Must(c.Start())
			defer func() {
				_ = c.Process.Signal(syscall.SIGTERM)
				_ = c.Wait()
			}()
			time.Sleep(5 * time.Second)
			before := switches(c.Process.Pid)
			time.Sleep(window)
			lines[i] = fmt.Sprintf("%s, at rest: %.1f MB resident, of it %.1f its own; %d switches of context in %s", w.name,
				status(c.Process.Pid, "VmRSS")/1e3, status(c.Process.Pid, "RssAnon")/1e3, switches(c.Process.Pid)-before, window)
		})
	}
	all.Wait()
	fmt.Println(strings.Join(lines, "\n"))
}

// status is a figure of /proc/PID/status.
func status(pid int, field string) float64 { return figure(fmt.Sprintf("/proc/%d/status", pid), field) }

func figure(path, field string) float64 {
	text, err := os.ReadFile(path)
	tool.Must(err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			tool.Must(err)
			return n
		}
	}
	return 0
}

// switches counts those of all threads.
func switches(pid int) (n int) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	tool.Must(err)
	for _, task := range tasks {
		n += int(figure(task, "voluntary_ctxt_switches") + figure(task, "nonvoluntary_ctxt_switches"))
	}
	return n
}

// exclusive has four programs, that are killed all the time, run one command under one lock: how
// often it ran, and how often beside itself.
func (f *fleet) exclusive() {
	const long = 20 * time.Second
	log := filepath.Join(f.dir, "exclusive")
	job := filepath.Join(f.dir, "job")
	tool.Must(os.WriteFile(job, fmt.Appendf(nil, "#!/bin/sh\necho B $$ >>%s; sleep 0.05; echo E $$ >>%[1]s\n", log), 0o700))
	etcd := ""
	if _, err := exec.LookPath("etcdctl"); err == nil {
		if stop, url, err := f.etcd(); err == nil {
			defer stop()
			etcd = url
		}
	}
	for _, w := range []struct {
		name  string
		words []string
	}{
		{"ev --lock, file:", []string{f.ev, "timer", "0", "--repeat", "1ms", "-q", "--lock=x", "--server", "file:" + filepath.Join(f.dir, "locks"), "--on-busy", "queue", "--", job}},
		{"ev --lock, nats:, lease 2 s", []string{f.ev, "timer", "0", "--repeat", "1ms", "-q", "--lock=x", "--lease", "2s", "--server", f.url, "--on-busy", "queue", "--", job}},
		{"flock(1)", []string{"sh", "-c", "while :; do flock " + filepath.Join(f.dir, "flock") + " " + job + "; done"}},
		{"etcdctl lock --ttl 2", []string{"sh", "-c", "while :; do etcdctl --endpoints " + etcd + " lock --ttl 2 x " + job + "; done"}},
	} {
		if strings.HasPrefix(w.name, "etcdctl") && etcd == "" {
			fmt.Println(w.name + ": skipped: there is no etcd")
			continue
		}
		tool.Must(os.WriteFile(log, nil, 0o600))
		ctx, cancel := context.WithTimeout(context.Background(), long)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				for ctx.Err() == nil {
					c := exec.Command(w.words[0], w.words[1:]...)
					c.Env = append(os.Environ(), "ETCDCTL_API=3")
					c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
					tool.Must(c.Start())
					select {
					case <-time.After(2 * time.Second):
					case <-ctx.Done():
					}
					// With a shell around it, all of the loop; ev alone: what it runs ends with it.
					_ = syscall.Kill(map[bool]int{true: c.Process.Pid, false: -c.Process.Pid}[w.words[0] == f.ev], syscall.SIGKILL)
					_ = c.Wait()
				}
			})
		}
		all.Wait()
		cancel()
		time.Sleep(500 * time.Millisecond)
		text, err := os.ReadFile(log)
		tool.Must(err)
		runs, beside := besideEachOther(string(text))
		fmt.Printf("%s, four programs, each killed every 2 s: %.1f runs a second, %d of them beside another\n", w.name, float64(runs)/long.Seconds(), beside)
	}
}

// besideEachOther counts the runs of a log, and those that began before another had ended. One that
// never ended was killed.
func besideEachOther(log string) (runs, beside int) {
	lines := strings.Split(log, "\n")
	ends := map[string]int{} // by the word that a run ends with
	for i, line := range lines {
		if strings.HasPrefix(line, "E ") {
			ends[line[2:]] = i
		}
	}
	last := -1 // where what has begun so far ends
	for i, line := range lines {
		if !strings.HasPrefix(line, "B ") {
			continue
		}
		if runs++; last > i {
			beside++
		}
		last = max(last, ends[line[2:]])
	}
	return runs, beside
}

// etcd starts a server.
func (f *fleet) etcd() (stop func(), url string, err error) {
	const client, peer = "http://127.0.0.1:23791", "http://127.0.0.1:23801"
	c := exec.Command("etcd", "--data-dir", filepath.Join(f.dir, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	time.Sleep(3 * time.Second)
	return func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}, client, nil
}
