package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/evshell/ev/cmd"
	"github.com/evshell/ev/internal/inject"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/process"
)

func TestMain(m *testing.M) {
	testscript.Main(trial{m}, map[string]func(){
		"ev":       func() { os.Exit(cmd.Main(os.Args[1:])) },
		"http":     httpClient,
		"peer":     httpPeer,
		"activate": activate,
		"fakenats": fakeNATS,
		"inject":   inject.Main,
	})
}

// trial is the tests in the surroundings that they are written for, wherever they are run. They wait for
// most of their time: unless -parallel says how many, at least eight run at once, on few processors, too.
type trial struct{ *testing.M }

func (t trial) Run() int {
	syscall.Umask(0o022)
	_ = os.Unsetenv("NO_COLOR")
	_ = os.Setenv("TERM", "xterm")
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE} {
		if signal.Ignored(s) { // by nohup(1), or by a shell that starts something with &
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if n, err := strconv.Atoi(parallel.DefValue); err == nil && parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set(strconv.Itoa(max(n, 8)))
	}
	return t.M.Run()
}

// TestScript runs what a user types: each file in testdata/script is one behaviour, and is named
// after it. Besides testscript's own commands there are
//
//	waitfile FILE...      wait until each file is there and not empty
//	signal NAME           send a signal to the background commands
//	status N COMMAND...   run a command, which must end with status N (128+n: by signal n)
//
// and as programs http and peer, which speak to on-http, and activate, which starts it as a service
// manager does (http_client_test.go), fakenats, a fake of a nats-server, and inject, which has
// system calls of a program fail (internal/inject); the condition [inject] says whether that can be
// had, [cgroup] whether a command can have a cgroup of its own, [pidns] whether unshare(1) can make
// ev PID 1 of a namespace, and [root] whether the scripts are run by root.
//
// A script never sleeps to wait for something: ev tells by --ready-fd that it is ready, and a file
// that it has done something. What needs a shell's redirections is sh -c 'exec ev …', so that the
// process is ev's own.
//
// $EXAMPLES is the folder examples/. With EV_BACKEND set, ev waits by that backend in all of them.
func TestScript(t *testing.T) {
	testscript.Run(t, scriptParams(t, "testdata/script"))
}

// scriptParams is what the scripts in dir have: the commands and conditions that TestScript lists.
func scriptParams(t *testing.T, dir string) testscript.Params {
	t.Helper()
	examples, err := filepath.Abs("examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) { // nohup go test: the scripts' commands start without that
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	return testscript.Params{
		Dir:                dir,
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("EV_BACKEND", os.Getenv("EV_BACKEND"))
			e.Setenv("EXAMPLES", examples)
			if info, err := os.Stat(examples); err == nil { // they may be another's than root's, who runs this
				e.Setenv("SUDO_UID", strconv.FormatUint(uint64(info.Sys().(*syscall.Stat_t).Uid), 10))
			}
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Defer(func() { killLeftovers(e.WorkDir) })
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "cgroup":
				_, err := process.NewCgroup()
				return err == nil, nil
			case "inject":
				return inject.Available(), nil
			case "pidns":
				return exec.CommandContext(t.Context(), "unshare", "-pf", "--mount-proc", "true").Run() == nil, nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfile": waitFile,
			"signal":   sendSignal,
			"status":   status,
		},
	}
}

// killLeftovers kills the processes that a script, having failed, leaves in its folder. They have
// its standard output, for whose end testscript waits without a limit.
func killLeftovers(dir string) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		if at, err := os.Readlink(p + "/cwd"); err == nil && strings.HasPrefix(at+"/", dir+"/") {
			pid, _ := strconv.Atoi(filepath.Base(p))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: waitfile FILE...")
	}
	for _, name := range args {
		ts.Check(await(ts.MkAbs(name)))
	}
}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signal NAME")
	}
	s, err := sig.Parse(args[0])
	ts.Check(err)
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(s))
	}
}

// status runs a command that has to end with a status, which is as a shell has it: 128+n for one
// that a signal killed.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			got = 128 + int(w.Signal())
		}
	}
	if got != want {
		ts.Fatalf("the exit status is %d, not %d", got, want)
	}
}
