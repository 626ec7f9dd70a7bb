package onexit

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// A rig is a Watcher on a real loop, and what it has emitted.
type rig struct {
	*testing.T
	loop *loop.Loop
	exit *Watcher
	got  []event.Exit
	on   func(event.Exit)
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := &rig{T: t, loop: looptest.NewLoop(t)}
	var err error
	r.exit, err = New(r.loop, o, func(d event.Detail) {
		r.got = append(r.got, d.(event.Exit))
		if r.on != nil {
			r.on(d.(event.Exit))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) run() {
	r.Helper()
	if err := r.exit.Start(); err != nil {
		r.Fatal(err)
	}
	r.runLoop()
}

func (r *rig) runLoop() {
	r.Helper()
	looptest.Run(r, r.loop)
}

// summary is how each process ended, sorted.
func (r *rig) summary() string {
	var s []string
	for _, d := range r.got {
		s = append(s, d.What())
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}

// strangers starts processes that are not children, and returns their PIDs and what lets them go
// on. Each runs a script, in which $i is its number from 1. Their parent waits for them.
func strangers(tb testing.TB, n int, script string) (pids []string, release func()) {
	tb.Helper()
	start := fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); { read x <&3; %s; } & echo $!; done; exec 3<&-; echo; wait", n, script)
	cmd := exec.CommandContext(tb.Context(), "/bin/sh", "-c", start)
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	release = startHeld(tb, cmd)
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != ""; {
		pids = append(pids, lines.Text())
	}
	return pids, release
}

// orphan starts a process whose parent, the test, does not wait for it.
func orphan(tb testing.TB, script string) (pid string, release func()) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "/bin/sh", "-c", "read x <&3; "+script)
	release = startHeld(tb, cmd)
	return strconv.Itoa(cmd.Process.Pid), release
}

// startHeld starts a command whose descriptor 3 comes to its end at release.
func startHeld(tb testing.TB, cmd *exec.Cmd) (release func()) {
	tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{r}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	_ = r.Close()
	tb.Cleanup(func() {
		_ = w.Close()
		_ = cmd.Wait()
	})
	return func() { _ = w.Close() }
}

const killItself = "kill -9 $(sh -c 'echo $PPID')"

func TestExit_ofStrangers(t *testing.T) {
	pids, release := strangers(t, 3, "exit $i")
	killed, kill := strangers(t, 1, killItself)
	lazy, releaseLazy := orphan(t, "exit 4")
	lazyKilled, killLazy := orphan(t, killItself)
	r := newRig(t, Options{PIDs: slices.Concat(pids, killed, []string{lazy, lazyKilled})})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	for _, fn := range []func(){release, kill, releaseLazy, killLazy} {
		fn()
	}
	r.runLoop()
	if got := r.summary(); got != "exited 1, exited 2, exited 3, exited 4, killed by KILL, killed by KILL" {
		t.Errorf("%s", got)
	}
	for _, d := range r.got {
		if d.Command == "" || d.Elapsed <= 0 || d.Usage != nil {
			t.Errorf("%+v", d)
		}
	}
	if r.exit.Active() {
		t.Error("active though all are gone")
	}
}

func TestExit_onceForEachProcess(t *testing.T) {
	pids, release := strangers(t, 500, "exit $((i % 7))")
	r := newRig(t, Options{PIDs: append(pids, pids...)})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	release()
	r.runLoop()
	seen := map[int]bool{}
	for _, d := range r.got {
		seen[d.PID] = true
		i := slices.Index(pids, strconv.Itoa(d.PID)) + 1
		if !d.Known || d.Status != i%7 {
			t.Errorf("process %d of 500: %+v", i, d)
		}
	}
	if len(seen) != 500 || len(r.got) != 500 {
		t.Errorf("%d events of %d processes, want one each of 500", len(r.got), len(seen))
	}
}

func TestExit_byName(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("needs sleep")
	}
	short := fmt.Sprintf("ev-%d", os.Getpid()) // no other run of this test has it
	for _, name := range []string{short, short + "-with-a-long-name"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.Symlink(sleep, path); err != nil {
				t.Fatal(err)
			}
			var cmds []*exec.Cmd
			for range 2 {
				cmd := exec.CommandContext(t.Context(), path, "600")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				cmds = append(cmds, cmd)
			}
			r := newRig(t, Options{Commands: []string{name}})
			if err := r.exit.Start(); err != nil {
				t.Fatal(err)
			}
			for _, cmd := range cmds {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
			r.runLoop()
			if len(r.got) != 2 || r.got[0].Command != name {
				t.Errorf("%+v", r.got)
			}
		})
	}
	if err := newRig(t, Options{Commands: []string{"ev-no-such-name"}}).exit.Start(); err == nil {
		t.Error("no process has the name, and no error")
	}
	r := newRig(t, Options{Commands: []string{"ev-no-such-name"}, Exited: true})
	if r.run(); len(r.got) != 1 || r.got[0].Command != "ev-no-such-name" || r.exit.Active() {
		t.Errorf("%+v", r.got)
	}
}

// deadPID returns the PID of a process that has been waited for.
func deadPID(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "exit")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(cmd.Process.Pid)
}

func TestExit_goneAlready(t *testing.T) {
	pid := deadPID(t)
	if err := newRig(t, Options{PIDs: []string{pid}}).exit.Start(); err == nil || !strings.Contains(err.Error(), "no such process") {
		t.Errorf("%v", err)
	}
	r := newRig(t, Options{PIDs: []string{pid}, Exited: true})
	r.run()
	if len(r.got) != 1 || strconv.Itoa(r.got[0].PID) != pid || r.got[0].Known {
		t.Errorf("%+v", r.got)
	}
}

func TestExit_pidFile(t *testing.T) {
	pids, release := strangers(t, 1, "exit 5")
	path := filepath.Join(t.TempDir(), "run", "daemon.pid")
	r := newRig(t, Options{PIDFiles: []string{path}})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	check := loop.NewCheck(r.loop, func() {
		if len(r.exit.watched) > 0 {
			release()
		}
	})
	check.KeepAlive(false)
	check.Start()
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	r.loop.Post(func() {
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Error(err)
		}
		write("")
		r.loop.After(20*time.Millisecond, func() { write(pids[0] + "\n/var/lib/db\n") })
	})
	r.runLoop()
	if got := r.summary(); got != "exited 5" {
		t.Errorf("%s", got)
	}
}

func TestExit_pidFileThatIsThere(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]string{
		"rubbish\n":              "not a PID",
		"12 34\n":                "not a PID",
		"-5\n":                   "not a PID",
		deadPID(t) + "\n":        "no such process",
		strings.Repeat("1", 300): "not a PID",
	} {
		err := newRig(t, Options{PIDFiles: []string{file("bad", text)}}).exit.Start()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	pids, release := strangers(t, 1, "exit 6")
	r := newRig(t, Options{PIDFiles: []string{file("good", pids[0])}})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	release()
	r.runLoop()
	if got := r.summary(); got != "exited 6" {
		t.Errorf("%s", got)
	}
}

func TestExit_badPIDs(t *testing.T) {
	for s, want := range map[string]string{
		"0":                       "is not a PID",
		"-1":                      "is not a PID",
		"x":                       "is not a PID",
		"":                        "is not a PID",
		"1.5":                     "is not a PID",
		strconv.Itoa(os.Getpid()): "ev itself",
		"1:":                      "inode",
		"1:x":                     "inode",
		"1:0":                     "inode",
	} {
		if _, err := New(nil, Options{PIDs: []string{s}}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
	if _, err := New(nil, Options{}, nil); err == nil {
		t.Error("no process, and no error")
	}
	if err := newRig(t, Options{PIDs: []string{"999999999"}}).exit.Start(); err == nil {
		t.Error("a PID that can't be, and no error")
	}
}

// A nurse is the runner of a child that is none.
type nurse struct {
	*Watcher
	log []string
}

func (n *nurse) Run()  { n.log = append(n.log, "run"+strconv.Itoa(len(n.log)+1)) }
func (n *nurse) Stop() { n.log = append(n.log, "stop") }

// lives has the child live, and end.
func (n *nurse) lives(d event.Exit) {
	n.Began(d.PID)
	n.Ended(d)
}

// newNursery makes a rig with a child.
func newNursery(t *testing.T, o Options) (*rig, *nurse) {
	t.Helper()
	o.Child = true
	r := newRig(t, o)
	n := &nurse{Watcher: r.exit}
	r.exit.SetRunner(n)
	return r, n
}

func TestExit_child(t *testing.T) {
	r, n := newNursery(t, Options{})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	want := event.Exit{PID: 7, Command: "sh", Known: true, Status: 3}
	n.lives(want)
	if len(r.got) != 1 || r.got[0] != want || r.exit.Active() {
		t.Errorf("%+v, active %t", r.got, r.exit.Active())
	}
	r.runLoop()
}

func TestExit_respawn(t *testing.T) {
	tests := []struct {
		status int
		when   Respawn
		want   string
	}{
		{3, RespawnNever, "run1, stop"},
		{0, RespawnAlways, "run1, run2, run3, stop"},
		{1, RespawnOnFailure, "run1, run2, run3, stop"},
		{0, RespawnOnFailure, "run1, stop"},
	}
	for _, tt := range tests {
		r, n := newNursery(t, Options{Respawn: tt.when, Delay: time.Millisecond, MaxDelay: 4 * time.Millisecond})
		ran := 0
		each := loop.NewPrepare(r.loop, func() {
			for ; ran < len(n.log) && r.exit.Active(); ran++ {
				if ran == 2 {
					r.exit.Stop()
				}
				n.lives(event.Exit{PID: ran + 1, Known: true, Status: tt.status})
			}
		})
		each.KeepAlive(false)
		each.Start()
		r.run()
		if got := strings.Join(n.log, ", "); got != tt.want {
			t.Errorf("%d: %s, want %s", tt.status, got, tt.want)
		}
	}
}

func TestExit_respawnDelayDoubles(t *testing.T) {
	w := &Watcher{options: Options{Delay: time.Second, MaxDelay: 5 * time.Second}}
	l := looptest.NewLoop(t)
	c := &child{w: w, delay: time.Second, again: loop.NewTimer(l, 0, 0, func() {})}
	var got []time.Duration
	for _, lived := range []time.Duration{0, 0, 0, 0, time.Minute, 0} {
		c.pause(lived)
		got = append(got, c.again.Remaining().Round(time.Second))
		c.again.Stop()
	}
	if want := []time.Duration{1e9, 2e9, 4e9, 5e9, 1e9, 2e9}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestExit_stoppedItEndsItsChild(t *testing.T) {
	r, n := newNursery(t, Options{})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	r.exit.Stop()
	n.lives(event.Exit{PID: 7})
	if got := strings.Join(n.log, ", "); got != "run1, stop" || len(r.got) != 0 || r.exit.Active() {
		t.Errorf("%s, %+v, active %t", got, r.got, r.exit.Active())
	}
}

// What a child does is known once it lives.
func TestExit_feedOfAChildThatStarts(t *testing.T) {
	r, n := newNursery(t, Options{})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	r.exit.Feed()
	r.on = func(event.Exit) { r.exit.Stop() }
	r.loop.Post(func() { n.Began(os.Getpid()) })
	r.runLoop()
	if len(r.got) != 1 || !r.got[0].Running {
		t.Errorf("%+v", r.got)
	}
}

func TestExit_Feed(t *testing.T) {
	pids, _ := strangers(t, 1, "exit")
	r := newRig(t, Options{PIDs: pids})
	r.on = func(event.Exit) { r.exit.Stop() }
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	r.exit.Feed()
	r.runLoop()
	if len(r.got) != 1 || strconv.Itoa(r.got[0].PID) != pids[0] || r.got[0].Known {
		t.Errorf("%+v", r.got)
	}
}

// TestExit_polled is what happens where there are no pidfds.
func TestExit_polled(t *testing.T) {
	pids, release := strangers(t, 2, "exit 3")
	r := newRig(t, Options{PIDs: pids})
	r.exit.targets, r.exit.watched = map[target]bool{}, map[int]bool{}
	r.exit.active.Start()
	for _, s := range pids {
		pid, _ := strconv.Atoi(s)
		target, err := r.exit.polls.watch(process.Ref{PID: pid})
		if err != nil {
			t.Fatal(err)
		}
		r.exit.watching(target, pid)
	}
	// The second is another process by now.
	other, _ := strconv.Atoi(pids[1])
	r.exit.polls.targets[other].ID = "another"
	r.on = func(event.Exit) { release() }
	r.runLoop()
	if got := r.summary(); got != "ended, status unknown, ended, status unknown" || r.got[0].PID != other {
		t.Errorf("%s, first %d, want %d", got, r.got[0].PID, other)
	}
}

// BenchmarkExit_tenThousand watches 10,000 processes that end together.
func BenchmarkExit_tenThousand(b *testing.B) {
	const n = 10000
	for b.Loop() {
		b.StopTimer()
		pids, release := strangers(b, n, "exit 7")
		l, err := loop.New()
		if err != nil {
			b.Fatal(err)
		}
		events := 0
		b.StartTimer()
		w, err := New(l, Options{PIDs: pids}, func(d event.Detail) {
			if e := d.(event.Exit); e.Known && e.Status == 7 {
				events++
			}
		})
		if err == nil {
			err = w.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		release()
		if err := l.Run(b.Context(), loop.RunDefault); err != nil || events != n {
			b.Fatalf("%d of %d: %v", events, n, err)
		}
		_ = l.Close()
	}
}
