package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/term"
)

// A viewer sits at the terminal that an ev runs on.
type viewer struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	seen   []byte
	before unix.Termios
}

// live starts ev run --live on a terminal of its own.
func live(t *testing.T, args ...string) *viewer {
	t.Helper()
	return view(t, append([]string{"run", "--live"}, args...)...)
}

// view starts ev on a terminal of its own.
func view(t *testing.T, args ...string) *viewer {
	t.Helper()
	return viewOf(t, exec.CommandContext(t.Context(), "ev", args...))
}

// viewOf starts a command on a terminal of its own.
func viewOf(t *testing.T, c *exec.Cmd) *viewer {
	t.Helper()
	v := &viewer{t: t, cmd: c}
	v.cmd.Env = append(os.Environ(), "TERM=vt100", "NO_COLOR=1", "LC_ALL=C")
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("needs a pseudo-terminal: ", err)
	}
	defer tty.Close()
	v.master = master
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 100, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	v.before = v.settings()
	v.cmd.Stdin, v.cmd.Stdout, v.cmd.Stderr = tty, tty, tty
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = v.cmd.Process.Kill()
		_ = v.master.Close()
	})
	_ = master.SetDeadline(time.Now().Add(time.Minute))
	return v
}

// until reads up to and including text, and returns what came. However wide the columns are, one
// blank stands between them.
func (v *viewer) until(text string) string {
	v.t.Helper()
	for {
		if before, after, ok := bytes.Cut(v.seen, []byte(text)); ok {
			v.seen = after
			return string(before) + text
		}
		var b [4096]byte
		n, err := v.master.Read(b[:])
		if err != nil {
			v.t.Fatalf("waiting for %q: %v, after %q", text, err, v.seen)
		}
		v.seen = append(v.seen, b[:n]...)
		for bytes.Contains(v.seen, []byte("  ")) {
			v.seen = bytes.ReplaceAll(v.seen, []byte("  "), []byte(" "))
		}
	}
}

func (v *viewer) press(keys string) {
	v.t.Helper()
	if _, err := io.WriteString(v.master, keys); err != nil {
		v.t.Fatal(err)
	}
}

func (v *viewer) settings() unix.Termios {
	v.t.Helper()
	s, err := term.Settings(int(v.master.Fd()))
	if err != nil {
		v.t.Fatal(err)
	}
	return *s
}

// gone waits for ev's end, and checks that the terminal is as it was.
func (v *viewer) gone() (state *os.ProcessState, last string) {
	v.t.Helper()
	rest, _ := io.ReadAll(v.master) // EIO at the end
	last = string(v.seen) + string(rest)
	_ = v.cmd.Wait()
	if now := v.settings(); !reflect.DeepEqual(now, v.before) {
		v.t.Errorf("the terminal is not as it was:\n%+v\n%+v", now, v.before)
	}
	if i := strings.LastIndex(last, "q quit"); i >= 0 && !strings.Contains(last[i:], "\x1b[J") {
		v.t.Errorf("the table is left behind: %q", last)
	}
	return v.cmd.ProcessState, last
}

func TestLive_takesKeys(t *testing.T) {
	v := live(t, "-e", "first: timer 1h", "-e", "second: timer 2h --repeat 1h -- sh -c 'echo ran $EV_SEQ; exit 3'")
	v.until("> first timer active 0 0")
	v.until("q quit")
	if during := v.settings(); reflect.DeepEqual(during, v.before) {
		t.Error("the keys are not grabbed")
	}
	v.press(" ")
	v.until("first 1h elapsed")
	v.press("j ")
	v.until("second: ran 1") // above the table
	v.until("> second timer active 0 1 - 3")
	v.press("\x1b[As") // up, and stop
	v.until("> first timer stopped 0 1")
	v.press("s")
	v.until("> first timer active")
	v.press("p")
	v.until("paused: p goes on")
	v.press("p")
	v.until("q quit")
	if err := pty.Setsize(v.master, &pty.Winsize{Cols: 40, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	if got := v.until("> first"); !strings.Contains(got, "\r\x1b[") {
		t.Errorf("it is not drawn in its place: %q", got)
	}
	v.press("q")
	if state, last := v.gone(); !state.Success() {
		t.Errorf("%v: %s", state, last)
	}
}

func TestLive_runsACommandAgain(t *testing.T) {
	v := live(t, "-e", "job: timer 0 --repeat 1h -- sh -c 'echo begins; exec sleep 1000'")
	v.until("job: begins")
	v.press("r")
	v.until("job: begins")
	v.press("q")
	if state, last := v.gone(); !state.Success() {
		t.Errorf("%v: %s", state, last)
	}
}

func TestLive_givesTheTerminalBack(t *testing.T) {
	for _, tt := range []struct {
		name, trap string
		signals    []syscall.Signal
	}{
		{"interrupted", "echo told; exit", []syscall.Signal{syscall.SIGINT}},
		{"terminated", "echo told; exit", []syscall.Signal{syscall.SIGTERM}},
		{"killed by the second signal", "echo told", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := live(t, "-e", "timer 0 --kill-after inf -- sh -c 'trap \""+tt.trap+"\" TERM; echo begins; while :; do sleep 0.01; done'", "-e", "timer 1h")
			v.until("timer: begins")
			v.until("q quit")
			for i, sig := range tt.signals {
				if i > 0 {
					v.until("told")
				}
				if err := v.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			state, text := v.gone()
			if w := state.Sys().(syscall.WaitStatus); !w.Signaled() || w.Signal() != tt.signals[0] {
				t.Errorf("%v: %s", state, text)
			}
		})
	}
}

// Keys would go to whoever is faster.
func TestLive_hasTheKeysAlone(t *testing.T) {
	for _, line := range []string{"watch-fd 0 --line", "watch-fd - -- cat", "timer 1h --again-on fd:0"} {
		v := live(t, "-e", line)
		v.until("--live reads the terminal, and so would this line")
		if state, last := v.gone(); state.ExitCode() != 2 {
			t.Errorf("%v: %s", state, last)
		}
	}
}

// While the loop's time stands still no tick tells that the terminal is ev's again. It is a shell
// that can say so: without one Ctrl-Z does nothing.
func TestLive_takesKeysAfterAStopWhilePaused(t *testing.T) {
	v := viewOf(t, exec.CommandContext(t.Context(), "sh", "-c", `set -m; ev run --live -e "timer 1h"; echo has stopped; read _; fg`))
	v.until("q quit")
	v.press("p")
	v.until("paused: p goes on")
	v.press("\x1a")
	v.until("has stopped")
	if now := v.settings(); !reflect.DeepEqual(now, v.before) {
		t.Error("the settings are those of the table")
	}
	v.press("\n")
	v.until("paused: p goes on")
	v.press("p")
	v.until("q quit")
	v.press("q")
	if state, last := v.gone(); !state.Success() {
		t.Errorf("%v: %s", state, last)
	}
}

// Where nobody could say fg, Ctrl-Z does nothing, and the table is there again.
func TestLive_isNotStoppedForGood(t *testing.T) {
	v := live(t, "-e", "timer 1h")
	v.until("q quit")
	v.press("\x1a")
	v.until("\x1b[J")
	v.until("q quit")
	v.press("q")
	if state, last := v.gone(); !state.Success() {
		t.Errorf("%v: %s", state, last)
	}
}

// A reload may take the selected watcher away, and the table may not be drawn anew yet when the
// next key comes.
func TestLive_takesKeysRightAfterAReload(t *testing.T) {
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "Evfile"), filepath.Join(dir, "socket")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a: timer 1h\nb: timer 2h\nc: timer 3h\nd: timer 4h\ne: timer 5h\n")
	v := live(t, "-q", "--control", socket, file) // -q: no message has the table drawn
	v.until("> a timer")
	v.press("jjjj")
	v.until("> e timer")
	write("only: timer 6h\n")
	if out, err := exec.CommandContext(t.Context(), "ev", "ctl", "--control", socket, "reload").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	v.press(" srjkp")
	v.until("> only timer active 0 0")
	v.until("paused: p goes on")
	v.press("q")
	if state, last := v.gone(); !state.Success() {
		t.Errorf("%v: %s", state, last)
	}
}

// Nobody can give back a terminal after SIGKILL but another process.
func TestLive_killedGivesTheTerminalBack(t *testing.T) {
	v := live(t, "-e", "timer 1h")
	v.until("q quit")
	if during := v.settings(); reflect.DeepEqual(during, v.before) {
		t.Error("the keys are not grabbed")
	}
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(v.master) // EIO when nobody has the terminal any more
	if now := v.settings(); !reflect.DeepEqual(now, v.before) {
		t.Errorf("the terminal is not as it was:\n%+v\n%+v", now, v.before)
	}
	if !strings.HasSuffix(string(rest), "\r\n") {
		t.Errorf("what comes next is not on a line of its own: %q", rest)
	}
}

func TestLive_needsATerminal(t *testing.T) {
	c := exec.CommandContext(t.Context(), "ev", "run", "--live", "-e", "timer 1")
	c.Env = append(os.Environ(), "TERM=vt100")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--live: there is no terminal to draw on") {
		t.Errorf("%s, %v", out, err)
	}
}
