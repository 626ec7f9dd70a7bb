package inject

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Args[0] == "inject" {
		Main()
	}
	os.Exit(m.Run())
}

func TestParse_refuses(t *testing.T) {
	for spec, want := range map[string]string{
		"openat":                     "error= or hold= is missing",
		"openat:when=1":              "error= or hold= is missing",
		"openat:error=ENONSENSE":     "no such error",
		"openat:error=EIO:when=x":    "invalid syntax",
		"openat:error=EIO:when=1..x": "invalid syntax",
		"openat:error=EIO:arg6=1":    "no such word",
		"openat:error=EIO:path=":     "no such word",
		"openat:erorr=EIO":           "no such word",
		"openat:error=EIO:odds=0":    "no number of calls",
	} {
		if _, err := parse(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}

func TestMeans(t *testing.T) {
	for spec, want := range map[string]string{
		"openat:error=EIO":                      "12345",
		"openat:error=EIO:when=2":               "2",
		"openat:error=EIO:when=2+":              "2345",
		"openat:error=EIO:when=2..3":            "23",
		"openat:error=EIO:path=odd":             "135",
		"openat:error=EIO:path=odd:when=2":      "3",
		"openat:error=EIO:arg0=4":               "4",
		"openat:error=EIO:arg0=0x4:path=odd":    "",
		"read:error=EIO":                        "",
		"openat:error=EIO:until=inject_test.go": "",
		"openat:error=EIO:until=none:when=2":    "2",
		"openat:hold=f:when=5:arg0=5:path=/odd": "",
		"openat:error=EIO:own:when=2":           "4",
		"openat:error=EIO:from=/":               "12345",
		"openat:error=EIO:from=/none":           "",
		"openat:error=EIO:odds=1:when=2+":       "2345",
	} {
		s, err := parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i := range 5 {
			name := []string{"odd", "even"}[i%2]
			if s.means(call{name: "openat", args: [6]uint64{uint64(i + 1)}, path: func() string { return name }, own: func() bool { return i%2 == 1 }}) {
				got += string(rune('1' + i))
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

// injected runs a shell's script under inject, and returns what that writes.
func injected(t *testing.T, specs []string, script string) string {
	t.Helper()
	if !Available() {
		t.Skip("needs seccomp(2) of Linux 5.5")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Args = append(append([]string{"inject"}, specs...), "sh", "-c", script)
	c.Dir = t.TempDir()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

func TestInject_error(t *testing.T) {
	const script = `for i in 1 2 3 4; do if (echo >f.$i) 2>/dev/null; then echo "$i there"; else echo "$i not"; fi; done`
	got := injected(t, []string{"openat:error=EIO:path=f.:when=2..3"}, script)
	if want := "1 there\n2 not\n3 not\n4 there\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMeans_odds(t *testing.T) {
	s, err := parse("openat:error=EIO:odds=4")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range 100_000 {
		if s.means(call{name: "openat"}) {
			n++
		}
	}
	if n < 24_000 || 26_000 < n { // seven standard deviations
		t.Errorf("%d of 100,000", n)
	}
}

func TestInject_log(t *testing.T) {
	got := injected(t, []string{"openat:error=EIO:path=f.:when=2:own:log=log"}, `(echo >f.0); for i in 1 2 3; do { echo >f.$i; } 2>/dev/null || echo $i; done; cat log`)
	if got != "2\nopenat:error=EIO:path=f.:when=2:own:log=log\n" {
		t.Errorf("%q", got)
	}
}

// TestInject_execve: the program's own is not counted.
func TestInject_execve(t *testing.T) {
	got := injected(t, []string{"execve:error=ENOMEM:path=/env:when=1"}, `/usr/bin/env true 2>/dev/null; echo $?; /usr/bin/env true; echo $?`)
	if got != "126\n0\n" {
		t.Errorf("%q", got)
	}
}

func TestInject_hold(t *testing.T) {
	got := injected(t, []string{"openat:hold=go:path=held"}, `
		mkfifo begun
		(echo begun >begun; echo >held; test -e go && echo after) &
		cat begun
		test -e held || echo held
		touch go
		wait`)
	if got != "begun\nheld\nafter\n" {
		t.Errorf("%q", got)
	}
}

// TestInject_keepsTheProcess: its number and its status are the program's.
func TestInject_keepsTheProcess(t *testing.T) {
	if !Available() {
		t.Skip("needs seccomp(2) of Linux 5.5")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Args = []string{"inject", "accept4:error=EIO", "--", "sh", "-c", "echo $$; exit 7"}
	out, err := c.Output()
	if c.ProcessState.ExitCode() != 7 {
		t.Error(err)
	}
	if want := strconv.Itoa(c.Process.Pid); strings.TrimSpace(string(out)) != want {
		t.Errorf("it is process %s, want %s", out, want)
	}
}
