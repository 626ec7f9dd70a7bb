package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/natstest"
)

// clusterLines are those at the end of what is promised beyond one machine, by the second.
const clusterLines = `
EV_SERVER=%s
backup:  every 1s --until %s --lock -c 'echo $EV_DUE >>backup'
invoice: every 1s --until %[2]s --emit ev.jobs.invoice
billing: on-message ev.jobs.invoice --from all --retry 8 --ack-wait 2s -c 'echo $EV_DATA_DUE >>invoices'
config:  stat conf --emit ev.config.changed
restart: on-message ev.config.changed --each-host --from all -c 'echo $EV_ID >>$XDG_STATE_HOME/restarted'
reindex: stat docs --lock=docs -c 'flock -n guard true || echo two >>overlaps'
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

// Three ev and three servers, of which any one is killed at any moment: no instant runs more than
// once, and no event that was stored is lost.
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
	kills := 0
	for time.Now().Before(until) { // the pauses are a part of what is done to them
		<-time.After(rand.N(1500 * time.Millisecond))
		m := all[rand.IntN(len(all))]
		m.kill()
		m.start(t)
		kills++
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
	reader := exec.CommandContext(ctx, "ev", "on-message", "ev.jobs.invoice", "--name", "reader", "--from", "all", "--format", `{data.due}\n`, "--server", url)
	reader.Stdout = stored
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
	waitUntil(ctx, t, "the last event is read", func() bool { return slices.Contains(lines("stored"), "last") })
	var missing []string
	waitUntil(ctx, t, "all that was stored is dealt with", func() bool {
		done := lines("invoices")
		missing = slices.DeleteFunc(lines("stored"), func(due string) bool { return slices.Contains(done, due) })
		return len(missing) == 0
	})
	if len(missing) > 0 {
		t.Errorf("lost: %v", missing)
	}
	ran := lines("backup")
	slices.Sort(ran)
	if once := slices.Compact(slices.Clone(ran)); len(once) != len(ran) || len(ran) == 0 {
		t.Errorf("instants that ran: %v", ran)
	}
	if len(lines("overlaps")) > 0 {
		t.Error("two ev had the lock docs at once")
	}
	t.Logf("%d kills: %d instants ran, of %d stored events all were dealt with, in %d runs", kills, len(ran), len(lines("stored")), len(lines("invoices")))
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
