package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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
)

// command is ev itself, in a process of its own: the test binary under its name.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Args[0] = "ev"
	return c
}

// inTerminal runs ev in a terminal that says nothing by itself, and returns what ev wrote to it.
func inTerminal(t *testing.T, args ...string) string {
	t.Helper()
	return terminalOutput(t, command(t, args...))
}

// terminalOutput is what a command writes to such a terminal.
func terminalOutput(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	// Linux ends with EIO where the last writer has gone.
	_, _ = io.Copy(&out, f)
	return out.String()
}

// TestTerminal_isNotQueried: a terminal that answers no question is asked none, for every command
// would wait for the answer.
func TestTerminal_isNotQueried(t *testing.T) {
	for _, args := range [][]string{
		{"--help"},
		{"-h"},
		{"--version"},
		{"help", "time"},
		{"timer", "--help"},
		{"timer", "0"},
		{"timer", "0", "--", "true"},
		{"every", "1h", "--next", "2"},
		{"nonsense"},
	} {
		out := inTerminal(t, args...)
		if out == "" && args[len(args)-1] != "true" {
			t.Errorf("ev %s says nothing", strings.Join(args, " "))
		}
		for _, query := range []string{"\x1b]", "\x1bP", "\x1b[c", "\x1b[6n", "\x1b[?"} {
			if strings.Contains(out, query) {
				t.Errorf("ev %s sends %q to the terminal: %q", strings.Join(args, " "), query, out)
			}
		}
	}
}

// TestTerminal_guardHasNoDescriptor: whoever waits for the end of --ready-fd does not wait for the
// process that guards the terminal.
func TestTerminal_guardHasNoDescriptor(t *testing.T) {
	t.Setenv("TERM", "xterm")
	ready, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	ev := command(t, "run", "--live", "-e", "timer 1h", "--ready-fd", "3")
	ev.ExtraFiles = []*os.File{theirs}
	f, err := pty.Start(ev)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_ = theirs.Close()
	_ = ready.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := io.ReadAll(ready); err != nil || string(got) != "\n" {
		t.Errorf("--ready-fd: %q, %v", got, err)
	}
	_ = ev.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, f)
	_ = ev.Wait()
}

// TestTerminal_tellsWhatIsWatched: a person is told that it goes on, and how each run ended.
func TestTerminal_tellsWhatIsWatched(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"stat", ".", "--color", "never", "--now", "--once", "--", "true"}
	out := inTerminal(t, args...)
	for _, want := range []string{"ev stat: watching 1 directory; Ctrl-C ends\r\n", "ev stat: true: ok, "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	out = inTerminal(t, "on-http", "unix:s", "--color", "never", "--now", "--once", "--", "true")
	if want := "ev on-http: listening on unix:s; Ctrl-C ends\r\n"; !strings.Contains(out, want) {
		t.Errorf("%q is not in %q", want, out)
	}
	if out := inTerminal(t, append([]string{"-q"}, args...)...); out != "" {
		t.Errorf("-q says %q", out)
	}
}

// TestTerminal_messagesHaveColours: what has failed is red, what a person should know yellow, and a
// run that has ended well green; the caret below an error is red.
func TestTerminal_messagesHaveColours(t *testing.T) {
	const plain, red, green, yellow = "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"stat"}, red + "ev stat:" + plain + " "},
		{[]string{"timer", "--no-such-flag"}, red + "ev timer:" + plain + " "},
		{[]string{"every", "30 25 * * *"}, " " + red + "^" + plain + "\r\n"},
		{[]string{"run", "-e", "timer x"}, red + "-e:1:7:" + plain + " "},
		{[]string{"ctl", "list", "--control", "none"}, red + "ev ctl:" + plain + " "},
		{[]string{"timer", "0", "--", "true"}, green + "ev timer: true: ok, "},
		{[]string{"timer", "0", "--", "false"}, red + "ev timer: false: exited 1 after "},
		{[]string{"stat", ".", "--now", "--once", "--", "true"}, yellow + "ev stat:" + plain + " watching 1 directory; Ctrl-C ends\r\n"},
	}
	t.Chdir(t.TempDir())
	t.Setenv("TERM", "xterm")
	for _, tt := range tests {
		if out := inTerminal(t, tt.args...); !strings.Contains(out, tt.want) {
			t.Errorf("ev %q: %q is not in %q", tt.args, tt.want, out)
		}
		for _, off := range []string{"NO_COLOR=1", "TERM=dumb"} {
			c := command(t, tt.args...)
			c.Env = append(os.Environ(), off)
			if out := terminalOutput(t, c); strings.Contains(out, "\x1b") {
				t.Errorf("%s: ev %q says %q", off, tt.args, out)
			}
		}
		never := slices.Insert(slices.Clone(tt.args), 1, "--color", "never")
		if out := inTerminal(t, never...); strings.Contains(out, "\x1b") {
			t.Errorf("ev %q says %q", never, out)
		}
		if out, _ := command(t, tt.args...).CombinedOutput(); bytes.Contains(out, []byte("\x1b")) {
			t.Errorf("ev %q sends %q to a pipe", tt.args, out)
		}
	}
	if out, _ := command(t, "stat", "--color=always").CombinedOutput(); !bytes.HasPrefix(out, []byte(red+"ev stat:"+plain+" ")) {
		t.Errorf("--color=always: a pipe gets %q", out)
	}
}

// TestTerminal_eventHasTimeAndColour: on a terminal an event is for people.
func TestTerminal_eventHasTimeAndColour(t *testing.T) {
	t.Setenv("TERM", "xterm")
	out := inTerminal(t, "timer", "0")
	if !strings.Contains(out, "\x1b[1m0s\x1b[0m\telapsed") {
		t.Errorf("got %q", out)
	}
	t.Setenv("NO_COLOR", "1")
	out = inTerminal(t, "timer", "0")
	if strings.Contains(out, "\x1b") || !strings.HasSuffix(strings.TrimRight(out, "\r\n"), " 0s\telapsed") {
		t.Errorf("with NO_COLOR: got %q", out)
	}
}

// TestTerminal_foregroundCommandHasIt: --foreground leaves the terminal to the command.
func TestTerminal_foregroundCommandHasIt(t *testing.T) {
	out := inTerminal(t, "timer", "0", "--foreground", "--", "sh", "-c", "test -t 0 && stty -echo && echo mine; stty echo")
	if !strings.Contains(out, "mine") {
		t.Errorf("got %q", out)
	}
}

// TestTerminal_readingCommandHasIt: a command whose input is the terminal can read it.
func TestTerminal_readingCommandHasIt(t *testing.T) {
	for _, fd := range []string{"0", "/dev/tty"} {
		f, err := pty.Start(command(t, "watch-fd", fd, "--once", "--", "sh", "-c", "read x; echo got $x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("it\n"); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, _ = io.Copy(&out, f)
		_ = f.Close()
		if !strings.Contains(out.String(), "got it") {
			t.Errorf("%s: %q", fd, out.String())
		}
	}
}

// TestTerminal_interruptIsTheForegroundCommands: what is typed ends the command, and then ev as
// well, by the same signal.
func TestTerminal_interruptIsTheForegroundCommands(t *testing.T) {
	c := command(t, "timer", "0", "--repeat", "1h", "--foreground", "--", "sh", "-c", "echo ready; exec sleep 1000")
	f, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var seen []byte
	for b := make([]byte, 100); !bytes.Contains(seen, []byte("ready")); {
		n, err := f.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
		seen = append(seen, b[:n]...)
	}
	if _, err := f.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, f)
	if err := c.Wait(); err == nil || err.Error() != "signal: interrupt" {
		t.Errorf("ev ended with %v", err)
	}
}

// notifySocket makes what a service manager makes for its services.
func notifySocket(t *testing.T) (conn *net.UnixConn, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, path
}

// toldUntil returns what has been told up to a message.
func toldUntil(t *testing.T, conn *net.UnixConn, last string) (told []string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 1000); len(told) == 0 || told[len(told)-1] != last; {
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, told)
		}
		told = append(told, string(b[:n]))
	}
	return told
}

// TestService_isTold: READY=1 once everything is watched, STOPPING=1 at the end; a command is not
// told where to.
func TestService_isTold(t *testing.T) {
	conn, socket := notifySocket(t)
	c := command(t, "timer", "0", "--name", "tick", "--", "sh", "-c", `echo "to: $NOTIFY_SOCKET"`)
	c.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	out, err := c.CombinedOutput()
	if err != nil || string(out) != "to: \n" {
		t.Errorf("got %q, %v", out, err)
	}
	told := toldUntil(t, conn, "STOPPING=1")
	if told[0] != "READY=1" || !strings.Contains(strings.Join(told, "\n"), "STATUS=watching: tick") {
		t.Errorf("told was %q", told)
	}
}

// TestService_isToldWhenTheEndBegins: not when the last command has ended, which may take as long
// as it likes.
func TestService_isToldWhenTheEndBegins(t *testing.T) {
	conn, socket := notifySocket(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c := command(t, "timer", "0", "--kill-after", "inf", "--", "sh", "-c",
		`trap 'cat "$FIFO"; exit' TERM; echo running; while :; do sleep 0.01; done`)
	c.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "FIFO="+fifo)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("running\n"))); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	toldUntil(t, conn, "STOPPING=1")
	if err := os.WriteFile(fifo, []byte("the command still lives\n"), 0); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(out); err != nil || string(rest) != "the command still lives\n" {
		t.Errorf("the command said %q, %v", rest, err)
	}
	if err := c.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("ev ended with %v", err)
	}
}

// TestTerminal_ofCommands: under --prefix a command has a terminal to write to where ev has one for
// both of its outputs.
func TestTerminal_ofCommands(t *testing.T) {
	dir := t.TempDir()
	const say = `printf '\033[31mred\n\033[2J'; test -t 1 && test -t 2 && { echo terminal >&2; stty size <&1; }; echo over`
	line := "a: timer 0 -q -c " + strings.ReplaceAll(strconv.Quote(say), `\\`, `\`)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"prefix", []string{"--prefix", "-e", line + " --log-dir '" + dir + "'"}, "a: \x1b[31mred\x1b[0m\na: \x1b[31mterminal\x1b[0m\na: \x1b[31m24 77\x1b[0m\na: \x1b[31mover\x1b[0m\n"},
		{"no-pty", []string{"--prefix", "--no-pty", "-e", line}, "a: \x1b[31mred\na: \x1b[2Jover\n"},
	} {
		got := strings.ReplaceAll(inTerminal(t, append([]string{"run", "-q", "--color", "never"}, tt.args...)...), "\r\n", "\n")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "*", "*.log"))
	if len(logs) != 1 {
		t.Fatalf("logs: %q", logs)
	}
	if log, err := os.ReadFile(logs[0]); err != nil || string(log) != "red\nterminal\n24 77\nover\n" {
		t.Errorf("the log has %q, %v", log, err)
	}
}

// TestTerminal_ofCommandsForBothOutputs: what goes elsewhere is not mixed with what does not.
func TestTerminal_ofCommandsForBothOutputs(t *testing.T) {
	ev := command(t, "run", "-q", "--color", "never", "--prefix", "-e", "a: timer 0 -c 'test -t 1 || echo pipes; echo error >&2'")
	var stderr bytes.Buffer
	ev.Stderr = &stderr
	f, err := pty.Start(ev)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	_, _ = io.Copy(&out, f)
	if err := ev.Wait(); err != nil || out.String() != "a: pipes\r\n" || stderr.String() != "a: error\n" {
		t.Errorf("%q and %q, %v", out.String(), stderr.String(), err)
	}
}

// TestTerminal_ofCommandsLosesNothing: what a command has written when it ends is read.
func TestTerminal_ofCommandsLosesNothing(t *testing.T) {
	const lines = 50_000
	got := inTerminal(t, "run", "-q", "--color", "never", "--prefix", "-e", fmt.Sprintf("a: timer 0 -- seq %d", lines))
	if n := strings.Count(got, "a: "); n != lines || !strings.HasSuffix(got, fmt.Sprintf("\na: %d\r\n", lines)) {
		t.Errorf("%d of %d lines: …%q", n, lines, got[max(len(got)-80, 0):])
	}
}

// TestTerminal_ofCommandsIsResized with ev's.
func TestTerminal_ofCommandsIsResized(t *testing.T) {
	f, err := pty.StartWithSize(command(t, "run", "-q", "--color", "never", "--prefix", "-e",
		`a: timer 0 -c 'trap "stty size <&1; exit" WINCH; echo ready; while :; do sleep 0.01; done'`), &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for s := bufio.NewScanner(f); s.Scan(); {
		got = append(got, s.Text())
		if s.Text() == "a: ready" {
			if err := pty.Setsize(f, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := []string{"a: ready", "a: 40 117"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTerminal_stopsACommand that reads it in the background: it would wait for ever.
func TestTerminal_stopsACommand(t *testing.T) {
	for _, tt := range []struct{ want, args, line string }{
		{"ev timer: cat: stopped because it wants to use the terminal: add --foreground", "timer 0 --color never -- cat /dev/tty", ""},
		{"ev run: a: cat: stopped because it wants to use the terminal: add --foreground, or ev run --no-pty if it only writes to it", "run --color never --prefix -e", "a: timer 0 -- cat /dev/tty"},
	} {
		args := strings.Fields(tt.args)
		if tt.line != "" {
			args = append(args, tt.line)
		}
		ev := command(t, args...)
		f, err := pty.StartWithSize(ev, &pty.Winsize{Rows: 24, Cols: 200})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for s := bufio.NewScanner(f); s.Scan(); {
			got = append(got, s.Text())
			if s.Text() == tt.want {
				_ = ev.Process.Signal(syscall.SIGTERM)
			}
		}
		_ = f.Close()
		if !slices.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.args, got, tt.want)
		}
	}
}
