package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/session"
)

// BenchmarkRun_checkAndArm reads an Evfile of 20,000 lines, checks it, and starts its watchers.
// Issue: about a second.
func BenchmarkRun_checkAndArm(b *testing.B) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "w%d: timer %dm --repeat 5m -- true {seq}\n", i, i+1)
	}
	b.ReportAllocs()
	ended, cancel := context.WithCancel(b.Context())
	cancel()
	for b.Loop() {
		s := testSession(b, text.String())
		if e := s.Run(ended); !errors.Is(e.Err, context.Canceled) {
			b.Fatal(e.Err)
		}
	}
	b.ReportMetric(20_000, "lines/op")
}

// testSession makes a session that has the lines of an Evfile.
func testSession(tb testing.TB, text string) *session.Session {
	tb.Helper()
	p := newProgram(nil)
	p.Report = report.New(tb.Output(), "ev run", report.Plain, report.Notice)
	r := &reader{program: p, globals: Root().PersistentFlags(), options: &runOptions{lines: []string{text}}}
	lines, errs, err := r.read()
	if err != nil {
		tb.Fatal(err)
	}
	l, err := p.newLoop()
	if err != nil {
		tb.Fatal(err)
	}
	s := session.New(l, p.config(session.Config{}))
	tb.Cleanup(func() {
		s.Close()
		_ = l.Close()
	})
	watchers, faults := s.Bind(r.describe(lines))
	if err := append(errs, lineFaults(faults)...).Err(); err != nil {
		tb.Fatal(err)
	}
	_ = s.Replace(watchers)
	return s
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
