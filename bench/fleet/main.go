// Fleet measures what several ev cost that share a nats-server: go run ./fleet, in bench/. It needs
// nats-server: $EV_NATS_SERVER, or one in PATH; and for comparison nats(1), cc, etcd and etcdctl,
// each of which may be missing.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evshell/ev/bench/tool"
	"github.com/evshell/ev/internal/natstest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/link"
)

func main() {
	dir, err := os.MkdirTemp("", "ev-fleet-")
	tool.Must(err)
	defer os.RemoveAll(dir)
	f := &fleet{dir: dir, ev: tool.Build(dir)}
	stop := f.serve()
	defer stop()
	f.ticks(1000)
	f.latency()
	f.exclusive()
	f.rest()
}

type fleet struct {
	dir, ev string
	url     string
}

// serve starts one server, whose answers are on its disk before they are given.
func (f *fleet) serve() (stop func()) {
	binary := cmp.Or(strings.Split(os.Getenv("EV_NATS_SERVER"), ":")[0], "nats-server")
	ports, err := natstest.FreePorts(1)
	tool.Must(err)
	f.url = fmt.Sprintf("nats://127.0.0.1:%d", ports[0])
	conf := filepath.Join(f.dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always }\n", strings.TrimPrefix(f.url, "nats://"), filepath.Join(f.dir, "js"))
	tool.Must(os.WriteFile(conf, []byte(text), 0o600))
	c := exec.Command(binary, "-c", conf)
	tool.Must(c.Start())
	for exec.Command(f.ev, "emit", "ev.begin", "--no-spool", "--server", f.url).Run() != nil {
		time.Sleep(50 * time.Millisecond)
	}
	return func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

// open opens a link, as an ev of another host has it.
func (f *fleet) open(host string) link.Link {
	posted := make(chan func(), 1024)
	go func() {
		for fn := range posted {
			fn()
		}
	}()
	l, err := link.Open(link.Options{
		Server: f.url, Host: host, StateDir: filepath.Join(f.dir, host), Getenv: func(string) string { return "" },
		Post:   func(fn func()) { posted <- fn },
		Report: report.New(os.Stderr, "fleet", report.Plain, report.Error),
	})
	tool.Must(err)
	return l
}

// ticks has so many clients claim the instants of one schedule, as fast as one follows the other.
func (f *fleet) ticks(clients int) {
	const ticks = 20
	links := make([]link.Link, clients)
	for i := range links {
		links[i] = f.open(fmt.Sprint("host", i))
	}
	first := time.Now().Add(-time.Hour).Truncate(time.Second)
	var took []time.Duration
	for tick := range ticks {
		due := first.Add(time.Duration(tick) * time.Second)
		var all sync.WaitGroup
		var mu sync.Mutex
		won := 0
		began := time.Now()
		for _, l := range links {
			all.Add(1)
			l.Claim(link.Claim{Lock: "tick", Label: "tick", Due: due, Lease: 15 * time.Second}, func(g *link.Grant) {
				defer all.Done()
				tool.Must(g.Err)
				if g.Outcome == link.Won {
					mu.Lock()
					won++
					mu.Unlock()
					g.Release(due)
				}
			})
		}
		all.Wait()
		if won != 1 {
			tool.Must(fmt.Errorf("%d of %d clients have run tick %d", won, clients, tick))
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	fmt.Printf("%d clients, one schedule: each tick run once; from its instant until all know, %s (median of %d), %.1f ticks a second\n",
		clients, took[ticks/2].Round(time.Millisecond), ticks, 1/took[ticks/2].Seconds())
	var all sync.WaitGroup
	for _, l := range links {
		all.Add(1)
		l.Close(all.Done)
	}
	all.Wait()
}

// latency is from the moment in which an event is published to the first instruction of the command
// that it has run.
func (f *fleet) latency() {
	saw := filepath.Join(f.dir, "saw")
	if out, err := exec.Command("cc", "-O2", "-o", saw, "c/saw.c").CombinedOutput(); err != nil {
		fmt.Printf("latency: skipped: cc: %v: %s\n", err, out)
		return
	}
	publisher := f.open("publisher")
	defer publisher.Close(func() {})
	stored := func(subject string) func() {
		return func() {
			publisher.Publish(link.Message{Subject: subject, ID: fmt.Sprint(time.Now().UnixNano())}, func(link.Stored, error) {})
		}
	}
	f.measure("ev on-message (stored at least once)", saw, []string{f.ev, "on-message", "ev.latency", "--group", "g", "--server", f.url, "--"}, stored("ev.latency"))
	if nats, err := exec.LookPath("nats"); err != nil {
		fmt.Println("nats reply --command: skipped: there is no nats(1)")
	} else {
		conn := f.core()
		f.measure("nats reply --command (not stored)", saw, []string{nats, "-s", f.url, "reply", "latency", "--command"}, func() { tool.Must(conn.Publish("latency", []byte("x"))) })
		conn.Close()
	}
}

// measure starts a program that runs saw for what is published, and shows how long that takes.
func (f *fleet) measure(name, saw string, words []string, publish func()) {
	log := filepath.Join(f.dir, "log")
	tool.Must(os.WriteFile(log, nil, 0o600))
	if words[len(words)-1] == "--" {
		words = append(words, saw, log, "/dev/null")
	} else {
		words = append(words, saw+" "+log+" /dev/null")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	tool.Must(c.Start())
	defer func() {
		cancel()
		_ = c.Wait()
	}()
	size := func() int64 {
		info, err := os.Stat(log)
		tool.Must(err)
		return info.Size()
	}
	for began := time.Now(); size() == 0; { // until it listens
		publish()
		time.Sleep(100 * time.Millisecond)
		if time.Since(began) > 10*time.Second {
			fmt.Printf("%s: skipped: nothing arrives\n", name)
			return
		}
	}
	time.Sleep(time.Second)
	var took []time.Duration
	for range 100 {
		before := size()
		now := monotonic()
		publish()
		for size() == before {
			time.Sleep(time.Millisecond)
		}
		text, err := os.ReadFile(log)
		tool.Must(err)
		var at int64
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		_, err = fmt.Sscan(lines[len(lines)-1], &at)
		tool.Must(err)
		took = append(took, time.Duration(at-now))
		time.Sleep(10 * time.Millisecond)
	}
	slices.Sort(took)
	fmt.Printf("%s: published to the first instruction of the command: %.1f ms, p90 %.1f (100 events)\n",
		name, float64(took[50])/1e6, float64(took[90])/1e6)
}
