//go:build darwin || freebsd || netbsd || openbsd

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// All returns those that can be seen, by PID.
func All() (map[int]Info, error) { return ps("-A") }

// Find returns those of the processes that are there.
func Find(pids []int) (map[int]Info, error) {
	list := make([]string, len(pids))
	for i, pid := range pids {
		list[i] = strconv.Itoa(pid)
	}
	return ps("-p", strings.Join(list, ","))
}

// ps asks ps(1), which is the one interface to processes that these systems share.
func ps(which ...string) (map[int]Info, error) {
	cmd := exec.Command("ps", append(which, "-o", "pid=,lstart=,comm=")...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	// It fails if there is none of the processes.
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return nil, fmt.Errorf("ps: %w", err)
	}
	return parsePS(string(out)), nil
}

// parsePS reads lines of "PID Mon Nov 23 08:51:15 2026 NAME".
func parsePS(out string) map[int]Info {
	all := map[int]Info{}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) < 7 {
			continue
		}
		pid, err := strconv.Atoi(words[0])
		if err != nil {
			continue
		}
		lstart := strings.Join(words[1:6], " ")
		began, _ := time.ParseInLocation("Mon Jan 2 15:04:05 2006", lstart, time.Local)
		all[pid] = Info{PID: pid, Name: filepath.Base(strings.Join(words[6:], " ")), Began: began, ID: lstart}
	}
	return all
}

// onlyZombies is not known here.
func onlyZombies(int) bool { return false }
