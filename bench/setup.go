package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A bench is one run: what it may take, and what it has found.
type bench struct {
	quick    bool
	terminal bool
	scratch  string            // a folder for all that is built and watched
	lack     map[string]string // why a tool is not there; by name
	files    int               // that a process may open
	groups   sync.Map          // of processes, by the leader's PID
	revision string            // of ev that is compared with; "": none
	other    bool              // it is the turn of that one
}

// packages are those of Debian that have the tools which are not named like them.
func packages() map[string]string {
	return map[string]string{
		"libev": "libev-dev", "libevent": "libevent-dev", "evhttp": "libevent-dev", "inotifywait": "inotify-tools", "cc": "gcc libc6-dev",
		"xargs": "findutils", "sleep": "coreutils", "nodemon": "npm, then npm install -g nodemon",
		"shell2http": "golang, then go install github.com/msoap/shell2http@latest",
	}
}

// either returns a size for a quick run, or a full one.
func (b *bench) either(quick, full int) int {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) ev() string {
	if b.other {
		return b.builtOther("ev")
	}
	return b.built("ev")
}

// built is the path of something that setUp has made.
func (b *bench) built(name string) string { return filepath.Join(b.scratch, "bin", name) }

// close leaves nothing behind.
func (b *bench) close() error {
	b.killGroups()
	return os.RemoveAll(b.scratch)
}

// setUp builds ev, the programs to compare with, and the drivers in C.
func (b *bench) setUp() (err error) {
	if info, err := os.Stderr.Stat(); err == nil {
		b.terminal = info.Mode()&os.ModeCharDevice != 0
	}
	b.lack = map[string]string{}
	if b.scratch, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	if err := os.Mkdir(b.built(""), 0o700); err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	b.files = int(min(limit.Max, 1<<20))
	for name, from := range map[string][]string{
		"ev": {".."}, "bare": {"./bare"}, "cobra": {"./cobra"}, "cobra-http": {"./cobra", "-tags=http"}, "cobra-nats": {"./cobra", "-tags=http,nats"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", b.built(name)}, from[1:]...)...)
		cmd.Dir = from[0]
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", name, err, out)
		}
	}
	for name, libraries := range map[string][]string{
		"libev": {"-lev", "-lm", "-lpthread"}, "libevent": {"-levent_core"}, "evhttp": {"-levent"}, "timerfd": nil, "spawn": nil, "saw": nil,
	} {
		b.compile(name, libraries)
	}
	return nil
}

// compile builds a driver, or notes why it can't be.
func (b *bench) compile(name string, libraries []string) {
	if why := b.lacks("cc"); why != "" {
		b.lack[name] = why
		return
	}
	args := append([]string{"-O2", "-o", b.built(name), filepath.Join("c", name+".c")}, libraries...)
	switch out, err := exec.Command("cc", args...).CombinedOutput(); {
	case err == nil:
		b.lack[name] = ""
	case packages()[name] != "":
		b.lack[name] = missing(name)
	default:
		b.lack[name] = fmt.Sprintf("cc %s.c: %v: %s", name, err, bytes.TrimSpace(out))
	}
}

// lacks says why a tool can't be used, or "".
func (b *bench) lacks(name string) string {
	if name == "" {
		return ""
	}
	why, known := b.lack[name]
	if !known {
		if _, err := exec.LookPath(name); err != nil {
			why = missing(name)
		}
		b.lack[name] = why
	}
	return why
}

func missing(name string) string {
	in := packages()[name]
	if in == "" {
		in = name
	}
	return name + " is not here: apt-get install " + in
}

// machine says what the figures were measured on, and with which versions.
func (b *bench) machine() string {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	var total string
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			kb, _ := strconv.Atoi(f[1])
			total = fmt.Sprintf(", %d GB of memory", (kb+1<<19)>>20)
		}
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(uts.Release[:]), "-") // the rest is the distributor's
	s := fmt.Sprintf("%d cores of %s%s; Linux %s; %s\n", runtime.NumCPU(), processor(), total, release, runtime.Version())
	for _, tool := range [][]string{
		{"cc", "--version"},
		{"inotifywait", "--help"},
		{"fswatch", "--version"},
		{"watchman", "--version"},
		{"nodemon", "--version"},
		{"gawk", "--version"},
		{"xargs", "--version"},
		{"dpkg-query", "-W", "-f", "${Package} ${Version}\n", "libev-dev", "libevent-dev", "entr", "mawk", "nginx", "fcgiwrap", "busybox", "webhook", "websocketd"},
	} {
		if b.lacks(tool[0]) != "" {
			continue
		}
		out, _ := exec.Command(tool[0], tool[1:]...).CombinedOutput()
		lines := bufio.NewScanner(bytes.NewReader(out))
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			if !strings.Contains(line, tool[0]) && tool[0] != "dpkg-query" {
				line = tool[0] + " " + line
			}
			s += "- " + line + "\n"
			if tool[0] != "dpkg-query" {
				break
			}
		}
	}
	return s
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
