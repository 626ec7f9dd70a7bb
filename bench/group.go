package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long anything may take before it counts as failed.
const patience = 20 * time.Second

// A group is a program at work, and all that it has started: a process group.
type group struct {
	cmd *exec.Cmd
	end chan error
}

// A program is how one is started, and how it tells that it is ready.
type program struct {
	words   []string
	stdin   string // its text
	stdout  *os.File
	env     []string
	readyFD bool   // it writes to descriptor 3 when it is ready
	says    string // it has this in a line of its standard error, then
	watches int    // it has so many inotify watches, then
}

// launch starts a program and waits until it is ready. It is ended with the bench, if
// not before.
func (b *bench) launch(p program) (*group, error) {
	cmd := exec.Command(p.words[0], p.words[1:]...)
	cmd.Stdin = strings.NewReader(p.stdin)
	cmd.Env = append(os.Environ(), p.env...)
	if p.stdout != nil {
		cmd.Stdout = p.stdout
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	if p.says != "" {
		cmd.Stderr = write
	}
	if p.readyFD {
		cmd.ExtraFiles = []*os.File{write}
	}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return nil, err
	}
	g := &group{cmd, make(chan error, 1)}
	b.groups.Store(cmd.Process.Pid, true)
	go func() {
		err := cmd.Wait()
		b.groups.Delete(cmd.Process.Pid)
		g.end <- err
	}()
	_ = read.SetReadDeadline(time.Now().Add(patience))
	switch {
	case p.readyFD:
		_, err = read.Read(make([]byte, 1))
	case p.says != "":
		said := ""
		for lines := bufio.NewScanner(read); !strings.Contains(said, p.says); said = lines.Text() {
			if !lines.Scan() {
				err = errors.Join(errors.New("it was not ready"), lines.Err())
				break
			}
		}
	default:
		err = await(func() bool { return g.watches() >= p.watches })
	}
	if err != nil {
		g.stop()
		return nil, fmt.Errorf("%s: %w", p.words[0], err)
	}
	return g, nil
}

// await looks every millisecond.
func await(done func() bool) error {
	for start := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			return errors.New("it took too long")
		}
	}
	return nil
}

// killGroups ends all that is still at work.
func (b *bench) killGroups() {
	b.groups.Range(func(pid, _ any) bool {
		_ = syscall.Kill(-pid.(int), syscall.SIGKILL)
		return true
	})
}

// stop ends the whole group.
func (g *group) stop() {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-g.cmd.Process.Pid, s)
		select {
		case <-g.end:
			_ = syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
			return
		case <-time.After(2 * time.Second):
		}
	}
	<-g.end
}

// pids returns the processes of the group.
func (g *group) pids() []string {
	group := strconv.Itoa(g.cmd.Process.Pid)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var pids []string
	for _, path := range stats {
		stat, _ := os.ReadFile(path)
		if f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]); len(f) > 2 && string(f[2]) == group {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// A usage is what a group has used.
type usage struct {
	cpu      time.Duration
	resident int // bytes
	switches int // of context, voluntary and not
}

// usage adds up what all threads of all processes of the group have used.
func (g *group) usage() usage {
	var u usage
	for _, pid := range g.pids() {
		tasks, _ := filepath.Glob("/proc/" + pid + "/task/*")
		for _, task := range tasks {
			text, _ := os.ReadFile(task + "/schedstat")
			u.cpu += time.Duration(first(string(text)))
			text, _ = os.ReadFile(task + "/status")
			for line := range strings.Lines(string(text)) {
				if name, value, _ := strings.Cut(line, ":"); strings.HasSuffix(name, "ctxt_switches") {
					u.switches += first(value)
				}
			}
		}
		text, _ := os.ReadFile("/proc/" + pid + "/status")
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				u.resident += first(value) << 10
			}
		}
	}
	return u
}

// first returns the number that a text begins with.
func first(text string) int {
	f := strings.Fields(text)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(f[0])
	return n
}

// watches counts the inotify watches of the group.
func (g *group) watches() int {
	n := 0
	for _, pid := range g.pids() {
		fds, _ := filepath.Glob("/proc/" + pid + "/fd/*")
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); strings.Contains(to, "inotify") {
				info, _ := os.ReadFile("/proc/" + pid + "/fdinfo/" + filepath.Base(fd))
				n += bytes.Count(info, []byte("inotify wd:"))
			}
		}
	}
	return n
}

// calm waits until the group has used no more than a millisecond of CPU time in a
// fifth of a second.
func (g *group) calm() usage {
	last := g.usage()
	for start := time.Now(); time.Since(start) < patience; {
		time.Sleep(200 * time.Millisecond)
		now := g.usage()
		if now.cpu-last.cpu < time.Millisecond {
			return now
		}
		last = now
	}
	return last
}
