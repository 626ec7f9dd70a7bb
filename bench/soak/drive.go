package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/bench/tool"
)

const patience = 90 * time.Second // ev tries again after at most a minute

var (
	intervals = map[string]time.Duration{ // of what ticks
		"t1": 70 * time.Millisecond, "t2": 110 * time.Millisecond, "t3": 130 * time.Millisecond, "t4": 290 * time.Millisecond,
		"t5": 370 * time.Millisecond, "t6": 200 * time.Millisecond,
		"e1": 100 * time.Millisecond, "e2": 250 * time.Millisecond, "e3": time.Second, "e4": time.Second, "e5": 200 * time.Millisecond,
	}
	trees    = []string{"s1", "s2", "s3", "s4"}
	printing = []string{"f1", "f2", "f3", "f4"} // lines
	running  = []string{"f5", "f6"}             // a command for each line
	signals  = map[string]syscall.Signal{"g1": 35, "g2": 36, "g3": 37, "g4": 38, "g5": 39}
	children = []string{"c1", "c2", "c3"}
	servers  = map[string]string{"h1": "h1.sock", "h2": "h2.sock", "h3": "h3.sock", "h4": "h3.sock"}
)

// evfile has 40 watchers, of which one is another in each generation.
func evfile(generation int) string {
	var b strings.Builder
	line := func(label, format string, args ...any) { fmt.Fprintf(&b, label+": "+format+"\n", args...) }
	for _, name := range []string{"t1", "t2", "t3", "t4", "t5"} {
		line(name, "timer %s --repeat %[1]s", intervals[name])
	}
	line("t6", "timer 200ms --repeat 200ms --print -- true")
	line("e1", "every 100ms")
	line("e2", "every 250ms --offset 30ms")
	line("e3", "every 1s")
	line("e4", "every '* * * * * *'")
	line("e5", "every 200ms --print -- sleep 0.3")
	for _, name := range trees {
		line(name, "stat -r %s --each --no-ignore --hidden", name)
	}
	for _, name := range printing {
		line(name, "watch-fd ./%s.fifo --line", name)
	}
	for _, name := range running {
		line(name, "watch-fd ./%s.fifo --line -c 'cat >>%[1]s.got'", name)
	}
	for name, s := range signals {
		command := ""
		if name == "g5" {
			command = " --print -- true"
		}
		line(name, "on-signal %d%s", s, command)
	}
	for _, name := range children {
		line(name, `on-exit --respawn --print --child 'sh -c "echo x >>%s.ran; sleep 0.2; exit 3"' -- true`, name)
	}
	line("c4", `on-exit --respawn --child 'sh -c "echo $$ >c4.new; mv c4.new c4.pid; exec sleep 1000"'`)
	line("job", "timer 1000h -c 'exit 4'")
	line("o1", "on-exit --of job")
	line("h1", "on-http unix:h1.sock -- echo {param.n}")
	line("h2", "on-http unix:h2.sock --on-busy queue -- cat")
	line("h3", "on-http unix:h3.sock --path /h3 -- echo {param.n}")
	line("h4", "on-http unix:h3.sock --path /h4")
	line("u1", "watch-fd unix-listen:u1.sock -- cat")
	line("sw", "timer 50ms --repeat 50ms")
	line("p1", "probe --every 100ms --cmd 'test -e flag'")
	line("gen", `timer 0 --repeat 1000h --format '{"name":"gen","line":"%d"}\n'`, generation)
	return b.String()
}

// prepare makes what the watchers begin with.
func (r *run) prepare() {
	for _, name := range trees {
		tool.Must(os.Mkdir(r.path(name), 0o700))
	}
	for _, name := range append(printing, running...) {
		tool.Must(unix.Mkfifo(r.path(name+".fifo"), 0o600))
	}
	tool.Must(os.WriteFile(r.path("Evfile"), []byte(evfile(0)), 0o600))
}

// keepBusy begins all that happens to ev.
func (r *run) keepBusy() {
	for _, name := range trees {
		r.busy(30*time.Millisecond, func() { r.churn(r.path(name)) })
	}
	for _, name := range printing {
		r.write(name, 100*time.Millisecond)
	}
	for _, name := range running { // no faster than a busy machine starts commands
		r.write(name, 500*time.Millisecond)
	}
	for name, s := range signals {
		r.busy(100*time.Millisecond, func() {
			for range 1 + rand.N(5) {
				if unix.Kill(r.ev.Process.Pid, s) == nil { // else the queue is full
					r.count(name, 1)
				}
			}
		})
	}
	for name, socket := range servers {
		r.request(name, r.path(socket))
	}
	r.busy(200*time.Millisecond, r.connect)
	r.busy(2*time.Second, r.killChild)
	r.busy(time.Second, r.fire)
	r.busy(time.Second, r.stopAndStart)
	r.busy(time.Second, r.toggle)
	generation := 0
	r.busy(2*time.Second, func() {
		generation++
		r.reload(generation)
	})
	r.busy(time.Second, func() {
		r.count("list", 1)
		if err := r.ctl("list"); err != nil {
			r.failf("%v", err)
		}
	})
}

// churn changes a tree a little.
func (r *run) churn(tree string) {
	r.count(filepath.Base(tree), 1)
	dir := filepath.Join(tree, fmt.Sprint("dir", rand.N(4)), fmt.Sprint("e", rand.N(3)))
	file := filepath.Join(dir, fmt.Sprint("f", rand.N(8)))
	switch rand.N(12) {
	case 0:
		_ = os.RemoveAll(filepath.Dir(dir))
	case 1:
		_ = os.Rename(dir, filepath.Join(tree, fmt.Sprint("dir", rand.N(4)), fmt.Sprint("e", 3+rand.N(3))))
	case 2, 3:
		_ = os.Remove(file)
	case 4, 5:
		_ = os.Rename(file, filepath.Join(dir, fmt.Sprint("f", rand.N(8))))
	default:
		_ = os.MkdirAll(dir, 0o700)
		_ = os.WriteFile(file, make([]byte, rand.N(5000)), 0o600)
	}
}

// write writes numbered lines to a FIFO, a few after each pause.
func (r *run) write(name string, most time.Duration) {
	f, err := os.OpenFile(r.path(name+".fifo"), os.O_WRONLY, 0)
	tool.Must(err)
	n := 0
	r.busy(most, func() {
		for range 1 + rand.N(10) {
			n++
			if _, err := fmt.Fprintln(f, n); err != nil {
				r.failf("%s: %v", name, err)
			}
		}
		r.mu.Lock()
		r.counts[name] = n
		r.mu.Unlock()
	})
}

// request sends numbered requests, each of which is to be answered with its number.
func (r *run) request(name, socket string) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	n := 0
	r.busy(100*time.Millisecond, func() {
		n++
		r.count(name, 1)
		body := fmt.Sprint("n=", n)
		want := map[string]string{"h2": body, "h4": ""}[name]
		if name == "h1" || name == "h3" {
			want = fmt.Sprintln(n)
		}
		for {
			got, status, err := post(client, name, body)
			switch {
			case r.faulty && status == http.StatusServiceUnavailable: // no command can be started now
				r.count(name+": 503", 1)
				continue
			case err != nil || got != want || status/100 != 2:
				r.failf("%s: request %d: %d, %q, %v", name, n, status, got, err)
			}
			return
		}
	})
}

func post(client *http.Client, name, body string) (got string, status int, err error) {
	answer, err := client.Post("http://localhost/"+name, "application/x-www-form-urlencoded", strings.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), answer.StatusCode, err
}

// connect has a connection's command say again what it is told.
func (r *run) connect() {
	r.count("u1", 1)
	want := []byte(strings.Repeat("x", rand.N(100_000)))
	c, err := net.Dial("unix", r.path("u1.sock"))
	if err != nil {
		r.failf("u1: %v", err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	go func() {
		_, _ = c.Write(want)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
		r.failf("u1: %d bytes came back of %d: %v", len(got), len(want), err)
	}
}

// killChild kills the child that sleeps, which must be told and begin anew.
func (r *run) killChild() {
	pid := 0
	if !eventually(patience, func() bool {
		text, _ := os.ReadFile(r.path("c4.pid"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid != 0 && !r.told.killed(pid)
	}) {
		r.failf("c4: no child begins")
		return
	}
	r.count("c4", 1)
	_ = unix.Kill(pid, unix.SIGKILL)
	if !eventually(patience, func() bool { return r.told.killed(pid) }) {
		r.failf("c4: the end of %d is not told", pid)
	}
}

// fire has a job run, of whose end another watcher tells.
func (r *run) fire() {
	before := r.told.of("o1")
	if err := r.ctl("fire", "job"); err != nil {
		r.failf("%v", err)
		return
	}
	r.count("o1", 1)
	if !eventually(patience, func() bool { return r.told.of("o1") > before }) {
		r.failf("o1: a run of job is not told")
	}
}

func (r *run) stopAndStart() {
	r.count("sw", 1)
	for _, what := range []string{"stop", "start"} {
		if err := r.ctl(what, "sw"); err != nil {
			r.failf("%v", err)
		}
	}
	before := r.told.of("sw")
	if !eventually(patience, func() bool { return r.told.of("sw") > before }) {
		r.failf("sw: it does not start again")
	}
}

// toggle makes what a probe looks at, or takes it away.
func (r *run) toggle() {
	r.count("p1", 1)
	before, want := r.told.of("p1"), "up"
	if os.Remove(r.path("flag")) == nil {
		want = "down"
	} else {
		tool.Must(os.WriteFile(r.path("flag"), nil, 0o600))
	}
	if !eventually(patience, func() bool { return r.told.of("p1") > before && r.told.lastState("p1") == want }) {
		r.failf("p1: it is not told that it is %s", want)
	}
}

// reload has the Evfile read anew by a signal and by ctl, in turns. One that can't be read changes
// nothing, so it is asked for again.
func (r *run) reload(generation int) {
	r.count("gen", 1)
	tool.Must(os.WriteFile(r.path("Evfile.new"), []byte(evfile(generation)), 0o600))
	tool.Must(os.Rename(r.path("Evfile.new"), r.path("Evfile")))
	for end := time.Now().Add(patience); ; {
		if generation%2 == 0 {
			_ = unix.Kill(r.ev.Process.Pid, unix.SIGHUP)
		} else {
			_ = r.ctl("reload")
		}
		if eventually(time.Second, func() bool { return r.told.generation() == generation }) {
			return
		}
		if time.Now().After(end) {
			r.failf("gen: the Evfile is not read anew")
			return
		}
	}
}

// pause waits for a while at random, or until it is over.
func pause(over context.Context, most time.Duration) {
	select {
	case <-time.After(rand.N(most + 1)):
	case <-over.Done():
	}
}
