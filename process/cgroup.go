package process

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Cgroup is the control group (cgroups(7), version 2) that ev is in, if it may make others in it.
// A command that starts in one of its own can be stopped with all that it started, even what has
// left its process group.
type Cgroup struct {
	dir       string
	made      int      // on the Starter's thread
	unremoved []string // cgroups that were not empty when they were to be removed
}

// NewCgroup finds ev's own cgroup. It is an error if commands can't have cgroups in it.
func NewCgroup() (*Cgroup, error) {
	dir, err := ownCgroup()
	if err != nil {
		return nil, err
	}
	g := &Cgroup{dir: dir}
	trial, err := g.sub()
	if err != nil {
		return nil, err
	}
	defer os.Remove(trial.Name())
	defer trial.Close()
	if _, err := os.Stat(filepath.Join(trial.Name(), "cgroup.kill")); err != nil {
		return nil, fmt.Errorf("%s has no cgroup.kill: Linux 5.14 or later is needed", trial.Name())
	}
	return g, nil
}

// ownCgroup returns the directory of the cgroup that ev is in.
func ownCgroup() (string, error) {
	const none = "there is no cgroup v2 here to put commands in"
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("%s: %w", none, err)
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("%s: %w", none, err)
	}
	defer mounts.Close()
	path := ""
	for line := range strings.Lines(string(own)) {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			path = strings.TrimSpace(p)
		}
	}
	for s := bufio.NewScanner(mounts); s.Scan(); {
		// 33 24 0:28 /root /mount/point rw shared:9 - cgroup2 source rw
		mount, kind, _ := strings.Cut(s.Text(), " - ")
		fields := strings.Fields(mount)
		if !strings.HasPrefix(kind, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		inside, err := filepath.Rel(fields[3], path)
		if err != nil || strings.HasPrefix(inside, "..") {
			continue
		}
		return filepath.Join(strings.ReplaceAll(fields[4], `\040`, " "), inside), nil
	}
	return "", fmt.Errorf("%s: no cgroup2 file system is mounted", none)
}

// sub makes a cgroup for one command and opens its directory.
func (g *Cgroup) sub() (*os.File, error) {
	g.made++
	name := filepath.Join(g.dir, fmt.Sprintf("ev-%d-%d", os.Getpid(), g.made))
	if err := os.Mkdir(name, 0o755); err != nil {
		return nil, fmt.Errorf("no cgroup can be made in %s: %w: have it delegated to you (systemd: Delegate=yes)", g.dir, reason(err))
	}
	return os.Open(name)
}

// signal signals what is in the cgroup, but for the process group pgid.
func (g *Cgroup) signal(dir string, pgid int, s syscall.Signal) {
	pids, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for field := range strings.FieldsSeq(string(pids)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			continue
		}
		if group, err := unix.Getpgid(pid); err == nil && group != pgid {
			_ = unix.Kill(pid, s)
		}
	}
}

// kill kills what is in the cgroup, at once.
func (g *Cgroup) kill(dir string) {
	_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
}

// remove removes the cgroup if nothing is in it any more, and reports whether it is gone. One that
// is not empty is removed later, with another.
func (g *Cgroup) remove(dir string) bool {
	if !slices.Contains(g.unremoved, dir) {
		g.unremoved = append(g.unremoved, dir)
	}
	g.unremoved = slices.DeleteFunc(g.unremoved, func(dir string) bool {
		err := os.Remove(dir)
		return err == nil || os.IsNotExist(err)
	})
	return !slices.Contains(g.unremoved, dir)
}
