package cmd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sdnotify"
)

// BenchmarkRun_checkAndArm reads an Evfile of 20,000 lines, checks it, and starts its
// watchers. Issue: about a second.
func BenchmarkRun_checkAndArm(b *testing.B) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "w%d: timer %dm --repeat 5m -- true {seq}\n", i, i+1)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, lines := testSession(b, text.String())
		bound, err := s.bindLines(lines, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range bound {
			if err := v.start(); err != nil {
				b.Fatal(err)
			}
		}
		s.close()
	}
	b.ReportMetric(20_000, "lines/op")
}

// testSession makes a session and the lines of an Evfile.
func testSession(tb testing.TB, text string) (*session, []*line) {
	tb.Helper()
	a := newApp(nil)
	a.report = report.New(tb.Output(), "ev run", report.Plain, report.Notice)
	r := &reader{app: a, globals: Root().PersistentFlags(), options: &runOptions{lines: []string{text}}}
	lines, errs, err := r.read()
	if err != nil {
		tb.Fatal(err)
	}
	lines, faults := r.check(lines)
	if err := append(errs, faults...).Err(); err != nil {
		tb.Fatal(err)
	}
	s, err := a.newSession()
	if err != nil {
		tb.Fatal(err)
	}
	return s, lines
}

func TestKeyOf(t *testing.T) {
	keys := func(text string) (keys []string) {
		f, errs := evfile.Parse("Evfile", []byte(text))
		if errs != nil {
			t.Fatal(errs)
		}
		for _, l := range f.Lines {
			keys = append(keys, keyOf(&l))
		}
		return keys
	}
	same := keys("a: timer 5 -- echo 'x y'")
	if other := keys("\n# a comment\na: timer  5 \\\n -- echo x\\ y # another"); same[0] != other[0] {
		t.Errorf("%q and %q say the same", same[0], other[0])
	}
	if ab, ba := keys("A=1\nB=2\ntimer 5"), keys("B=2 A=1\ntimer 5"); ab[0] != ba[0] {
		t.Errorf("%q and %q have the same environment", ab[0], ba[0])
	}
	seen := map[string]int{}
	for i, key := range keys("timer 5 -- echo\nx: timer 5 -- echo\ntimer 5 -- echo '' A=1\ntimer 5 -- echo '' '' A=1\ntimer 5 --echo\nA=1\ntimer 5 -- echo\ntimer 5 -- echo ''\nA=2\ntimer 5 -- echo") {
		if other, ok := seen[key]; ok {
			t.Errorf("line %d has the key of line %d", i, other)
		}
		seen[key] = i
	}
}

func TestTrusted(t *testing.T) {
	tests := []struct {
		name      string
		file, dir os.FileMode
		trusted   bool
	}{
		{"its owner alone may write it", 0o644, 0o755, true},
		{"anyone may write it", 0o666, 0o755, false},
		{"its group may write it", 0o664, 0o755, false},
		{"anyone may replace it", 0o644, 0o777, false},
		{"nobody replaces another's in a sticky directory", 0o644, 0o777 | os.ModeSticky, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			dir, link := filepath.Join(top, "dir"), filepath.Join(top, "link")
			path := filepath.Join(dir, "Evfile")
			for _, err := range []error{
				os.Chmod(top, 0o700), os.Mkdir(dir, 0o700), os.WriteFile(path, nil, 0o600), os.Symlink(path, link),
				os.Chmod(path, tt.file), os.Chmod(dir, tt.dir),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{path, link} {
				f, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := trusted(f, name); (err == nil) != tt.trusted {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// Who owns the directory may put another file in the place of root's.
func TestTrusted_directoryOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: chown")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "Evfile")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	for _, tt := range []struct {
		file, dir int
		want      string
	}{
		{0, nobody, "belongs to user 65534, who could replace"},
		{nobody, nobody, ""},
		{nobody, 0, ""},
	} {
		if err := errors.Join(os.Chown(path, tt.file, -1), os.Chown(dir, tt.dir, -1)); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := trusted(f, path); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("a file of %d in a directory of %d: %v", tt.file, tt.dir, err)
		}
	}
}

// A reload tells the service manager that it has begun, and that it is over, whatever
// came of it; and changes nothing if the file is faulty.
func TestRunner_againTellsTheServiceManager(t *testing.T) {
	dir := t.TempDir()
	address := filepath.Join(dir, "notify")
	manager, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	s, lines := testSession(t, "a: timer 1h\nb: timer 2h")
	defer s.close()
	if s.bound, err = s.bindLines(lines, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	s.notify = sdnotify.New(func(string) string { return address })
	r := &runner{s, &reader{app: s.app, globals: Root().PersistentFlags(), options: &runOptions{}, path: filepath.Join(dir, "Evfile")}}
	before := s.bound[1]
	for _, tt := range []struct {
		text   string
		right  bool
		status string
	}{
		{"a: tmier 1h", false, "STATUS=watching: a, b"},
		{"c: timer 3h\nb: timer 2h", true, "STATUS=watching: c, b"},
	} {
		if err := os.WriteFile(r.reader.path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.again(); (err == nil) != tt.right {
			t.Errorf("%s: %v", tt.text, err)
		}
		for _, want := range []string{"RELOADING=1", "READY=1", tt.status} {
			b := make([]byte, 1024)
			n, _, err := manager.ReadFrom(b)
			if err != nil || !strings.HasPrefix(string(b[:n]), want) {
				t.Errorf("%s: told %q, %v; want %s", tt.text, b[:n], err, want)
			}
		}
		if s.bound[1] != before || s.bound[1].line.Words[0].Line != 2 {
			t.Errorf("%s: the line that has stayed is another", tt.text)
		}
	}
}
