package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/natstest"
)

// clusterLines are those at the end of what is promised beyond one machine, by the second, and a
// backup that is made again if it was cut off.
const clusterLines = `
EV_SERVER=%s
backup:  every 1s --until %s --lock -c 'echo $EV_DUE $EV_MISSED >>backup'
again:   every 1s --until %[2]s --lock --lease 2s --rerun -c 'echo $EV_DUE $EV_MISSED >>again'
invoice: every 1s --until %[2]s --emit ev.jobs.invoice
billing: on-message ev.jobs.invoice --from all --retry 8 --ack-wait 2s -c 'echo $EV_DATA_DUE >>invoices'
config:  stat conf --emit ev.config.changed
restart: on-message ev.config.changed --each-host --from all -c 'echo $EV_ID >>$XDG_STATE_HOME/restarted'
reindex: stat docs --lock=docs -c 'echo x >>reindexed; flock -n guard true || echo two >>overlaps'
`

// A member is one of a cluster, which is started anew when it has been killed.
type member struct {
	command func() *exec.Cmd
	running *exec.Cmd
}

func (m *member) start(t *testing.T) {
	t.Helper()
	m.running = m.command()
	if err := m.running.Start(); err != nil {
		t.Fatal(err)
	}
}

func (m *member) kill() {
	_ = m.running.Process.Kill()
	_ = m.running.Wait()
}

// Three ev and three servers, of which any one is killed at any moment. Each instant runs once, unless
// the ev that has claimed it is killed, or one that runs later tells that it was missed; with --rerun it
// runs in any case. Each event is stored once, and dealt with.
func TestCluster_anyOneKilled(t *testing.T) {
	server, _, _ := strings.Cut(os.Getenv("EV_NATS_SERVER"), ":")
	if server == "" {
		t.Skip("EV_NATS_SERVER names no nats-server: .ci/run does")
	}
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip("needs flock")
	}
	t.Chdir(t.TempDir())
	ports, err := natstest.FreePorts(6)
	if err != nil {
		t.Fatal(err)
	}
	var all []*member
	var urls, routes []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("127.0.0.1:%d", ports[i]))
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+i]))
	}
	url := "nats://" + strings.Join(urls, ",")
	for i := range 3 {
		conf := fmt.Sprintf("server%d.conf", i)
		write(t, conf, fmt.Sprintf("server_name: s%d\nlisten: %q\njetstream { store_dir: %q }\ncluster { name: c, listen: %q, routes: [%s] }\n",
			i, urls[i], t.TempDir(), strings.TrimPrefix(routes[i], "nats://"), strings.Join(routes, ", ")))
		all = append(all, &member{command: func() *exec.Cmd { return exec.CommandContext(t.Context(), server, "-c", conf) }})
	}
	const long = 25 * time.Second
	until := time.Now().Add(long).Truncate(time.Second)
	write(t, "Evfile", fmt.Sprintf(clusterLines, url, until.Format(time.RFC3339)))
	write(t, "conf", "")
	write(t, "docs", "")
	for i := range 3 {
		state := t.TempDir()
		said, err := os.Create(fmt.Sprintf("said%d", i))
		if err != nil {
			t.Fatal(err)
		}
		defer said.Close()
		all = append(all, &member{command: func() *exec.Cmd {
			c := exec.CommandContext(t.Context(), "ev", "run")
			c.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
			c.Stderr = said
			return c
		}})
		t.Cleanup(func() {
			if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
				t.Logf("%s", text)
			}
		})
	}
	for _, m := range all {
		m.start(t)
		defer m.kill()
	}
	kills, cutOff := 0, 0
	for {
		<-time.After(rand.N(1500 * time.Millisecond)) // the pauses are a part of what is done to them
		if !time.Now().Before(until) {
			break // the last instant is nobody's who is killed
		}
		i := rand.IntN(len(all))
		all[i].kill()
		all[i].start(t)
		kills++
		if i >= 3 {
			cutOff++ // an instant, at most
		}
		write(t, "docs", fmt.Sprint(kills))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	write(t, "conf", "changed")
	for _, m := range all[3:] {
		restarted := filepath.Join(strings.TrimPrefix(m.running.Env[len(m.running.Env)-1], "XDG_STATE_HOME="), "restarted")
		waitUntil(ctx, t, restarted+" is there", func() bool { return len(lines(restarted)) > 0 })
	}
	waitUntil(ctx, t, "the last event is stored", func() bool {
		return exec.CommandContext(ctx, "ev", "emit", "ev.jobs.invoice", "due=last", "--id", "last", "--no-spool", "--server", url).Run() == nil
	})
	stored, err := os.Create("stored")
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	reader := exec.CommandContext(ctx, "ev", "on-message", "ev.jobs.invoice", "--name", "reader", "--from", "all",
		"--format", `{data.due} {data.missed} {stream_seq}\n`, "--server", url)
	reader.Stdout = stored
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
	end := until.Format(time.RFC3339)
	var none []string
	waitUntil(ctx, t, "the event of each instant is stored", func() bool {
		none = readLedger("stored").open(until)
		return len(none) == 0
	})
	waitUntil(ctx, t, "the last event is dealt with", func() bool { return slices.Contains(lines("invoices"), end) })
	events := readLedger("stored")
	waitUntil(ctx, t, "all that was stored is dealt with", func() bool {
		done := lines("invoices")
		none = slices.DeleteFunc(slices.Collect(maps.Keys(events.ran)), func(due string) bool { return slices.Contains(done, due) })
		return len(none) == 0
	})
	for due, places := range events.ran {
		if len(places) > 1 {
			t.Errorf("the event of %s is stored %d times: as %v", due, len(places), slices.Collect(maps.Keys(places)))
		}
	}
	waitUntil(ctx, t, "each instant with --rerun ran, or was missed", func() bool {
		none = readLedger("again").open(until)
		return len(none) == 0
	})
	waitUntil(ctx, t, "each instant ran, was missed, or was cut off", func() bool {
		none = readLedger("backup").open(until)
		return stretches(none) <= cutOff && !slices.Contains(none, end)
	})
	backups := readLedger("backup")
	for due, n := range backups.times {
		if n > 1 || backups.missed[due] {
			t.Errorf("the instant %s ran %d times, and was missed: %v", due, n, backups.missed[due])
		}
	}
	waitUntil(ctx, t, "something ran under the lock docs", func() bool { return len(lines("reindexed")) > 0 })
	if n := len(lines("overlaps")); n > 0 {
		t.Errorf("under the lock docs %d ran beside another", n)
	}
	t.Logf("%d kills, %d of them of an ev: %d instants ran, %d were missed, %d cut off; all of %d stored events were dealt with, in %d runs",
		kills, cutOff, len(backups.ran), len(backups.missed), len(none), len(events.ran), len(lines("invoices")))
}

// A ledger is what became of the instants of a schedule, one a second, by what was written of each
// that came: its time, how many before it were missed, and something about it.
type ledger struct {
	ran    map[string]map[string]bool // by time: what was written about it
	times  map[string]int
	missed map[string]bool
	first  time.Time
}

func readLedger(file string) ledger {
	l := ledger{ran: map[string]map[string]bool{}, times: map[string]int{}, missed: map[string]bool{}}
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line + " -")
		due, err := time.Parse(time.RFC3339, words[0])
		missed, err2 := strconv.Atoi(words[1])
		if err != nil || err2 != nil { // it is being written, or the end's
			continue
		}
		if l.ran[words[0]] == nil {
			l.ran[words[0]] = map[string]bool{}
		}
		l.ran[words[0]][words[2]] = true
		l.times[words[0]]++
		for at := due; missed >= 0; missed-- {
			if l.first.IsZero() || at.Before(l.first) {
				l.first = at
			}
			if at != due {
				l.missed[at.Format(time.RFC3339)] = true
			}
			at = at.Add(-time.Second)
		}
	}
	return l
}

// stretches counts those of instants, in their order, that follow one another: a run that was cut off
// takes with it what it had to tell of those before it.
func stretches(instants []string) (n int) {
	var before time.Time
	for _, due := range instants {
		at, err := time.Parse(time.RFC3339, due)
		if err != nil || !at.Equal(before.Add(time.Second)) {
			n++
		}
		before = at
	}
	return n
}

// open returns the instants of which nothing is known, of those from the first one to the last.
func (l ledger) open(last time.Time) (none []string) {
	if l.first.IsZero() {
		return []string{"all"}
	}
	for at := l.first; !at.After(last); at = at.Add(time.Second) {
		if due := at.Format(time.RFC3339); l.ran[due] == nil && !l.missed[due] {
			none = append(none, due)
		}
	}
	return none
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func lines(file string) []string {
	text, _ := os.ReadFile(file)
	return strings.Fields(string(text))
}

// waitUntil waits for what the processes do, and fails the test once ctx is over.
func waitUntil(ctx context.Context, t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		select {
		case <-ctx.Done():
			t.Errorf("never came: %s", what)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
