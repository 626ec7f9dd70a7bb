package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

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
	s, _ := testLines(tb, text)
	return s
}

// testLines makes a session that has the lines of an Evfile, and returns it and the file as it was
// read, which the session need not keep.
func testLines(tb testing.TB, text string) (*session.Session, weak.Pointer[evfile.File]) {
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
	_ = r.replace(s, watchers, lines)
	tb.Cleanup(func() { runtime.KeepAlive(r) })
	return s, weak.Make(lines[0].file)
}

// Of many lines the words take more memory than what they ask for.
func TestReplace_keepsNoLine(t *testing.T) {
	s, file := testLines(t, "a: timer 1h\ntimer 2h --count 2 -- true {due}\nevery 03:00 --timeout 1h\non-signal USR1\nstat /\n")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if e := s.Run(ended); !errors.Is(e.Err, context.Canceled) {
		t.Fatal(e.Err)
	}
	runtime.GC()
	if file.Value() != nil {
		t.Error("something has kept a line that has begun")
	}
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

// The lines of one kind are read by one command, and none has what another has said.
func TestCheck_linesAreApart(t *testing.T) {
	p := newProgram(nil)
	p.Report = report.New(t.Output(), "ev run", report.Plain, report.Notice)
	r := &reader{program: p, globals: Root().PersistentFlags(), options: &runOptions{lines: []string{
		"label: timer 1 --count 3 --if seq=1 --env A=1 -q -- echo {seq}",
		"timer 2 --if seq=2 --print -- echo",
		"timer 3 --count 4 --once",
		"timer 4 --count 5 --no-such-flag",
		"timer 5",
		"on-http :1 --method GET,PUT --path /a",
		"on-http :2 --method HEAD",
		"on-http :3",
	}}}
	lines, _, err := r.read()
	if err != nil {
		t.Fatal(err)
	}
	right, errs := r.check(lines)
	if len(errs) != 2 || errs[0].Line != 3 || errs[1].Line != 4 {
		t.Fatalf("wrong are %v", errs)
	}
	var got []string
	for _, l := range right {
		b := l.binding
		text := fmt.Sprintf("%s count=%d if=%d print=%t", b.Name, b.Count, len(b.If), b.Render != nil)
		if b.Exec != nil {
			text += fmt.Sprintf(" %v %v", b.Exec.Argv, b.Exec.Fill)
		}
		if l.listens != nil {
			text += fmt.Sprintf(" %s %v %v", l.listens.Addr, l.listens.Methods, l.listens.Paths)
		}
		got = append(got, text)
	}
	want := []string{
		"label count=3 if=1 print=false [echo {seq}] [A=1]",
		"timer count=0 if=1 print=true [echo] []",
		"timer count=0 if=0 print=true",
		"on-http count=0 if=0 print=true :1 [GET PUT] [/a]",
		"on-http count=0 if=0 print=true :2 [HEAD] []",
		"on-http count=0 if=0 print=true :3 [POST] []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
