package term

import (
	"os"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func openPTY(t *testing.T) *os.File {
	t.Helper()
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skip("needs a pseudo-terminal: ", err)
	}
	t.Cleanup(func() {
		_ = terminal.Close()
		_ = master.Close()
	})
	return terminal
}

func openPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return w
}

func TestIsTerminal(t *testing.T) {
	if fd := openPTY(t).Fd(); !IsTerminal(int(fd)) {
		t.Error("a pseudo-terminal is none")
	}
	if fd := openPipe(t).Fd(); IsTerminal(int(fd)) {
		t.Error("a pipe is a terminal")
	}
	if IsTerminal(-1) {
		t.Error("no descriptor is a terminal")
	}
}

func TestSize(t *testing.T) {
	terminal := openPTY(t)
	if _, _, ok := Size(int(terminal.Fd())); ok {
		t.Error("a terminal without a size has one")
	}
	if err := pty.Setsize(terminal, &pty.Winsize{Cols: 100, Rows: 30}); err != nil {
		t.Fatal(err)
	}
	if columns, rows, ok := Size(int(terminal.Fd())); columns != 100 || rows != 30 || !ok {
		t.Errorf("Size = %d, %d, %v", columns, rows, ok)
	}
	if _, _, ok := Size(int(openPipe(t).Fd())); ok {
		t.Error("a pipe has a size")
	}
}

func TestColour(t *testing.T) {
	type env = map[string]string
	tests := []struct {
		choice   string
		env      env
		terminal bool
		want     bool
	}{
		{"auto", env{}, true, true},
		{"auto", env{}, false, false},
		{"auto", env{"TERM": "dumb"}, true, false},
		{"auto", env{"TERM": "xterm"}, false, false},
		{"auto", env{"NO_COLOR": "1"}, true, false},
		{"auto", env{"NO_COLOR": ""}, true, true},
		{"auto", env{"CLICOLOR": "0"}, true, false},
		{"auto", env{"CLICOLOR": "1"}, false, false},
		{"auto", env{"CLICOLOR_FORCE": "1"}, false, true},
		{"auto", env{"CLICOLOR_FORCE": "0"}, false, false},
		{"auto", env{"FORCE_COLOR": "1", "TERM": "dumb", "CLICOLOR": "0"}, false, true},
		{"auto", env{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, true, false},
		{"always", env{"NO_COLOR": "1", "TERM": "dumb"}, false, true},
		{"never", env{"CLICOLOR_FORCE": "1"}, true, false},
	}
	terminal, pipe := openPTY(t), openPipe(t)
	for _, tt := range tests {
		f := pipe
		if tt.terminal {
			f = terminal
		}
		if got := Colour(tt.choice, int(f.Fd()), func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("Colour(%s), %v, terminal %v: %v", tt.choice, tt.env, tt.terminal, got)
		}
	}
}

func TestStyle_wrap(t *testing.T) {
	if got, want := Red.Wrap("late"), "\x1b[31mlate\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Bold.Wrap(""); got != "" {
		t.Errorf("an empty text became %q", got)
	}
	if got := Style("").Wrap("plain"); got != "plain" {
		t.Errorf("a plain text became %q", got)
	}
}

func TestKeyboard(t *testing.T) {
	fd := int(openPTY(t).Fd())
	before, err := Settings(fd)
	if err != nil {
		t.Fatal(err)
	}
	k := NewKeyboard(fd)
	for range 2 {
		if !k.Grab() {
			t.Fatal("a terminal's keys can't be grabbed")
		}
	}
	now, err := Settings(fd)
	if err != nil || now.Lflag&(unix.ICANON|unix.ECHO) != 0 || now.Lflag&unix.ISIG == 0 {
		t.Errorf("keys come as lines, are echoed, or are no signals any more: %+v, %v", now, err)
	}
	if !k.IsSuspend(before.Cc[unix.VSUSP]) || k.IsSuspend('p') {
		t.Error("the key that stops a job is another")
	}
	if Foreground(fd) {
		t.Error("a terminal that is not ours is in our foreground")
	}
	k.Release() // it is not ours to change
	if NewKeyboard(int(openPipe(t).Fd())).Grab() {
		t.Error("a pipe has keys")
	}
}

func TestOpen_passesOnWhatIsWritten(t *testing.T) {
	fd, terminal, err := Open()
	if err != nil {
		t.Skip("needs a pseudo-terminal: ", err)
	}
	defer unix.Close(fd)
	var b [64]byte
	if n, err := unix.Read(fd, b[:]); err != unix.EAGAIN {
		t.Errorf("what nobody has written: %d, %v", n, err)
	}
	if err := SetSize(fd, 100, 30); err != nil {
		t.Fatal(err)
	}
	if columns, rows, ok := Size(int(terminal.Fd())); columns != 100 || rows != 30 || !ok {
		t.Errorf("Size = %d, %d, %v", columns, rows, ok)
	}
	if flags, err := unix.FcntlInt(terminal.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("a process would get a terminal that does not block: %o, %v", flags, err)
	}
	if _, err := terminal.WriteString("a\n\tb\n"); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	var got []byte
	for {
		n, err := unix.Read(fd, b[:])
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if n <= 0 {
			if n < 0 && err != unix.EIO {
				t.Error(err)
			}
			break
		}
		got = append(got, b[:n]...)
	}
	if string(got) != "a\n\tb\n" {
		t.Errorf("%q", got)
	}
}
