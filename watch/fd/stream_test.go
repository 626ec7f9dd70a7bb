package fd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

func TestFD_linesComeOnceAndInOrder(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in)}, Reading: ReadRecords, EOF: true})
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
		o    Options
		in   string
		want []string
	}{
		{"lines", Options{Reading: ReadRecords}, "a\n\nb", []string{"a", "", "b"}},
		{"records", Options{Reading: ReadRecords, Separator: 0, Limit: 9}, "a\nb\x00c\x00", []string{"a\nb", "c"}},
		{"pieces", Options{Reading: ReadRecords, Separator: '\n', Limit: 3}, "abcdefg\nh\n", []string{"abc…", "def…", "g", "h"}},
		{"data", Options{Reading: ReadData, EOF: true}, "a\nb", []string{"a\nb", "EOF"}},
		{"match", Options{Reading: ReadRecords, Match: regexp.MustCompile("^b")}, "a\nb1\nab\nb2", []string{"b1", "b2"}},
		{"nothing there", Options{Reading: ReadRecords, EOF: true}, "", []string{"EOF"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, out := inheritedPipe(t)
			tt.o.FDs = []string{name(in)}
			r := newRig(t, tt.o)
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
	r := newRig(t, Options{
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
	r := newRig(t, Options{FDs: []string{name(in)}, Reading: ReadRecords})
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
	r := newRig(t, Options{FDs: []string{name(in)}, Reading: ReadRecords})
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

func TestFD_twoReadersOfOneDescriptorDoNotBlock(t *testing.T) {
	in, out := inheritedPipe(t)
	r := newRig(t, Options{FDs: []string{name(in), name(in)}, Reading: ReadData})
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
		r := newRig(t, Options{FDs: []string{name(pair[0])}, Reading: reading})
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

func TestFD_aFileIsReadWithoutStarvingOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(strings.Repeat("line\n", 100*chunkSize/5)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{FDs: []string{path}, Reading: ReadData})
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
	r := newRig(t, Options{FDs: []string{name(fd)}, Reading: ReadRecords})
	r.on = func(event.FD) { r.fd.Stop() }
	r.run()
	rest := make([]byte, 99)
	n, _ := unix.Read(fd, rest)
	if string(rest[:n]) != "two\nthree" {
		t.Errorf("the next reader gets %q", rest[:n])
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
		o := Options{FDs: []string{name(fds[0])}, Want: loop.Read, Reading: ReadRecords, Separator: '\n', Limit: 1 << 20, Inherited: Inherited()}
		w, err := New(l, o, func(event.Detail) { lines++ })
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
