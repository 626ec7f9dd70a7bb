// Chaos runs many ev on three nats-servers, kills and freezes them at random, and counts what the
// manual promises: go run ./chaos [MINUTES], in bench/. It needs nats-server: $EV_NATS_SERVER, or
// one in PATH.
package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/evshell/ev/bench/tool"
	"github.com/evshell/ev/internal/natstest"
)

func main() {
	minutes := 1.0
	if len(os.Args) > 1 {
		var err error
		if minutes, err = strconv.ParseFloat(os.Args[1], 64); err != nil {
			tool.Must(fmt.Errorf("usage: chaos [MINUTES]"))
		}
	}
	dir, err := os.MkdirTemp("", "ev-chaos-")
	tool.Must(err)
	defer os.RemoveAll(dir)
	ok := run(dir, time.Duration(minutes*float64(time.Minute)))
	if !ok {
		os.RemoveAll(dir)
		os.Exit(1)
	}
}

// A proc is a process that is started again whenever it has been killed.
type proc struct {
	argv []string
	env  []string
	mu   sync.Mutex
	cmd  *exec.Cmd
}

func (p *proc) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := exec.Command(p.argv[0], p.argv[1:]...)
	c.Env = append(os.Environ(), p.env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getenv("CHAOS_VERBOSE") != "" {
		c.Stderr = os.Stderr
	}
	tool.Must(c.Start())
	p.cmd = c
}

func (p *proc) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// kill kills it, and starts it again after a pause.
func (p *proc) kill(ctx context.Context, pause time.Duration) {
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	sleep(ctx, pause)
	p.start()
}

func (p *proc) end(s syscall.Signal) {
	p.signal(syscall.SIGCONT)
	p.signal(s)
	_ = p.cmd.Wait()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func between(a, b time.Duration) time.Duration { return a + rand.N(b-a) }

func servers(dir string) ([]*proc, string) {
	binary := cmp.Or(strings.Split(os.Getenv("EV_NATS_SERVER"), ":")[0], "nats-server")
	ports, err := natstest.FreePorts(6)
	tool.Must(err)
	var all []*proc
	var urls, routes []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("127.0.0.1:%d", ports[i]))
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+i]))
	}
	for i := range 3 {
		conf := filepath.Join(dir, fmt.Sprintf("nats%d.conf", i))
		text := fmt.Sprintf("server_name: s%d\nlisten: %q\njetstream { store_dir: %q, sync_interval: always }\ncluster { name: c, listen: \"127.0.0.1:%d\", routes: [%s] }\n",
			i, urls[i], filepath.Join(dir, fmt.Sprint("js", i)), ports[3+i], strings.Join(routes, ", "))
		tool.Must(os.WriteFile(conf, []byte(text), 0o600))
		all = append(all, &proc{argv: []string{binary, "-c", conf}})
	}
	return all, "nats://" + strings.Join(urls, ",")
}

func run(dir string, long time.Duration) bool {
	ev := tool.Build(dir)
	nats, url := servers(dir)
	for _, s := range nats {
		s.start()
	}
	defer func() {
		for _, s := range nats {
			s.end(syscall.SIGKILL)
		}
	}()
	state := func(i int) []string {
		return []string{"EV_SERVER=" + url, "XDG_STATE_HOME=" + filepath.Join(dir, fmt.Sprint("state", i))}
	}
	// Wait for the cluster: what is stored at once was not spooled.
	for exec.Command("env", append(state(0), ev, "emit", "ev.begin", "--no-spool")...).Run() != nil {
		time.Sleep(time.Second)
	}
	log, got := filepath.Join(dir, "ran"), filepath.Join(dir, "got")
	var tickers, consumers []*proc
	for i := range 20 {
		tickers = append(tickers, &proc{env: state(i), argv: []string{
			ev, "every", "500ms", "--catch-up", "all", "--lock", "--name", "tick", "--lease", "2s", "-q",
			"-c", `echo "B $EV_DUE $EV_FENCE $PPID" >> ` + log + `; sleep 0.05; echo "E $EV_DUE $EV_FENCE" >> ` + log,
		}})
	}
	for i := range 4 {
		consumers = append(consumers, &proc{env: state(100 + i), argv: []string{
			ev, "on-message", "ev.chaos", "--group", "chaos", "--from", "all", "--ack-wait", "2s", "--retry", "1000", "-q",
			"-c", `echo "$EV_STREAM_SEQ $EV_DATA_N" >> ` + got,
		}})
	}
	for _, p := range append(tickers, consumers...) {
		p.start()
	}
	ctx, stop := context.WithTimeout(context.Background(), long)
	defer stop()
	var all sync.WaitGroup
	var counts sync.Map
	every := func(what string, a, b time.Duration, fn func()) {
		all.Go(func() {
			n := 0
			for sleep(ctx, between(a, b)); ctx.Err() == nil; sleep(ctx, between(a, b)) {
				fn()
				n++
			}
			counts.Store(what, n)
		})
	}
	pick := func(list []*proc) *proc { return list[rand.N(len(list))] }
	var frozen sync.Mutex // no process is killed while it is frozen
	every("runners killed", time.Second, 4*time.Second, func() {
		frozen.Lock()
		defer frozen.Unlock()
		if p := runner(log, tickers); p != nil {
			p.kill(ctx, 100*time.Millisecond)
		}
	})
	every("frozen", 2*time.Second, 5*time.Second, func() {
		p := runner(log, tickers)
		if p == nil {
			return
		}
		frozen.Lock()
		defer frozen.Unlock()
		p.signal(syscall.SIGSTOP)
		sleep(ctx, 6*time.Second)
		p.signal(syscall.SIGCONT)
	})
	every("servers killed", 3*time.Second, 6*time.Second, func() { pick(nats).kill(ctx, between(500*time.Millisecond, 2*time.Second)) })
	every("consumers killed", time.Second, 3*time.Second, func() { pick(consumers).kill(ctx, 100*time.Millisecond) })
	accepted := publish(ctx, ev, state, &all)
	all.Wait()
	// What is left is to arrive.
	for _, s := range nats {
		s.signal(syscall.SIGCONT)
	}
	for range 4 { // who uses the spool's server sends what is in it
		for i := range 4 {
			_ = exec.Command("env", append(state(200+i), ev, "on-message", "ev.none", "--group", "x", "--timeout", "2s", "-q")...).Run()
		}
	}
	t := &tally{ticks: map[string]int{}, events: map[string]map[string]int{}}
	for range 60 {
		t = read(log, got)
		if t.missing(accepted) == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	for _, p := range append(tickers, consumers...) {
		p.end(syscall.SIGTERM)
	}
	counts.Range(func(k, v any) bool { fmt.Printf("%v: %v\n", k, v); return true })
	// Who is killed, or frozen, may have claimed an instant and not have begun.
	killed, _ := counts.Load("runners killed")
	stopped, _ := counts.Load("frozen")
	return t.tell(accepted, killed.(int)+stopped.(int))
}

// runner is the one whose command began last.
func runner(log string, tickers []*proc) *proc {
	text, _ := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range slices.Backward(lines) {
		if words := strings.Fields(line); len(words) == 4 && words[0] == "B" {
			for _, p := range tickers {
				p.mu.Lock()
				mine := strconv.Itoa(p.cmd.Process.Pid) == words[3]
				p.mu.Unlock()
				if mine {
					return p
				}
			}
			return nil
		}
	}
	return nil
}

// publish has four publishers emit events, and kills one of four of them. It returns what was
// accepted, once all are done.
func publish(ctx context.Context, ev string, state func(int) []string, all *sync.WaitGroup) map[string]bool {
	accepted := map[string]bool{}
	var mu sync.Mutex
	for i := range 4 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("%d-%d", i, n)
				c := exec.Command(ev, "emit", "ev.chaos", "n="+id, "-q")
				c.Env = append(os.Environ(), state(200+i)...)
				tool.Must(c.Start())
				if rand.N(4) == 0 {
					time.AfterFunc(rand.N(50*time.Millisecond), func() { _ = c.Process.Kill() })
				}
				if c.Wait() == nil {
					mu.Lock()
					accepted[id] = true
					mu.Unlock()
				}
				sleep(ctx, 50*time.Millisecond)
			}
		})
	}
	return accepted
}

// A tally is what has happened.
type tally struct {
	ticks    map[string]int // how often each instant began
	first    time.Time
	last     time.Time
	overlaps int
	events   map[string]map[string]int // by what was sent: by stored number, how often it was done
}

func read(log, got string) *tally {
	t := &tally{ticks: map[string]int{}, events: map[string]map[string]int{}}
	open := ""
	scan(log, func(w []string) {
		switch {
		case w[0] == "B" && len(w) == 4:
			t.ticks[w[1]]++
			if at, err := time.Parse(time.RFC3339Nano, w[1]); err == nil {
				if t.first.IsZero() || at.Before(t.first) {
					t.first = at
				}
				if at.After(t.last) {
					t.last = at
				}
			}
			open = w[2]
		case w[0] == "E" && len(w) == 3 && open != w[2]:
			t.overlaps++ // it ended after another one had begun
		}
	})
	scan(got, func(w []string) {
		if len(w) == 2 {
			if t.events[w[1]] == nil {
				t.events[w[1]] = map[string]int{}
			}
			t.events[w[1]][w[0]]++
		}
	})
	return t
}

func scan(name string, fn func([]string)) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if w := strings.Fields(s.Text()); len(w) > 0 {
			fn(w)
		}
	}
}

func (t *tally) missing(accepted map[string]bool) (n int) {
	for id := range accepted {
		if t.events[id] == nil {
			n++
		}
	}
	return n
}

// tell prints what has happened, and reports whether that is what was promised.
func (t *tally) tell(accepted map[string]bool, claimed int) bool {
	none, more, twice, again := 0, 0, 0, 0
	began := map[int64]bool{}
	for due := range t.ticks {
		if at, err := time.Parse(time.RFC3339Nano, due); err == nil {
			began[at.UnixNano()] = true
		}
	}
	for at := t.first; !at.After(t.last); at = at.Add(500 * time.Millisecond) {
		if !began[at.UnixNano()] {
			none++
		}
	}
	for _, n := range t.ticks {
		if n > 1 {
			more++
		}
	}
	for _, stored := range t.events {
		if len(stored) > 1 {
			twice++
		}
		for _, n := range stored {
			again += n - 1
		}
	}
	lost := t.missing(accepted)
	fmt.Printf("ticks: %d, none %d, more %d; overlaps (of frozen ones) %d\n", len(t.ticks), none, more, t.overlaps)
	fmt.Printf("events: accepted %d, lost %d, stored twice %d; done more than once %d\n", len(accepted), lost, twice, again)
	return none <= claimed && more == 0 && lost == 0 && twice == 0 && len(t.ticks) > 0 && len(accepted) > 0
}
