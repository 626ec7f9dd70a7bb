package sdnotify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value
			}
		}
		return ""
	}
}

// listenAt opens a datagram socket as systemd does; the function it returns reads one message.
func listenAt(t *testing.T, address string) func() string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: address}); err != nil {
		t.Fatal(err)
	}
	return func() string {
		buffer := make([]byte, 4096)
		n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func TestConn_messages(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	received := listenAt(t, address)
	c := New(environment("NOTIFY_SOCKET=" + address))
	tests := []struct {
		say  func() error
		want string
	}{
		{c.Ready, "READY=1"},
		{c.Stopping, "STOPPING=1"},
		{c.Watchdog, "WATCHDOG=1"},
		{func() error { return c.Status("3 watchers") }, "STATUS=3 watchers"},
		{func() error { return c.Status("two\nREADY=1") }, "STATUS=two READY=1"},
	}
	for _, tt := range tests {
		if err := tt.say(); err != nil {
			t.Errorf("%s: %v", tt.want, err)
		} else if got := received(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestReloading_tellsTheMonotonicTime(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	received := listenAt(t, address)
	c := New(environment("NOTIFY_SOCKET=" + address))
	var last int64
	for range 2 {
		if err := c.Reloading(); err != nil {
			t.Fatal(err)
		}
		var usec int64
		if n, err := fmt.Sscanf(received(), "RELOADING=1\nMONOTONIC_USEC=%d", &usec); n != 1 || usec < last || usec <= 0 {
			t.Errorf("got %d after %d, %v", usec, last, err)
		}
		last = usec
	}
}

func TestConn_abstractName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: abstract names")
	}
	address := fmt.Sprintf("@ev-sdnotify-test-%d", os.Getpid())
	received := listenAt(t, address)
	if err := New(environment("NOTIFY_SOCKET=" + address)).Ready(); err != nil {
		t.Fatal(err)
	}
	if got := received(); got != "READY=1" {
		t.Errorf("got %q", got)
	}
}

func TestConn_withoutSocketDoesNothing(t *testing.T) {
	c := New(environment())
	if c != nil {
		t.Fatalf("New = %v", c)
	}
	for _, say := range []func() error{c.Ready, c.Stopping, c.Watchdog, c.Reloading} {
		if err := say(); err != nil {
			t.Error(err)
		}
	}
}

func TestConn_errorsNameTheSocket(t *testing.T) {
	err := New(environment("NOTIFY_SOCKET=/nonexistent/notify")).Ready()
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "NOTIFY_SOCKET=/nonexistent/notify") {
		t.Error(err)
	}
	err = New(environment("NOTIFY_SOCKET=vsock:2:1234")).Ready()
	if err == nil || err.Error() != "NOTIFY_SOCKET=vsock:2:1234: neither a path nor an abstract name (@...)" {
		t.Error(err)
	}
}

func TestConn_doesNotWaitForeverForAReader(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "notify")
	listenAt(t, address)
	c := New(environment("NOTIFY_SOCKET=" + address))
	for range 100_000 {
		if err := c.Watchdog(); err != nil {
			return
		}
	}
	t.Error("100,000 messages went to a reader who reads none")
}

func TestWatchdogInterval(t *testing.T) {
	tests := []struct {
		env  []string
		want time.Duration
		err  bool
	}{
		{nil, 0, false},
		{[]string{"WATCHDOG_USEC=30000000"}, 15 * time.Second, false},
		{[]string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=7"}, 15 * time.Second, false},
		{[]string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=8"}, 0, false},
		{[]string{"WATCHDOG_USEC=9223372036854775"}, 9223372036854775 * time.Microsecond / 2, false},
		{[]string{"WATCHDOG_USEC=9223372036854776"}, 0, true},
		{[]string{"WATCHDOG_USEC=0"}, 0, true},
		{[]string{"WATCHDOG_USEC=-1"}, 0, true},
		{[]string{"WATCHDOG_USEC=soon"}, 0, true},
	}
	for _, tt := range tests {
		if got, err := WatchdogInterval(environment(tt.env...), 7); got != tt.want || (err != nil) != tt.err {
			t.Errorf("%v: %v, %v; want %v", tt.env, got, err, tt.want)
		}
	}
}

// A child gets two descriptors, reads what Listen makes of them, and is asked whether a command
// would inherit them.
func TestListen(t *testing.T) {
	if os.Getenv("SDNOTIFY_TEST_CHILD") != "" {
		fds, err := Listen(func(name string) string {
			if name == "LISTEN_PID" {
				return "7"
			}
			return os.Getenv(name)
		}, 7)
		fmt.Printf("%v %v", fds, err)
		for _, fd := range fds {
			flags, err := unix.FcntlInt(uintptr(fd.Num), unix.F_GETFD, 0)
			fmt.Printf(" %d %v", flags&unix.FD_CLOEXEC, err)
		}
		os.Exit(0)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		env  []string
		want string
	}{
		{[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=web:admin"}, "[{3 web} {4 admin}] <nil> 1 <nil> 1 <nil>"},
		{[]string{"LISTEN_FDS=2"}, "[{3 unknown} {4 unknown}] <nil> 1 <nil> 1 <nil>"},
	}
	for _, tt := range tests {
		child := exec.CommandContext(t.Context(), exe, "-test.run=^TestListen$")
		child.Env = slices.Concat(tt.env, []string{"SDNOTIFY_TEST_CHILD=1"})
		child.ExtraFiles = []*os.File{os.Stderr, os.Stderr}
		if out, err := child.Output(); string(out) != tt.want || err != nil {
			t.Errorf("%v: %s, %v\nwant %s", tt.env, out, err, tt.want)
		}
	}
}

func TestListen_refusesWhatCannotBe(t *testing.T) {
	tests := []struct {
		env  []string
		want string // "" is no error, and no descriptor
	}{
		{nil, ""},
		{[]string{"LISTEN_FDS=1"}, ""},
		{[]string{"LISTEN_FDS=1", "LISTEN_PID=8"}, ""},
		{[]string{"LISTEN_FDS=0", "LISTEN_PID=7"}, ""},
		{[]string{"LISTEN_FDS=x", "LISTEN_PID=7"}, "LISTEN_FDS=x: not a number of descriptors"},
		{[]string{"LISTEN_FDS=-1", "LISTEN_PID=7"}, "LISTEN_FDS=-1: not a number of descriptors"},
		{[]string{"LISTEN_FDS=2", "LISTEN_PID=7", "LISTEN_FDNAMES=a"}, "LISTEN_FDNAMES has 1 names, LISTEN_FDS=2"},
	}
	for _, tt := range tests {
		fds, err := Listen(environment(tt.env...), 7)
		if fds != nil || (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("%v: %v, %v; want %s", tt.env, fds, err, tt.want)
		}
	}
}

func TestListen_saysWhichDescriptorIsNotOpen(t *testing.T) {
	if os.Getenv("SDNOTIFY_TEST_CHILD") != "" {
		_, err := Listen(environment("LISTEN_PID=7", "LISTEN_FDS=1000"), 7)
		fmt.Print(err)
		os.Exit(0)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), exe, "-test.run=^TestListen_saysWhichDescriptorIsNotOpen$")
	child.Env = []string{"SDNOTIFY_TEST_CHILD=1"}
	out, err := child.Output()
	if err != nil || !strings.HasPrefix(string(out), "LISTEN_FDS=1000: descriptor ") || !strings.HasSuffix(string(out), ": bad file descriptor") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestEnviron_keepsTheProtocolFromCommands(t *testing.T) {
	got := Environ([]string{
		"PATH=/bin", "NOTIFY_SOCKET=/x", "LISTEN_FDS=1", "LISTEN_FDNAMES=a", "LISTEN_PID=7", "LISTEN_PIDFDID=9", "WATCHDOG_USEC=1",
		"WATCHDOG_PID=7", "HOME=/", "LISTEN_FDS_X=kept",
	})
	if want := []string{"PATH=/bin", "HOME=/", "LISTEN_FDS_X=kept"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
