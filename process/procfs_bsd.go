//go:build darwin || freebsd || netbsd || openbsd

package process

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/loop"
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
func ps(which ...string) (found map[int]Info, err error) {
	sp := Spec{
		Argv: slices.Concat([]string{"ps"}, which, []string{"-o", "pid=,lstart=,comm="}),
		Env:  Environ([]string{"LC_ALL=C"}),
	}
	const most = 64 << 20
	failed := OnItsOwn(func(l *loop.Loop, s *Starter) {
		s.Output(l, sp, most, func(out []byte, w Wait) {
			found, err = parsePS(string(out)), w.Err // its status is not 0 if there is none of the processes
		})
	})
	return found, cmp.Or(err, failed)
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
