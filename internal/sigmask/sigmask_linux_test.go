package sigmask

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/sig"
)

func blocked() []syscall.Signal { return []syscall.Signal{syscall.SIGUSR1, 35} }

// TestMain runs the tests, or, in a process that a test has started, what that test is about.
func TestMain(m *testing.M) {
	if status, ok := Unwrap(); ok {
		os.Exit(status)
	}
	var err error
	switch todo := os.Getenv("SIGMASK_BLOCK"); todo {
	case "":
		os.Exit(m.Run())
	case "burst":
		err = burst()
	case "open":
		err = open()
	default:
		err = blockOne(todo)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// blockOne tells whether a signal that was blocked before the program was executed is blocked
// still.
func blockOne(name string) error {
	s, err := sig.Parse(name)
	if err != nil || os.Getenv(again) != "" {
		fmt.Println(Blocked(s))
		return err
	}
	return anewWith(s)
}

// anewWith executes the program anew with the signal blocked.
func anewWith(s syscall.Signal) error {
	runtime.LockOSThread()
	set := setOf([]syscall.Signal{s})
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return err
	}
	return syscall.Exec(self(), os.Args, append(os.Environ(), again+"=1"))
}

// open starts a command from a thread of its own, in a program that was started with a signal
// blocked.
func open() error {
	const s = syscall.SIGUSR1
	if os.Getenv(again) == "" {
		return anewWith(s)
	}
	runtime.LockOSThread()
	Open()
	file, argv := Wrap("/bin/cat", []string{"cat", "/proc/self/status"}, 3)
	out, err := (&exec.Cmd{Path: file, Args: argv, ExtraFiles: []*os.File{os.Stderr}}).Output()
	if err != nil || len(argv) != 2 || !strings.Contains(string(out), "SigBlk:\t0000000000000000\n") {
		return fmt.Errorf("%v, %w; the command's status:\n%s", argv, err, out)
	}
	if fd, err := FD([]syscall.Signal{s}); err == nil {
		return fmt.Errorf("a signalfd, %d, for what this thread takes", fd)
	}
	return nil
}

// burst sends itself signals while it starts commands, and counts what arrives.
func burst() error {
	if err := Block(blocked()); err != nil {
		return err
	}
	fd, err := FD(blocked())
	if err != nil {
		return err
	}
	const sent = 200
	for i := range sent {
		if err := unix.Kill(os.Getpid(), 35); err != nil {
			return err
		}
		if i%20 > 0 {
			continue
		}
		file, argv := Wrap("/bin/cat", []string{"cat", "/proc/self/status"}, 3)
		out, err := (&exec.Cmd{Path: file, Args: argv, ExtraFiles: []*os.File{os.Stderr}}).Output()
		if err != nil {
			return err
		}
		if !strings.Contains(string(out), "Name:\tcat\n") || !strings.Contains(string(out), "SigBlk:\t0000000000000000\n") {
			return fmt.Errorf("the command's status:\n%s", out)
		}
	}
	if err := unix.Kill(os.Getpid(), unix.SIGUSR1); err != nil {
		return err
	}
	got := map[uint32]int{}
	buf := make([]byte, siginfoSize)
	for {
		if _, err := unix.Read(fd, buf); err != nil {
			break
		}
		got[uint32(buf[0])]++
	}
	fmt.Println(got)
	return nil
}

// TestFailure reads what Unwrap and the Go runtime write.
func TestFailure(t *testing.T) {
	for text, want := range map[string]error{
		fmt.Sprintf(failure, unix.ENOMEM):                       unix.ENOMEM,
		"runtime: failed to create new OS thread (have 2 alrea": unix.EAGAIN,
	} {
		if got := Failure([]byte(text)); !errors.Is(got, want) {
			t.Errorf("%q is %v", text, got)
		}
	}
}

const siginfoSize = 128 // signalfd(2)

func TestBlock_losesNoSignalWhileCommandsStart(t *testing.T) {
	if _, err := os.Stat("/bin/cat"); err != nil {
		t.Skip("needs /bin/cat")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SIGMASK_BLOCK=burst")
	out, err := cmd.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "map[10:1 35:200]" {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestOpen_startsCommandsWithNoSignalBlocked(t *testing.T) {
	if _, err := os.Stat("/bin/cat"); err != nil {
		t.Skip("needs /bin/cat")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SIGMASK_BLOCK=open")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBlockable_agreesWithTheRuntime: a child that is started with the signal blocked finds it
// blocked.
func TestBlockable_agreesWithTheRuntime(t *testing.T) {
	for _, s := range sig.All() {
		if sig.Watchable(s) != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "SIGMASK_BLOCK="+sig.Name(s), "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(Blockable(s) == nil) {
			t.Errorf("%s: blocked %s (%v), but Blockable says %v", sig.Name(s), got, err, Blockable(s))
		}
	}
}

func TestWrap_changesNothingWhileNothingIsBlocked(t *testing.T) {
	if Blocked() {
		t.Skip("started with signals blocked")
	}
	if file, argv := Wrap("/bin/x", []string{"x", "y"}, 3); file != "/bin/x" || len(argv) != 2 {
		t.Error(file, argv)
	}
	if _, err := FD(blocked()); err == nil {
		t.Error("a signalfd for signals that are not blocked")
	}
}
