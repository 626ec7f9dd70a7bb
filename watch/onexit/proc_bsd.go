//go:build darwin || freebsd || netbsd || openbsd

package onexit

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

// process is what is known of a process while it lives.
type process struct {
	pid   int
	name  string // of its command
	began time.Time
	id    string // tells it from another one with the same PID
}

// processes returns those that can be seen, by PID.
func processes() (map[int]process, error) { return ps("-A") }

// lookUp returns those of the processes that are there.
func lookUp(pids []int) (map[int]process, error) {
	list := make([]string, len(pids))
	for i, pid := range pids {
		list[i] = strconv.Itoa(pid)
	}
	return ps("-p", strings.Join(list, ","))
}

// ps asks ps(1), which is the one interface to processes that these systems share.
func ps(which ...string) (map[int]process, error) {
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
func parsePS(out string) map[int]process {
	all := map[int]process{}
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
		all[pid] = process{pid: pid, name: filepath.Base(strings.Join(words[6:], " ")), began: began, id: lstart}
	}
	return all
}
