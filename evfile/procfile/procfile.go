// Package procfile reads a Procfile, and the .env beside it: the bytes to processes with their
// positions, and processes to the lines of an Evfile.
package procfile

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/evshell/ev/evfile"
)

// A Process is a line of a Procfile: what is run under which name.
type Process struct {
	Name    evfile.Word
	Command evfile.Word
}

// A File is a Procfile that has been read.
type File struct {
	*evfile.File // for its errors; it has no Lines

	Processes []Process
}

var process = sync.OnceValue(func() *regexp.Regexp { //nolint:gochecknoglobals // made once, and never changed
	return regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_-]*):[ \t]*(.*?)[ \t]*$`)
})

// Parse reads a Procfile that errors call name. It reports all that is wrong.
func Parse(name string, text []byte) (*File, evfile.Errors) {
	content := string(text)
	f := &File{File: evfile.New(name, content)}
	var errs evfile.Errors
	taken := map[string]int{}
	for i, line := range strings.Split(content, "\n") {
		line = strings.TrimSuffix(line, "\r")
		at := func(pos int, text string) evfile.Word {
			return evfile.Word{Text: text, Line: i + 1, Col: utf8.RuneCountInString(line[:pos]) + 1}
		}
		if s := strings.TrimSpace(line); s == "" || s[0] == '#' {
			continue
		}
		m := process().FindStringSubmatchIndex(line)
		switch {
		case m == nil:
			errs = append(errs, f.Errorf(at(0, line), "a process is NAME: COMMAND, and a name is made of letters, digits, _ and -, but no - at the beginning"))
			continue
		case strings.ContainsRune(line, 0):
			errs = append(errs, f.Errorf(at(strings.IndexByte(line, 0), line), "a NUL byte: this is not text"))
			continue
		case m[4] == m[5]:
			errs = append(errs, f.Errorf(at(m[4], ""), "the command is missing"))
			continue
		}
		p := Process{at(m[2], line[m[2]:m[3]]), at(m[4], line[m[4]:m[5]])}
		if other, ok := taken[p.Name.Text]; ok {
			errs = append(errs, f.Errorf(p.Name, "line %d has the name %s already: names are unique", other, p.Name.Text))
			continue
		}
		taken[p.Name.Text] = i + 1
		f.Processes = append(f.Processes, p)
	}
	return f, errs
}

// A Formation says how many there are to be of each process.
type Formation map[string]int

// all stands for the processes that a Formation does not name.
const all = "all"

// ParseFormation reads web=2,worker=1. What it does not name is not started, unless it says all=1.
func ParseFormation(s string) (Formation, error) {
	m := Formation{}
	for part := range strings.SplitSeq(s, ",") {
		name, count, ok := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.ParseUint(count, 10, 10)
		if !ok || name == "" || err != nil {
			return nil, fmt.Errorf("%q: write NAME=N, as in web=2,worker=1", part)
		}
		m[name] = int(n)
	}
	return m, nil
}

// count is how many there are of a process.
func (m Formation) count(name string) int {
	if m == nil {
		return 1
	}
	if n, ok := m[name]; ok {
		return n
	}
	return m[all]
}

// Options say what a Procfile does not.
type Options struct {
	Formation Formation // nil: one of each
	Port      int       // the first one
	Env       []string  // NAME=value, of the .env
	Flags     []string  // that each line gets besides
}

// Lines returns the lines of an Evfile that the processes amount to. As foreman has it, the ports
// of one process follow each other, and those of the next begin 100 higher.
func (f *File) Lines(o Options) ([]evfile.Line, error) {
	for name := range o.Formation {
		if name != all && !f.has(name) {
			return nil, fmt.Errorf("there is no process %s in %s", name, f.Name)
		}
	}
	var lines []evfile.Line
	for i, p := range f.Processes {
		n := o.Formation.count(p.Name.Text)
		for k := range n {
			port := o.Port + 100*i + k
			if port > 1<<16-1 {
				return nil, fmt.Errorf("%s would get the port %d, and the last one is 65535: begin lower, with PORT", p.Name.Text, port)
			}
			label := p.Name.Text
			if n > 1 {
				label += "." + strconv.Itoa(k+1)
			}
			words := append([]string{"on-exit", "--child", evfile.Join([]string{"/bin/sh", "-c", p.Command.Text})}, o.Flags...)
			l := evfile.Line{Label: label, Env: append(without(o.Env, "PORT"), "PORT="+strconv.Itoa(port))}
			for _, w := range words {
				l.Words = append(l.Words, evfile.Word{Text: w, Line: p.Name.Line, Col: p.Name.Col})
			}
			lines = append(lines, l)
		}
	}
	return lines, nil
}

func (f *File) has(name string) bool {
	for _, p := range f.Processes {
		if p.Name.Text == name {
			return true
		}
	}
	return false
}

// without returns env less a variable, as a list of its own.
func without(env []string, name string) []string {
	var rest []string
	for _, v := range env {
		if !strings.HasPrefix(v, name+"=") {
			rest = append(rest, v)
		}
	}
	return rest
}

// defaultPort is where ports begin if nobody says otherwise.
const defaultPort = 5000

// Port returns the first port: that of the .env, else that of ev's environment.
func Port(env []string, inherited string) (int, error) {
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "PORT="); ok {
			inherited = value
		}
	}
	port, err := strconv.ParseUint(cmp.Or(inherited, strconv.Itoa(defaultPort)), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("PORT is %q: write a number up to 65535", inherited)
	}
	return int(port), nil
}
