package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/evshell/ev/bench/tool"
)

// An event is what ev prints, as far as it is looked at.
type event struct {
	Name   string
	Line   string
	Path   string
	From   *string
	Type   *string
	Size   *int64
	Mtime  *time.Time
	Due    time.Time
	Missed int
	Count  int
	Pid    int
	Status *int
	Signal any // a name; on-signal: what came
	State  string
}

// A tally is what ev has told.
type tally struct {
	mu       sync.Mutex
	events   map[string]int // by name
	last     map[string]event
	signals  map[string]int
	missed   map[string]int
	kills    map[int]bool                // children that were told to have been killed
	files    map[string]map[string]event // of each tree, what was told last of what is there
	failures []string
}

func newTally() *tally {
	t := &tally{events: map[string]int{}, last: map[string]event{}, signals: map[string]int{}, missed: map[string]int{}, kills: map[int]bool{}, files: map[string]map[string]event{}}
	for _, name := range trees {
		t.files[name] = map[string]event{}
	}
	return t
}

func (t *tally) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		var e event
		t.mu.Lock()
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.failures = append(t.failures, fmt.Sprintf("%v: %s", err, s.Bytes()))
		} else {
			t.add(e)
		}
		t.mu.Unlock()
	}
}

// add takes an event, of which some can be seen to be wrong at once.
func (t *tally) add(e event) {
	wrong := func(format string, args ...any) {
		t.failures = append(t.failures, e.Name+": "+fmt.Sprintf(format, args...))
	}
	before, any := t.last[e.Name], t.events[e.Name] > 0
	t.last[e.Name] = e
	t.events[e.Name]++
	switch {
	case intervals[e.Name] != 0:
		t.missed[e.Name] += e.Missed
		ticks := time.Duration(e.Missed + 1)
		if gone := e.Due.Sub(before.Due) - ticks*intervals[e.Name]; any && gone.Abs() > intervals[e.Name]/2 {
			wrong("due %s, after %s, and %d missed", e.Due, before.Due, e.Missed)
		}
	case slices.Contains(printing, e.Name):
		if n, err := strconv.Atoi(e.Line); err != nil || n != t.events[e.Name] {
			wrong("line %d is %q", t.events[e.Name], e.Line)
		}
	case signals[e.Name] != 0:
		t.signals[e.Name] += e.Count
	case t.files[e.Name] != nil:
		if e.From != nil {
			delete(t.files[e.Name], *e.From)
		}
		if e.Type == nil {
			delete(t.files[e.Name], e.Path)
		} else {
			t.files[e.Name][e.Path] = e
		}
	case slices.Contains(children, e.Name):
		if e.Status == nil || *e.Status != 3 || e.Signal != nil {
			wrong("status %v, signal %v", e.Status, e.Signal)
		}
	case e.Name == "c4":
		if e.Signal != "KILL" || t.kills[e.Pid] {
			wrong("signal %v of %d", e.Signal, e.Pid)
		}
		t.kills[e.Pid] = true
	case e.Name == "o1":
		if e.Status == nil || *e.Status != 4 {
			wrong("status %v", e.Status)
		}
	}
}

func (t *tally) of(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.events[name]
}

func (t *tally) lastState(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[name].State
}

func (t *tally) generation() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, _ := strconv.Atoi(t.last["gen"].Line)
	return n
}

func (t *tally) killed(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kills[pid]
}

// settle waits until all that has happened has been told, and says what never was.
func (r *run) settle() {
	end := time.Now().Add(patience)
	wait := func(name string, is func() string) {
		wrong := ""
		if !eventually(time.Until(end), func() bool { wrong = is(); return wrong == "" }) {
			r.failf("%s: %s", name, wrong)
		}
	}
	for name, interval := range intervals {
		wait(name, func() string {
			r.told.mu.Lock()
			defer r.told.mu.Unlock()
			if late := time.Since(r.told.last[name].Due); late > interval+time.Second {
				return fmt.Sprintf("nothing for %s", late)
			}
			return ""
		})
	}
	for _, name := range trees {
		wait(name, func() string { return r.told.differs(r.dir, name) })
	}
	for _, name := range printing {
		wait(name, func() string { return unequal(r.told.of(name), r.counts[name]) })
	}
	for _, name := range running {
		wait(name, func() string { return inOrder(r.path(name+".got"), r.counts[name]) })
	}
	for name := range signals {
		wait(name, func() string {
			r.told.mu.Lock()
			defer r.told.mu.Unlock()
			return unequal(r.told.signals[name], r.counts[name])
		})
	}
	for _, name := range children {
		wait(name, func() string {
			ran, err := os.ReadFile(r.path(name + ".ran"))
			tool.Must(err)
			if n, told := len(ran)/2, r.told.of(name); told == 0 || told < n-1 || n < told {
				return fmt.Sprintf("%d told of %d", told, n)
			}
			return ""
		})
	}
	wait("h4", func() string { return unequal(r.told.of("h4"), r.counts["h4"]) })
	r.failures = append(r.failures, r.told.failures...)
}

func unequal(got, want int) string {
	if got == want && want > 0 {
		return ""
	}
	return fmt.Sprintf("%d told of %d", got, want)
}

// inOrder says what is wrong with a file that is to have the numbers from 1 to n.
func inOrder(file string, n int) string {
	text, _ := os.ReadFile(file)
	lines := strings.Fields(string(text))
	for i, line := range lines {
		if line != strconv.Itoa(i+1) {
			return fmt.Sprintf("line %d is %q", i+1, line)
		}
	}
	return unequal(len(lines), n)
}

// differs says how a tree is another than what was told of it.
func (t *tally) differs(dir, tree string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := maps.Clone(t.files[tree])
	delete(told, tree)
	wrong := ""
	err := filepath.WalkDir(filepath.Join(dir, tree), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == tree {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e, ok := told[name]
		delete(told, name)
		switch {
		case !ok:
			wrong = name + " is not told"
		case !d.IsDir() && (*e.Size != info.Size() || !e.Mtime.Equal(info.ModTime())):
			wrong = name + ": the last change is not told"
		}
		return nil
	})
	tool.Must(err)
	for name := range told {
		wrong = name + ": it is not told that it has gone"
	}
	return wrong
}

// summary is what was done and told, a line a watcher.
func (t *tally) summary(done map[string]int) (lines []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := maps.Clone(done)
	maps.Copy(names, t.events)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		line := fmt.Sprintf("%-5s", name)
		if n, ok := done[name]; ok {
			line += fmt.Sprintf("  done %d", n)
		}
		line += fmt.Sprintf("  events %d", t.events[name])
		if n := t.missed[name]; n > 0 {
			line += fmt.Sprintf(", %d ticks more were missed", n)
		}
		lines = append(lines, line)
	}
	return lines
}
