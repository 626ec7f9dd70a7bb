package fd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// A rig is a Watcher on a real loop, and what it has emitted.
type rig struct {
	*testing.T
	loop *loop.Loop
	fd   *Watcher
	got  []event.FD
	on   func(event.FD) // called for each; nil: nothing is
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := &rig{T: t, loop: looptest.NewLoop(t)}
	if o.Want == 0 {
		o.Want = loop.Read
	}
	if o.Limit == 0 {
		o.Separator, o.Limit = '\n', 1<<20
	}
	o.MaxConnections = max(o.MaxConnections, 1)
	o.Inherited = Inherited()
	var err error
	r.fd, err = New(r.loop, o, func(d event.Detail) {
		r.got = append(r.got, d.(event.FD))
		if r.on != nil {
			r.on(d.(event.FD))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.fd.Stop()
		for _, d := range r.got {
			d.Release() // lest it is closed once its number is another's
		}
	})
	return r
}

func (r *rig) start() {
	r.Helper()
	if err := r.fd.Start(); err != nil {
		r.Fatal(err)
	}
}

// run starts the watcher and runs the loop to its end.
func (r *rig) run() {
	r.Helper()
	r.start()
	r.runLoop()
}

func (r *rig) runLoop() {
	r.Helper()
	looptest.Run(r, r.loop)
}

// lines returns what was read; a piece ends with '…', the end of file is EOF.
func (r *rig) lines() []string {
	var lines []string
	for _, d := range r.got {
		switch {
		case d.Partial:
			lines = append(lines, *d.Line+"…")
		case d.Line != nil:
			lines = append(lines, *d.Line)
		case d.Data != nil:
			lines = append(lines, *d.Data)
		case slices.Contains(d.Ready, "eof"):
			lines = append(lines, "EOF")
		}
	}
	return lines
}

// inheritedPipe returns a pipe such as the shell would give.
func inheritedPipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// inheritedDir returns a directory such as the shell would open.
func inheritedDir(t *testing.T, dir string) string {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return name(fd)
}

func writeString(t *testing.T, fd int, s string) {
	t.Helper()
	if _, err := unix.Write(fd, []byte(s)); err != nil {
		t.Fatal(err)
	}
}

func name(fd int) string { return fmt.Sprint(fd) }

func TestFD_aReadyDescriptorNeverSpins(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in)}, Handed: true})
	writeString(t, out, "x")
	r.on = func(event.FD) {
		r.fd.Hold(true)
		r.loop.After(50*time.Millisecond, r.loop.Break)
	}
	r.run()
	if turns := r.loop.Stats().Turns; len(r.got) != 1 || turns > 10 {
		t.Errorf("%d events, %d turns while it was ready and held", len(r.got), turns)
	}
}

func TestFD_theCommandGetsTheDescriptorAndTheEndIsNotTold(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in)}, Handed: true})
	writeString(t, out, "for the command")
	_ = unix.Close(out)
	r.on = func(d event.FD) {
		b := make([]byte, 99)
		n, _ := d.File.Read(b)
		_ = d.File.Close()
		if string(b[:n]) != "for the command" {
			t.Errorf("the command reads %q", b[:n])
		}
		r.fd.Hold(true)
		r.loop.Post(func() { r.fd.Hold(false) })
	}
	r.run()
	if len(r.got) != 1 {
		t.Errorf("%d events, want 1: there is nothing more to read", len(r.got))
	}
}

func TestFD_whatEndsADescriptorThatCommandsRead(t *testing.T) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(null) })
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(pair[0]) })
	_ = unix.Close(pair[1])
	file, err := unix.Open(filepath.Join(t.TempDir(), "empty"), unix.O_RDONLY|unix.O_CREAT, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(file) })
	for what, fd := range map[string]int{"/dev/null": null, "a socket": pair[0], "a file": file} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t, Options{FDs: []string{name(fd)}, Handed: true})
			r.on = func(event.FD) {
				r.fd.Hold(true)
				r.loop.Post(func() { r.fd.Hold(false) })
			}
			r.run()
			if len(r.got) != 1 {
				t.Errorf("%d events, want 1", len(r.got))
			}
		})
	}
}

func TestFD_withoutACommandTheFirstEventIsTheLast(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in)}})
	writeString(t, out, "still there")
	r.run()
	if len(r.got) != 1 || r.got[0].What() != "read" || r.got[0].File != nil {
		t.Errorf("%+v", r.got)
	}
}

func TestFD_aWriterLearnsThatItsReaderHasGone(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(out)}, Want: loop.Hangup, Handed: true})
	r.start()
	r.loop.Post(func() { _ = unix.Close(in) })
	r.runLoop()
	if len(r.got) != 1 || r.got[0].What() != "hup" {
		t.Errorf("%+v", r.got)
	}
}

// Of a TCP connection the kernel knows no more than that nothing will come.
func TestFD_aPeerThatHasEndedItsSendingHasNotGone(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fds[0]) })
	r := newRig(t, Options{FDs: []string{name(fds[0])}, Want: loop.Hangup, Handed: true})
	r.start()
	if err := unix.Shutdown(fds[1], unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	r.loop.After(0, func() { // a turn later
		if len(r.got) != 0 {
			t.Errorf("it is told as gone: %+v", r.got)
		}
		_ = unix.Close(fds[1])
	})
	r.runLoop()
	if len(r.got) != 1 || r.got[0].What() != "hup" {
		t.Errorf("%+v", r.got)
	}
}

func TestFD_aFIFOSurvivesItsWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{FDs: []string{path}, Reading: ReadRecords})
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0); err != nil {
			t.Error(err)
		}
	}
	r.on = func(d event.FD) {
		switch *d.Line {
		case "first":
			go write("second\n")
		case "second":
			r.fd.Stop()
		}
	}
	go write("first\n")
	r.run()
	if got := r.lines(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("%q", got)
	}
}

func TestFD_aCommandComesToTheEndOfAFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{FDs: []string{path}, Handed: true})
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0); err != nil {
			t.Error(err)
		}
	}
	var read []string
	r.on = func(d event.FD) {
		r.fd.Hold(true)
		go func() {
			b, _ := io.ReadAll(d.File)
			_ = d.File.Close()
			r.loop.Post(func() {
				read = append(read, string(b))
				if len(read) == 2 {
					r.fd.Stop()
					return
				}
				r.fd.Hold(false)
				go write("two")
			})
		}()
	}
	go write("one")
	r.run()
	if !slices.Equal(read, []string{"one", "two"}) {
		t.Errorf("commands read %q", read)
	}
}

func TestFD_inheritedFlagsStayAsTheyAre(t *testing.T) {
	in, out := inheritedPipe(t)
	before, _ := unix.FcntlInt(uintptr(in), unix.F_GETFL, 0)
	r := newRig(t, Options{FDs: []string{name(in)}, Reading: ReadRecords})
	r.on = func(event.FD) {
		if now, _ := unix.FcntlInt(uintptr(in), unix.F_GETFL, 0); now != before {
			t.Errorf("flags %#o, were %#o", now, before)
		}
	}
	writeString(t, out, "x\n")
	_ = unix.Close(out)
	r.run()
}

func TestFD_whatWaitsForConnectionsIsNotRead(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r := newRig(t, Options{FDs: []string{name(fd)}, Reading: ReadRecords})
	if err := r.fd.Start(); err == nil || !strings.Contains(err.Error(), "waits for connections") {
		t.Error(err)
	}
	newRig(t, Options{FDs: []string{name(fd)}}).start() // but it can become ready
}

func TestFD_terminal(t *testing.T) {
	ptm, tty, err := pty.Open()
	if err != nil {
		t.Skip("needs a pseudo-terminal: ", err)
	}
	defer tty.Close()
	fd, err := unix.Dup(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r := newRig(t, Options{FDs: []string{name(fd)}, Reading: ReadRecords, EOF: true})
	r.on = func(d event.FD) {
		if d.Line != nil {
			_ = ptm.Close() // hangs up
		}
	}
	if _, err := ptm.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	r.run()
	if got := r.lines(); !slices.Equal(got, []string{"typed", "EOF"}) {
		t.Errorf("%q", got)
	}
}

func TestFD_Feed(t *testing.T) {
	in, _ := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in)}, Handed: true})
	r.on = func(d event.FD) {
		if d.File == nil || len(d.Ready) != 0 || d.Source != name(in) {
			t.Errorf("%+v", d)
		}
		r.fd.Stop()
	}
	r.start()
	r.fd.Feed()
	r.runLoop()
	if len(r.got) != 1 {
		t.Errorf("%d events, want 1", len(r.got))
	}
}

func TestFD_startedAgain(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in)}, Reading: ReadRecords})
	r.on = func(event.FD) { r.fd.Stop() }
	for _, want := range []string{"a", "b"} {
		writeString(t, out, want+"\n")
		r.run()
		if got := r.lines(); got[len(got)-1] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFD_errors(t *testing.T) {
	in, out := inheritedPipe(t)
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	private, err := os.Open(file) // closed on exec, so not inherited
	if err != nil {
		t.Fatal(err)
	}
	defer private.Close()
	tests := []struct {
		fd   string
		want loop.Ops
		err  string
	}{
		{"-1", 0, "is not a descriptor"},
		{"99999999999", 0, "is not a descriptor"},
		{"", 0, "is not a descriptor"},
		{"4711", 0, "descriptor 4711 is not open"},
		{name(int(private.Fd())), 0, "is not open"},
		{name(out), 0, "open for writing only"},
		{name(in), loop.Write, "open for reading only"},
		{"fd:", 0, "needs a name"},
		{"fd:web", 0, "no descriptor of that name"},
		{dir, 0, "ev stat"},
		{dir + "/none", 0, "no such file"},
		{inheritedDir(t, dir), 0, "is a directory"},
		{fifo, loop.Hangup, "<FIFO"},
		{"tcp-listen:8080", 0, "HOST:PORT"},
		{"tcp-listen:localhost:", 0, "port of 0 to 65535"},
		{"tcp-listen:localhost:65536", 0, "port of 0 to 65535"},
		{"tcp-listen:example.org:80", 0, "not looked up"},
		{"tcp-listen:::1:80", 0, "[::1]:80"},
		{"tcp-listen:[fe80::1%1]:80", 0, "is not an address"},
		{"tcp-listen:127.0.0.1:0", loop.Write, "waits for connections"},
		{"unix-listen:", 0, "needs a path"},
		{"unix-listen:" + file, 0, "is not a socket"},
	}
	for _, tt := range tests {
		l := looptest.NewLoop(t)
		o := Options{FDs: []string{tt.fd}, Want: tt.want, Inherited: Inherited()}
		if o.Want == 0 {
			o.Want = loop.Read
		}
		w, err := New(l, o, nil)
		if err == nil {
			err = w.Start()
		}
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: the error is %v, want one with %q", tt.fd, err, tt.err)
		}
		_ = l.Close()
	}
}

// Whatever can be asked how much there is to be read tells what nobody has read.
func TestFD_unreadIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name string
		open func(t *testing.T) (in, out int)
	}{
		{"pipe", inheritedPipe},
		{"socket", func(t *testing.T) (in, out int) {
			t.Helper()
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
			return fds[0], fds[1]
		}},
		{"terminal", func(t *testing.T) (in, out int) {
			t.Helper()
			at, its, err := pty.Open()
			if err != nil {
				t.Skip("no terminal: ", err)
			}
			t.Cleanup(func() { _, _ = at.Close(), its.Close() })
			inherited, err := unix.Dup(int(its.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Close(inherited) })
			return inherited, int(at.Fd())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, out := tt.open(t)
			r := newRig(t, Options{FDs: []string{name(in)}, Handed: true})
			var got []bool
			r.on = func(event.FD) {
				got = append(got, r.fd.Unread())
				switch len(got) {
				case 2:
					_, _ = unix.Read(in, make([]byte, 2))
				case 3:
					r.fd.Stop()
				}
			}
			r.start()
			writeString(t, out, "a\nbc\n")
			r.runLoop()
			if want := []bool{false, true, false}; !slices.Equal(got, want) {
				t.Errorf("unread: %v, want %v", got, want)
			}
		})
	}
}
