package watch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// An fdRig is an FD on a real loop, and what it has emitted.
type fdRig struct {
	*testing.T
	loop *loop.Loop
	fd   *FD
	got  []event.FD
	on   func(event.FD) // called for each; nil: nothing is
}

func newFDRig(t *testing.T, o FDOptions) *fdRig {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &fdRig{T: t, loop: l}
	if o.Want == 0 {
		o.Want = loop.Read
	}
	if o.Limit == 0 {
		o.Separator, o.Limit = '\n', 1<<20
	}
	o.MaxConnections = max(o.MaxConnections, 1)
	o.Inherited = InheritedFDs()
	r.fd, err = NewFD(l, o, func(d event.Detail) {
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

func (r *fdRig) start() {
	r.Helper()
	if err := r.fd.Start(); err != nil {
		r.Fatal(err)
	}
}

// run starts the watcher and runs the loop to its end.
func (r *fdRig) run() {
	r.Helper()
	r.start()
	r.runLoop()
}

func (r *fdRig) runLoop() {
	r.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, fmt.Errorf("the loop did not end"))
	defer cancel()
	if err := r.loop.Run(ctx, loop.RunDefault); err != nil {
		r.Fatal(err)
	}
}

// lines returns what was read; a piece ends with '…', the end of file is EOF.
func (r *fdRig) lines() []string {
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

func TestFD_linesComeOnceAndInOrder(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Reading: ReadRecords, EOF: true})
	var want []string
	for i := range 20000 {
		want = append(want, strings.Repeat("x", i%97)+name(i))
	}
	go func() {
		text := []byte(strings.Join(want, "\n"))
		for i := 0; len(text) > 0; i++ {
			n, _ := unix.Write(out, text[:min(1+i*37%5000, len(text))])
			text = text[n:]
		}
		_ = unix.Close(out)
	}()
	r.run()
	if got := r.lines(); !slices.Equal(got, append(want, "EOF")) {
		t.Errorf("%d lines came, want %d; the last is %q", len(got), len(want)+1, got[len(got)-1])
	}
	if r.fd.Active() {
		t.Error("active at the end of file")
	}
}

func TestFD_readings(t *testing.T) {
	tests := []struct {
		name string
		o    FDOptions
		in   string
		want []string
	}{
		{"lines", FDOptions{Reading: ReadRecords}, "a\n\nb", []string{"a", "", "b"}},
		{"records", FDOptions{Reading: ReadRecords, Separator: 0, Limit: 9}, "a\nb\x00c\x00", []string{"a\nb", "c"}},
		{"pieces", FDOptions{Reading: ReadRecords, Separator: '\n', Limit: 3}, "abcdefg\nh\n", []string{"abc…", "def…", "g", "h"}},
		{"data", FDOptions{Reading: ReadData, EOF: true}, "a\nb", []string{"a\nb", "EOF"}},
		{"match", FDOptions{Reading: ReadRecords, Match: regexp.MustCompile("^b")}, "a\nb1\nab\nb2", []string{"b1", "b2"}},
		{"nothing there", FDOptions{Reading: ReadRecords, EOF: true}, "", []string{"EOF"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, out := inheritedPipe(t)
			tt.o.FDs = []string{name(in)}
			r := newFDRig(t, tt.o)
			writeString(t, out, tt.in)
			_ = unix.Close(out)
			r.run()
			if got := r.lines(); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestFD_groupsOfTheMatchAreFields(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{
		FDs: []string{name(in)}, Reading: ReadRecords, EOF: true,
		Match: regexp.MustCompile(`ERROR (?P<what>\w+)( again)?`),
	})
	writeString(t, out, "INFO x\nERROR disk full\n")
	_ = unix.Close(out)
	r.run()
	if len(r.got) != 2 {
		t.Fatalf("%d events, want a line and EOF", len(r.got))
	}
	for i, want := range [][]string{{"disk", "disk", "?"}, {"?", "?", "?"}} {
		for j, name := range []string{"1", "what", "2"} {
			v, ok := event.Event{Detail: r.got[i]}.Lookup(name)
			got := v.String()
			if !v.Known() {
				got = "?"
			}
			if !ok || got != want[j] {
				t.Errorf("event %d: field %s is %q (%t), want %q", i, name, got, ok, want[j])
			}
		}
	}
}

func TestFD_whileHeldNothingIsRead(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Reading: ReadRecords})
	writeString(t, out, "1\n2\n3\n4")
	_ = unix.Close(out)
	atOnce := 0
	r.on = func(event.FD) {
		if atOnce++; atOnce > 1 {
			t.Error("an event while held")
		}
		r.fd.Hold(true)
		// Some turns later, as when a command has ended.
		r.loop.After(time.Millisecond, func() { atOnce--; r.fd.Hold(false) })
	}
	r.run()
	if got, want := r.lines(), []string{"1", "2", "3", "4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFD_backPressureReachesTheWriter(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Reading: ReadRecords})
	r.on = func(event.FD) { r.fd.Hold(true) }
	if err := unix.SetNonblock(out, true); err != nil {
		t.Fatal(err)
	}
	r.start()
	total := 0
	for range 1000 {
		n, err := unix.Write(out, []byte(strings.Repeat("line\n", 1000)))
		if err == unix.EAGAIN {
			break
		}
		total += n
		if err := r.loop.Run(t.Context(), loop.RunNoWait); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.got) != 1 || total > 1<<20 {
		t.Errorf("%d events, and %d bytes were taken from the writer", len(r.got), total)
	}
	if !r.fd.Active() {
		t.Error("not active while held")
	}
}

func TestFD_aReadyDescriptorNeverSpins(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Handed: true})
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
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Handed: true})
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
			r := newFDRig(t, FDOptions{FDs: []string{name(fd)}, Handed: true})
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
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}})
	writeString(t, out, "still there")
	r.run()
	if len(r.got) != 1 || r.got[0].What() != "read" || r.got[0].File != nil {
		t.Errorf("%+v", r.got)
	}
}

func TestFD_aWriterLearnsThatItsReaderHasGone(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(out)}, Want: loop.Hangup, Handed: true})
	r.start()
	r.loop.Post(func() { _ = unix.Close(in) })
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
	r := newFDRig(t, FDOptions{FDs: []string{path}, Reading: ReadRecords})
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
	r := newFDRig(t, FDOptions{FDs: []string{path}, Handed: true})
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
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Reading: ReadRecords})
	r.on = func(event.FD) {
		if now, _ := unix.FcntlInt(uintptr(in), unix.F_GETFL, 0); now != before {
			t.Errorf("flags %#o, were %#o", now, before)
		}
	}
	writeString(t, out, "x\n")
	_ = unix.Close(out)
	r.run()
}

func TestFD_twoReadersOfOneDescriptorDoNotBlock(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(in), name(in)}, Reading: ReadData})
	writeString(t, out, "once")
	r.on = func(event.FD) { r.loop.Post(func() { _ = unix.Close(out) }) }
	r.run()
	if got := r.lines(); !slices.Equal(got, []string{"once"}) {
		t.Errorf("%q", got)
	}
}

func TestFD_anEmptyDatagramIsNoEnd(t *testing.T) {
	for reading, want := range map[Reading]string{ReadData: "a\n||b\n", ReadRecords: "a|b"} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := newFDRig(t, FDOptions{FDs: []string{name(pair[0])}, Reading: reading})
		r.on = func(event.FD) {
			if strings.Join(r.lines(), "|") == want {
				r.fd.Stop()
			}
		}
		for _, text := range []string{"a\n", "", "b\n"} {
			if err := unix.Sendto(pair[1], []byte(text), 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		r.run()
		if got := strings.Join(r.lines(), "|"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		_, _ = unix.Close(pair[0]), unix.Close(pair[1])
	}
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
	r := newFDRig(t, FDOptions{FDs: []string{name(fd)}, Reading: ReadRecords})
	if err := r.fd.Start(); err == nil || !strings.Contains(err.Error(), "waits for connections") {
		t.Error(err)
	}
	newFDRig(t, FDOptions{FDs: []string{name(fd)}}).start() // but it can become ready
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
	r := newFDRig(t, FDOptions{FDs: []string{name(fd)}, Reading: ReadRecords, EOF: true})
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

func TestFD_aFileIsReadWithoutStarvingOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(strings.Repeat("line\n", 100*chunkSize/5)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newFDRig(t, FDOptions{FDs: []string{path}, Reading: ReadData})
	between := 0
	check := loop.NewCheck(r.loop, func() { between++ })
	check.KeepAlive(false)
	check.Start()
	r.run()
	if len(r.got) < 100 || between < len(r.got) {
		t.Errorf("%d chunks in %d turns", len(r.got), between)
	}
}

func TestFD_stoppedItGivesBackWhatItDidNotTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("one\ntwo\nthree"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r := newFDRig(t, FDOptions{FDs: []string{name(fd)}, Reading: ReadRecords})
	r.on = func(event.FD) { r.fd.Stop() }
	r.run()
	rest := make([]byte, 99)
	n, _ := unix.Read(fd, rest)
	if string(rest[:n]) != "two\nthree" {
		t.Errorf("the next reader gets %q", rest[:n])
	}
}

func TestFD_Feed(t *testing.T) {
	in, _ := inheritedPipe(t)
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Handed: true})
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
	r := newFDRig(t, FDOptions{FDs: []string{name(in)}, Reading: ReadRecords})
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
		{"-1", 0, "no descriptor"},
		{"99999999999", 0, "no descriptor"},
		{"", 0, "no descriptor"},
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
		{"tcp-listen:[fe80::1%1]:80", 0, "no address"},
		{"tcp-listen:127.0.0.1:0", loop.Write, "waits for connections"},
		{"unix-listen:", 0, "needs a path"},
		{"unix-listen:" + file, 0, "no socket"},
	}
	for _, tt := range tests {
		l, err := loop.New()
		if err != nil {
			t.Fatal(err)
		}
		o := FDOptions{FDs: []string{tt.fd}, Want: tt.want, Inherited: InheritedFDs()}
		if o.Want == 0 {
			o.Want = loop.Read
		}
		w, err := NewFD(l, o, nil)
		if err == nil {
			err = w.Start()
		}
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: the error is %v, want one with %q", tt.fd, err, tt.err)
		}
		_ = l.Close()
	}
}

func TestFD_groupNames(t *testing.T) {
	for match, want := range map[string]string{
		`(?P<line>.)`:          "line is a field",
		`(?P<SEQ>.)`:           "SEQ is a field",
		`(?P<a>.)(?P<A>.)`:     "A is another group",
		`(?P<2>.)(.)`:          "numbers count the groups",
		`(?P<a>.)(.)(?P<b>.)?`: "",
	} {
		_, err := groupsOf(regexp.MustCompile(match))
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q", match, err, want)
		}
	}
}

// BenchmarkFD_lines streams what seq prints: 1,000,000 lines, 6,888,896 bytes.
func BenchmarkFD_lines(b *testing.B) {
	var text []byte
	for i := range 1000000 {
		text = fmt.Appendf(text, "%d\n", i+1)
	}
	l, err := loop.New()
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var fds [2]int
		if err := unix.Pipe(fds[:]); err != nil {
			b.Fatal(err)
		}
		lines := 0
		o := FDOptions{FDs: []string{name(fds[0])}, Want: loop.Read, Reading: ReadRecords, Separator: '\n', Limit: 1 << 20, Inherited: InheritedFDs()}
		w, err := NewFD(l, o, func(event.Detail) { lines++ })
		if err == nil {
			err = w.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			_, _ = unix.Write(fds[1], text)
			_ = unix.Close(fds[1])
		}()
		if err := l.Run(b.Context(), loop.RunDefault); err != nil || lines != 1000000 {
			b.Fatal(lines, err)
		}
		_ = unix.Close(fds[0])
	}
	b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
