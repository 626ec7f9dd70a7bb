package action

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Each run has a file of its own, and the last ones are kept, whatever else is in the directory.
func TestExec_logDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs", "job")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"2001-01-01T00-00-00Z.log", "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	th := open(t, Options{Argv: shell("echo out; echo err >&2"), LogDir: dir, LogKeep: 2, Retry: 1, Busy: Busy{Policy: Queue}})
	for seq := range uint64(3) {
		th.Do(tick(seq + 1))
	}
	th.run()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) != 2 {
		t.Errorf("%q, %v", logs, err)
	}
	for _, path := range logs {
		if b, err := os.ReadFile(path); err != nil || len(b) != len("out\nerr\n") {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "notes")); err != nil {
		t.Error(err)
	}
	if got := th.output(); len(got) != 3*len("out\nerr\n") {
		t.Errorf("it is not ev's output as well: %q", got)
	}
}

// Of many runs in one second, and of the files that are no runs', the right ones are kept.
func TestOpenLog(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"access.log", "2001-01-01.log", "2001-01-01T00-00-00Z_1.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 30 {
		l := openLog(dir, 3, nil)
		l.write([]byte(strconv.Itoa(i) + " "))
		l.close()
	}
	var got string
	for _, l := range logsIn(dir) {
		b, err := os.ReadFile(filepath.Join(dir, l.String()))
		if err != nil {
			t.Error(err)
		}
		got += string(b)
	}
	if got != "27 28 29 " {
		t.Errorf("kept %q", got)
	}
	if files, err := os.ReadDir(dir); len(files) != 3+3 || err != nil {
		t.Errorf("%v, %v", files, err)
	}
}

// One that can't be made keeps nothing from running.
func TestExec_logDirThatCanNotBe(t *testing.T) {
	th, out := play(t, Options{Argv: shell("echo out"), LogDir: "/dev/null/x"}, tick(1))
	if out.Status != 0 || th.output() != "out\n" || th.said.Len() == 0 {
		t.Errorf("%v, %q, said %q", out, th.output(), th.said.String())
	}
}
