package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/bench/tool"
)

const (
	patience = 20 * time.Second // for what ev has to do in spite of one call that fails
	while    = 2 * time.Second  // in which ev may wait for calls that go on failing
	atOnce   = 5 * time.Second  // in which ev ends when it is asked to
)

// A scenario is something that ev does, and ends.
type scenario struct {
	args   []string // the command line, less ev
	want   string   // it prints
	status int      // and ends with
	before func(at place)
	// while ev is ready: what is to be noticed. It is tried until it succeeds.
	act func(at place) error
}

// A place is the folder in which ev runs, and its process.
type place struct {
	dir string
	bin string // the file of ev
	ev  *exec.Cmd
}

func (p place) path(name string) string { return filepath.Join(p.dir, name) }

// name is the command line as a shell takes it.
func (s scenario) name() string {
	words := slices.Clone(s.args)
	for i, word := range words {
		if strings.ContainsAny(word, " \"") {
			words[i] = "'" + word + "'"
		}
	}
	return strings.Join(words, " ")
}

func scenarios() []scenario {
	return []scenario{
		{args: []string{"timer", "50ms"}, want: "50ms\telapsed"},
		{args: []string{"timer", "0", "--once", "--", "sh", "-c", "echo did; exit 3"}, want: "did", status: 3},
		{args: []string{"timer", "0", "--once", "--run-timeout", "50ms", "--kill-after", "1s", "--", "sleep", "1000"}, status: 124},
		{args: []string{"timer", "0", "--once", "--lock=l", "--server", "file:shared", "--", "sh", "-c", "exit 3"}, status: 3},
		{args: []string{"timer", "0", "--emit", "ev.test", "--print"}, want: "0s\telapsed"},
		{args: []string{"every", "100ms", "--once", "--state", "state", "--", "sh", "-c", "exit 3"}, status: 3},
		{args: []string{"stat", "-r", "tree", "--once", "--if", "path=tree/new/deep/file"}, want: "tree/new/deep/file\tcreated", before: func(p place) {
			tool.Must(os.MkdirAll(p.path("tree/old"), 0o700))
			tool.Must(os.WriteFile(p.path("tree/old/file"), nil, 0o600))
		}, act: func(p place) error {
			if err := os.MkdirAll(p.path("tree/new/deep"), 0o700); err != nil {
				return err
			}
			return os.WriteFile(p.path("tree/new/deep/file"), []byte("x"), 0o600)
		}},
		{args: []string{"watch-fd", "./fifo", "--line", "--count", "2"}, want: "two", before: func(p place) {
			tool.Must(unix.Mkfifo(p.path("fifo"), 0o600))
		}, act: func(p place) error {
			f, err := os.OpenFile(p.path("fifo"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("one\ntwo\n")
			return err
		}},
		{args: []string{"watch-fd", "tail:log", "--once"}, want: "more", before: func(p place) {
			tool.Must(os.WriteFile(p.path("log"), []byte("old\n"), 0o600))
		}, act: func(p place) error {
			f, err := os.OpenFile(p.path("log"), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("more\n")
			return err
		}},
		{args: []string{"watch-fd", "unix-listen:socket", "--once", "--", "echo", "hello"}, act: func(p place) error {
			c, err := net.Dial("unix", p.path("socket"))
			if err != nil {
				return err
			}
			defer c.Close()
			return expect(c, "hello\n")
		}},
		{args: []string{"on-signal", "USR1", "--once"}, want: "USR1", act: func(p place) error { return p.ev.Process.Signal(unix.SIGUSR1) }},
		{args: []string{"on-signal", "RTMIN+1", "--once"}, want: `RTMIN\+1`, act: func(p place) error { return p.ev.Process.Signal(syscall.Signal(35)) }},
		{args: []string{"on-exit", "--pidfile", "pid"}, want: `\t(killed by KILL|ended, status unknown)\n`, before: func(p place) {
			c := exec.Command("sleep", "1000")
			tool.Must(c.Start())
			tool.Must(os.WriteFile(p.path("pid"), []byte(strconv.Itoa(c.Process.Pid)), 0o600))
			go func() { _ = c.Wait() }()
		}, act: func(p place) error {
			text, err := os.ReadFile(p.path("pid"))
			if err != nil {
				return err
			}
			pid, err := strconv.Atoi(string(text))
			if err != nil {
				return err
			}
			return unix.Kill(pid, unix.SIGKILL)
		}},
		{args: []string{"on-exit", "--once", "--child", "sh -c \"exit 3\""}, status: 3},
		{args: []string{"on-http", "unix:socket", "--drain", "1s", "--once", "--", "echo", "answered"}, act: func(p place) error {
			client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
				return net.Dial("unix", p.path("socket"))
			}}}
			answer, err := client.Post("http://localhost/", "text/plain", nil)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			return expect(answer.Body, "answered\n")
		}},
		{args: []string{"run", "--control", "socket", "-e", "a: timer 1h", "-e", "b: on-signal USR1"}, act: func(p place) error {
			c := exec.Command(p.bin, "ctl", "--control", "socket", "break")
			c.Dir = p.dir
			return c.Run()
		}},
		{args: []string{"probe", "unix:listens", "--until", "up"}, want: "up", before: func(p place) {
			l, err := net.Listen("unix", p.path("listens"))
			tool.Must(err)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					c.Close()
				}
			}()
		}},
	}
}

func expect(r io.Reader, want string) error {
	got, err := io.ReadAll(r)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%q came", got)
	}
	return err
}

// An outcome is what came of a run in which calls failed.
type outcome struct {
	what     string
	scenario string
	spec     string
	said     string
	failed   bool // a call has failed at all
}

func (o outcome) bad() bool {
	switch o.what {
	case "hang", "abort", "spin", "blind", "false":
		return true
	}
	return false
}

// run runs ev once, with what the spec says of calls that fail.
func (s scenario) run(ev, dir, spec string) outcome {
	dir, err := os.MkdirTemp(dir, "")
	tool.Must(err)
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	tool.Must(err)
	p := place{dir: dir, bin: ev}
	args := append([]string{spec + ":log=failed", "--", ev, s.args[0], "--ready-fd", "3"}, s.args[1:]...)
	p.ev = exec.Command(self, args...)
	p.ev.Args[0] = "inject"
	p.ev.Dir = dir
	p.ev.Env = append(os.Environ(), "XDG_STATE_HOME="+dir)
	var out, said bytes.Buffer
	p.ev.Stdout, p.ev.Stderr = &out, &said
	// What an ev that hangs has started may have its output.
	p.ev.WaitDelay = time.Second
	ready, theirs, err := os.Pipe()
	tool.Must(err)
	defer ready.Close()
	p.ev.ExtraFiles = []*os.File{theirs}
	if s.before != nil {
		s.before(p)
	}
	tool.Must(p.ev.Start())
	_ = theirs.Close()
	ended := make(chan struct{})
	go func() {
		_ = p.ev.Wait()
		close(ended)
	}()
	what := s.follow(p, ready, ended, strings.Contains(spec, "from="))
	_, err = os.Stat(p.path("failed"))
	o := outcome{scenario: s.name(), spec: spec, said: said.String(), failed: err == nil}
	status, told := p.ev.ProcessState.ExitCode(), strings.Contains(o.said, "ev")
	if w := p.ev.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() {
		status = 128 + int(w.Signal())
	}
	same := what == "done" && status == s.status && regexp.MustCompile(s.want).MatchString(out.String())
	switch {
	case strings.Contains(o.said, "goroutine "):
		o.what = "abort"
	case what == "waits" && told:
		o.what = "told and waits"
	case what == "waits":
		o.what = "blind"
	case what == "hang" || what == "spin":
		o.what = what
	case same && told:
		o.what = "told and done"
	case same:
		o.what = "done"
	case told && status != 0 && status != s.status:
		o.what = fmt.Sprint("told and ", status)
	default:
		o.what = "false"
		o.said += fmt.Sprintf("status %d, output %q, %s\n", status, out.String(), what)
	}
	return o
}

// follow has ev notice what it is to notice, until it ends, or has had its time. It returns done if
// ev has ended by itself after that, failed if it has before, and else waits, spin or hang.
func (s scenario) follow(p place, ready *os.File, ended chan struct{}, goesOn bool) string {
	acted := make(chan error, 1)
	go func() {
		_, _ = ready.Read(make([]byte, 1))
		tool.Must(os.WriteFile(p.path("armed"), nil, 0o600))
		for s.act != nil {
			if s.act(p) == nil {
				break
			}
			select {
			case <-ended:
				acted <- fmt.Errorf("ev has ended")
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
		acted <- nil
	}()
	limit := patience
	if goesOn {
		limit = while
	}
	began := time.Now()
	select {
	case <-ended:
		if <-acted != nil {
			return "failed"
		}
		return "done"
	case <-time.After(limit):
	}
	what := "waits"
	if busy(p.ev.Process.Pid) > time.Since(began)/2 {
		what = "spin"
	}
	_ = p.ev.Process.Signal(unix.SIGTERM)
	select {
	case <-ended:
	case <-time.After(atOnce):
		what = "hang"
		_ = p.ev.Process.Kill()
		<-ended
	}
	return what
}

// busy is how long a process has had a processor.
func busy(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	ticks := 0
	for _, word := range strings.Fields(after)[11:13] { // utime and stime, proc_pid_stat(5)
		n, err := strconv.Atoi(word)
		tool.Must(err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
