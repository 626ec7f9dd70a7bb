package action

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// closeWhen closes the Exec once a command has written to the FIFO, and returns what it has written
// by the time that all who have it open have ended.
func (th *theatre) closeWhen(ready fifo) func() {
	first, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		f, err := os.Open(ready.path)
		if err != nil {
			th.t.Error(err)
			close(first)
			return
		}
		defer f.Close()
		_ = f.SetReadDeadline(time.Now().Add(looptest.Patience))
		buf := make([]byte, 1)
		if _, err := f.Read(buf); err != nil {
			th.t.Error(err)
		}
		close(first)
		for {
			if _, err := f.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
				th.t.Error("what the command had started lives on")
				return
			} else if err != nil {
				return
			}
		}
	}()
	go func() {
		<-first
		th.loop.Post(func() { th.Close(func() {}) })
	}()
	return func() { <-ended }
}

func TestExec_stopEndsTheWholeGroup(t *testing.T) {
	ready := newFIFO(t)
	// A child, and a grandchild that has lost its parent: all hold the FIFO open.
	script := `exec 3>"$FIFO"; (sleep 1000 & exec sleep 1000) & (sleep 1000 &) ; echo up >&3; wait; sleep 1000`
	th := open(t, Options{Argv: shell(script), Env: []string{"FIFO=" + ready.path}, KillAfter: time.Hour})
	allGone := th.closeWhen(ready)
	th.Do(tick(1))
	th.run()
	allGone()
	if got := th.outcomes[0]; !got.Stopped || got.Signal != unix.SIGTERM {
		t.Errorf("got %+v", got)
	}
}

func TestExec_stopWaitsForWhatEndsLaterThanItsParent(t *testing.T) {
	ready := newFIFO(t)
	script := `(trap 'sleep 0.2; echo tidied; exit' TERM; echo up >"$FIFO"; while :; do sleep 0.01; done) & wait`
	th := open(t, Options{Argv: shell(script), Env: []string{"FIFO=" + ready.path}, KillAfter: time.Hour})
	th.closeWhen(ready)
	th.Do(tick(1))
	th.run()
	if got := th.output(); !strings.Contains(got, "tidied\n") {
		t.Errorf("the run ended before its group: %q", got)
	}
}

func TestExec_killsWhatIgnoresTheStopSignal(t *testing.T) {
	ready := newFIFO(t)
	script := `trap '' TERM; exec 3>"$FIFO"; (trap '' TERM; echo up >&3; sleep 1000) & sleep 1000; sleep 1000`
	th := open(t, Options{Argv: shell(script), Env: []string{"FIFO=" + ready.path}, KillAfter: 50 * time.Millisecond})
	allGone := th.closeWhen(ready)
	th.Do(tick(1))
	th.run()
	allGone()
	if got := th.outcomes[0]; got.Signal != unix.SIGKILL {
		t.Errorf("got %+v", got)
	}
	if want := "did not end within 50ms of TERM: killed"; !strings.Contains(th.said.String(), want) {
		t.Errorf("said %q, want %q", th.said.String(), want)
	}
}

func TestExec_killsWhatItsParentLeftBehindWhileItWasStopped(t *testing.T) {
	ready := newFIFO(t)
	script := `exec 3>"$FIFO"; (trap '' TERM; echo up >&3; sleep 1000; sleep 1000) & wait`
	th := open(t, Options{Argv: shell(script), Env: []string{"FIFO=" + ready.path}, KillAfter: 50 * time.Millisecond})
	allGone := th.closeWhen(ready)
	th.Do(tick(1))
	th.run()
	allGone()
	if got := th.outcomes[0]; got.Signal != unix.SIGTERM {
		t.Errorf("got %+v", got)
	}
}

func TestExec_secondRequestKillsAtOnce(t *testing.T) {
	ready := newFIFO(t)
	script := `trap 'echo again >&3' TERM; exec 3>"$FIFO"; echo up >&3; while :; do sleep 0.01; done`
	th := open(t, Options{Argv: shell(script), Env: []string{"FIFO=" + ready.path}, KillAfter: time.Hour})
	go func() {
		f, err := os.Open(ready.path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		buf := make([]byte, 16)
		for _, request := range []func(){func() { th.Close(func() {}) }, th.Kill} {
			if _, err := f.Read(buf); err != nil {
				t.Error(err)
			}
			th.loop.Post(request)
		}
	}()
	th.Do(tick(1))
	th.run()
	if got := th.outcomes[0]; got.Signal != unix.SIGKILL {
		t.Errorf("got %+v", got)
	}
}

func TestExec_stopsOneThatTakesTooLong(t *testing.T) {
	_, out := play(t, Options{Argv: shell(`sleep 1000`), RunTimeout: 20 * time.Millisecond, KillAfter: time.Hour}, tick(1))
	if !out.TimedOut || out.Status != 124 || out.Signal != unix.SIGTERM {
		t.Errorf("got %+v", out)
	}
}

func TestExec_stopsByTheSignalThatIsAskedFor(t *testing.T) {
	_, out := play(t, Options{Argv: shell(`sleep 1000`), StopSignal: unix.SIGUSR2, RunTimeout: 20 * time.Millisecond, KillAfter: time.Hour}, tick(1))
	if out.Signal != unix.SIGUSR2 {
		t.Errorf("got %+v", out)
	}
}

func TestExec_stopReachesAStoppedProcess(t *testing.T) {
	_, out := play(t, Options{Argv: shell(`kill -STOP $$`), RunTimeout: 50 * time.Millisecond, KillAfter: time.Hour}, tick(1))
	if out.Signal != unix.SIGTERM {
		t.Errorf("got %+v", out)
	}
}

// What a command leaves behind when it ends by itself is its own affair.
func TestExec_leavesAloneWhatACommandLeft(t *testing.T) {
	alive := newFIFO(t)
	th := open(t, Options{Argv: shell(`(trap '' HUP; cat "$FIFO" >/dev/null; echo still here) & echo $!`), Env: []string{"FIFO=" + alive.path}})
	th.Do(tick(1))
	th.run()
	ended := make(chan struct{})
	th.Close(func() { close(ended) })
	<-ended
	pid := strings.TrimSpace(th.output())
	if n, err := strconv.Atoi(pid); err != nil || unix.Kill(n, 0) != nil {
		t.Fatalf("process %q is gone: %v", pid, err)
	}
	f, err := os.OpenFile(alive.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close() // lets it go
}

func TestExec_ofItsOwnGroupUnlessForeground(t *testing.T) {
	for _, foreground := range []bool{false, true} {
		th, out := play(t, self(t, Options{Foreground: foreground}, "group"), tick(1))
		pgrp, pid, _ := strings.Cut(strings.TrimSpace(th.output()), " ")
		want := pid
		if foreground {
			want = strconv.Itoa(unix.Getpgrp())
		}
		if out.Status != 0 || pgrp != want {
			t.Errorf("foreground %v: process %s is in group %s, want %s", foreground, pid, pgrp, want)
		}
	}
}

func TestExec_foregroundIsStoppedAlone(t *testing.T) {
	_, out := play(t, Options{Argv: shell(`exec sleep 1000`), Foreground: true, RunTimeout: 20 * time.Millisecond, KillAfter: time.Hour}, tick(1))
	if out.Signal != unix.SIGTERM {
		t.Errorf("got %+v", out)
	}
}

func TestExec_suspendAndResumeTheForeground(t *testing.T) {
	ready := newFIFO(t)
	script := `trap 'echo suspended >&3' TSTP; trap 'echo resumed >&3; exit 9' CONT; exec 3>"$FIFO"; echo up >&3; while :; do sleep 0.01; done`
	th := open(t, Options{Argv: shell(script), Foreground: true, Env: []string{"FIFO=" + ready.path}})
	var heard []string
	over := make(chan struct{})
	go func() {
		defer close(over)
		f, err := os.Open(ready.path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		buf := make([]byte, 64)
		var suspend func()
		suspend = func() {
			if th.runs[0].child == nil { // it was faster than the news of its start
				th.loop.Post(suspend)
				return
			}
			th.Suspend()
		}
		for _, next := range []func(){suspend, th.Resume, func() {}} {
			n, err := f.Read(buf)
			if err != nil {
				t.Error(err)
			}
			heard = append(heard, strings.TrimSpace(string(buf[:n])))
			th.loop.Post(next)
		}
	}()
	th.Do(tick(1))
	if !th.Foreground() {
		t.Error("no command has the terminal")
	}
	th.run()
	<-over
	if want := []string{"up", "suspended", "resumed"}; !slices.Equal(heard, want) || th.outcomes[0].Status != 9 {
		t.Errorf("heard %q, %+v", heard, th.outcomes[0])
	}
	if th.Foreground() {
		t.Error("a command that has ended has the terminal")
	}
}

func TestExec_passesNothingOfTheServiceManager(t *testing.T) {
	for _, name := range []string{"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC"} {
		t.Setenv(name, "of the service manager")
	}
	t.Setenv("LISTEN_ADDRESS", "kept")
	th, _ := play(t, Options{Argv: shell(`env`), Env: []string{"LISTEN_FDS=mine"}}, tick(1))
	if got := th.output(); strings.Contains(got, "of the service manager") || !strings.Contains(got, "LISTEN_ADDRESS=kept") || !strings.Contains(got, "LISTEN_FDS=mine") {
		t.Errorf("environment:\n%s", got)
	}
}

func TestExec_inheritsNoOtherDescriptor(t *testing.T) {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0) // as a shell's 7</dev/null
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	script := `for fd in ` + strconv.Itoa(fd) + ` 3 4 5 6 7 8 9; do (: <&"$fd") 2>/dev/null && echo "has $fd"; done; :`
	th, _ := play(t, Options{Argv: shell(script)}, tick(1))
	if got := th.output(); got != "" {
		t.Errorf("the command %s", got)
	}
}

func TestExec_clearsTheScreenBeforeEachStart(t *testing.T) {
	th := open(t, Options{Argv: shell(`echo run`), Clear: true})
	for i := range uint64(2) {
		th.Do(tick(i + 1))
		th.run()
	}
	if got, want := th.output(), strings.Repeat(clearScreen+"run\n", 2); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExec_runsAQueueInOrder(t *testing.T) {
	th := open(t, Options{Argv: append(shell(`echo $0`), "{seq}"), Busy: Busy{Policy: Queue}})
	want := ""
	for i := range uint64(50) {
		th.Do(tick(i + 1))
		want += strconv.Itoa(int(i)+1) + "\n"
	}
	th.run()
	if got := th.output(); got != want {
		t.Errorf("got %q", got)
	}
}

// A start that was taken back before the thread came to it does not happen.
func TestStarter_startsNothingThatWasCancelled(t *testing.T) {
	th := open(t, Options{Argv: shell(`echo started`)})
	r := &run{exec: th.Exec, state: stopping, timer: func() {}}
	r.cancelled.Store(true)
	th.runs = []*run{r}
	th.balance()
	th.starter.start(r)
	th.run()
	if got := th.output(); got != "" || len(th.outcomes) != 1 {
		t.Errorf("got %q, %v", got, th.outcomes)
	}
}

func TestExec_failedStartLeavesNothingOpen(t *testing.T) {
	prog := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(prog, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	th := open(t, Options{Argv: []string{prog}, Prefix: "L: ", Sep: '\n'})
	opened := func() (n int) {
		for fd := range uintptr(1024) {
			if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
				n++
			}
		}
		return n
	}
	// The loop itself opens a descriptor when it first has to wait, sooner or later.
	const starts = 16
	before := opened()
	for range starts {
		th.Do(changed("x"))
		th.run()
	}
	if after := opened(); after >= before+starts {
		t.Errorf("%d descriptors are open, and after %d starts %d", before, starts, after)
	}
}

// useTerminal is an ev on a terminal, whose command asks a question there.
func useTerminal() int {
	l, err := loop.New()
	if err != nil {
		return 1
	}
	status := 1
	out := NewOutput(l, os.Stdout, nil)
	x := NewExec(l, &process.Starter{}, &Options{Argv: shell(`echo ready; read x && echo "got $x"`), Foreground: true}, Setting{
		Stdout: out, Stderr: out,
		Done: func(_ event.Event, o Outcome) { status = o.Status },
	})
	x.Do(changed("a path"))
	_ = l.Run(context.Background(), loop.RunDefault)
	return status
}

// An interactive command reads the terminal and not its payload, wherever ev's own input comes
// from.
func TestExec_foregroundHasTheTerminal(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, piped := range []bool{false, true} {
		ev := exec.CommandContext(t.Context(), exe)
		ev.Env = append(os.Environ(), actorVariable+"=terminal")
		if piped {
			ev.Stdin = strings.NewReader("not this\n")
		}
		terminal, err := pty.StartWithAttrs(ev, nil, &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1})
		if err != nil {
			t.Skip("needs a pty: ", err)
		}
		var seen strings.Builder
		for lines := bufio.NewScanner(terminal); lines.Scan(); {
			seen.WriteString(lines.Text() + "\n")
			if lines.Text() == "ready" {
				if _, err := terminal.WriteString("hello\n"); err != nil {
					t.Error(err)
				}
			}
		}
		if err := ev.Wait(); err != nil || !strings.Contains(seen.String(), "got hello") {
			t.Errorf("input piped %v: %v, saw %q", piped, err, seen.String())
		}
		_ = terminal.Close()
	}
}

// supervise is an ev that is killed: it runs a command that holds the FIFO open.
func supervise() int {
	l, err := loop.New()
	if err != nil {
		return 1
	}
	x := NewExec(l, &process.Starter{}, &Options{Argv: shell(`exec 3>"$FIFO"; echo up >&3; exec sleep 1000`)}, Setting{
		Stdout: NewOutput(l, os.Stdout, nil), Stderr: NewOutput(l, os.Stderr, nil),
	})
	x.Do(event.Event{Detail: event.Timer{}})
	_ = l.Run(context.Background(), loop.RunDefault)
	return 1 // not reached: it is killed
}
