package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/prog": 0o644, "b/prog": 0o755, "c/prog": 0o755, "a/data": 0o644} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "b/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	shut := filepath.Join(dir, "shut")
	if err := os.Mkdir(shut, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(dir, "a")+":"+filepath.Join(dir, "b"))
	b, c := filepath.Join(dir, "b"), filepath.Join(dir, "c")
	for _, tt := range []struct {
		what, name, dir string
		env             []string
		want            string // the file, or with a status: a part of the message
		status          int
	}{
		{what: "what may not be executed is passed over", name: "prog", want: b + "/prog"},
		{what: "the user's PATH goes first", name: "prog", env: []string{"PATH=" + c}, want: c + "/prog"},
		{what: "the last PATH counts", name: "prog", env: []string{"PATH=" + b, "PATH=" + c}, want: c + "/prog"},
		{what: "an empty element is the directory", name: "prog", dir: c, env: []string{"PATH=:" + b}, want: "./prog"},
		{what: "a dot is the directory", name: "prog", dir: c, env: []string{"PATH=."}, want: "./prog"},
		{what: "a slash means no PATH", name: "./prog", dir: c, want: "./prog"},
		{what: "an absolute name", name: b + "/prog", dir: c, want: b + "/prog"},
		{what: "nowhere", name: "nosuch", want: "nosuch: not found in PATH", status: 127},
		{what: "in no PATH", name: "prog", env: []string{"PATH="}, want: "prog: not found in PATH", status: 127},
		{what: "a file in PATH", name: "nosuch", env: []string{"PATH=" + b + "/prog"}, want: "nosuch: not found in PATH", status: 127},
		{what: "found, but not executable", name: "data", want: "chmod +x", status: 126},
		{what: "a directory", name: dir, want: "is a directory", status: 126},
		{what: "a directory in PATH", name: "sub", want: "is a directory", status: 126},
		{what: "no file", name: "./prog", dir: dir, want: "./prog: no such file", status: 127},
		{what: "a file for a directory", name: b + "/prog/x", want: "not a directory", status: 126},
		{what: "a line of shell", name: "echo hi; ls", want: "what a shell should read goes to sh -c", status: 127},
		{what: "nothing", name: "", want: "empty word", status: 127},
		{what: "no directory to run in", name: b + "/prog", dir: dir + "/none", want: "can't run in " + dir + "/none: no such file", status: 125},
		{what: "a file to run in", name: b + "/prog", dir: b + "/prog", want: "is not a directory", status: 125},
		{what: "a directory that may not be entered", name: b + "/prog", dir: shut, want: "can't run in " + shut + ": permission denied", status: 125},
	} {
		if tt.dir == shut && os.Geteuid() == 0 {
			continue // nothing is shut to root
		}
		got, err := Lookup(tt.name, tt.dir, tt.env)
		if tt.status == 0 {
			if err != nil || got != tt.want {
				t.Errorf("%s: got %q, %v; want %q", tt.what, got, err, tt.want)
			}
			continue
		}
		e, ok := errors.AsType[*StartError](err)
		if !ok || e.Status != tt.status || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%s: got %q, %v; want status %d, %q", tt.what, got, err, tt.status, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{
		unix.EAGAIN:  "prog: resource temporarily unavailable",
		unix.ETXTBSY: "prog: text file busy",
		unix.ENOENT:  "the interpreter in its first line does not exist",
		unix.ENOEXEC: "not a program for this machine",
		unix.E2BIG:   "longer than the kernel takes",
		unix.EACCES:  "prog: permission denied",
	} {
		got := explain("prog", err)
		e, final := errors.AsType[*StartError](got)
		if _, later := Temporary(got); !strings.Contains(got.Error(), want) || later == final || final && e.Status != StatusNotExecutable {
			t.Errorf("%v: got %q, later %v, status %+v; want %q", err, got, later, e, want)
		}
	}
}
