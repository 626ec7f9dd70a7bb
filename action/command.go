package action

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/process"
)

// maxString is what the kernel takes as one argument or one variable, with the NUL that ends it:
// MAX_ARG_STRLEN of execve(2) on Linux. Elsewhere the limit is on the sum of all.
const maxString = 128 << 10

// A command is a COMMAND as the user gave it, out of which each event makes the words and the
// environment of one process. Once it is made it may be used on any goroutine.
type command struct {
	*orders
	name string
	args []argument
	once sync.Once
	base *base           // ev's own environment, and the user's; made for the first event
	user map[string]bool // names that the user has set
	fill []filled        // of those, what is to be filled in

	lost bool // what a reader did not take, which was told

	mu   sync.Mutex
	told []string // variables that could not be given, and of which that was told
}

// A filled is a variable whose value has placeholders.
type filled struct {
	name  string
	value event.Template
}

// An argument is a word, or the template of one, or stands for the words of a list.
type argument struct {
	literal  string
	template *event.Template
	list     string // the field; or empty
}

func newCommand(o *orders) *command {
	c := &command{orders: o, name: o.Argv[0]}
	for i, literal := range literals(o.Argv) {
		literal = literal || o.Plain
		a := argument{literal: o.Argv[i]}
		if !literal {
			t := event.NewTemplate(o.Argv[i])
			a.template = &t
			if field, ok := event.ListField(o.Argv[i]); ok {
				a.list = field
			}
		}
		c.args = append(c.args, a)
	}
	if len(o.Env) > 0 {
		c.user = map[string]bool{}
	}
	for _, v := range o.Env {
		name, _, _ := strings.Cut(v, "=")
		c.user[name] = true
	}
	for _, v := range o.Fill {
		name, value, _ := strings.Cut(v, "=")
		if strings.Contains(value, "{") {
			c.fill = slices.DeleteFunc(c.fill, func(before filled) bool { return before.name == name })
			c.fill = append(c.fill, filled{name, event.NewTemplate(value)})
			if impossible(v) != "" {
				c.told = append(c.told, name) // by TellLeftOut
			}
		}
	}
	return c
}

// A base is the environment before an event adds its own.
type base struct {
	env   []string
	names []string       // of each in env
	place map[string]int // in env, by name
}

// newBase makes the base of a command.
func (c *command) newBase() *base {
	return common(slices.DeleteFunc(process.Environ(c.Env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !c.Plain && !c.user[name] && inherited(name) || impossible(v) != ""
	}))
}

// latest is the base that a command was last made with: most lines of an Evfile have the same.
var latest struct { //nolint:gochecknoglobals // the process has one environment
	sync.Mutex
	*base
}

// common returns the base of env, which is the latest if that is equal to it.
func common(env []string) *base {
	latest.Lock()
	defer latest.Unlock()
	if latest.base == nil || !slices.Equal(env, latest.env) {
		latest.base = &base{env: env, place: make(map[string]int, len(env))}
		for i, v := range env {
			name, _, _ := strings.Cut(v, "=")
			latest.names = append(latest.names, name)
			latest.place[name] = i
		}
	}
	return latest.base
}

// argv returns the words for e: as many as were given, but for those that stand for a list.
func (c *command) argv(e event.Event) ([]string, error) {
	argv := make([]string, 0, len(c.args))
	for i, a := range c.args {
		first := len(argv)
		if list, ok := a.listOf(e); ok {
			argv = append(argv, list...)
		} else if a.template != nil {
			argv = append(argv, string(a.template.Append(nil, e)))
		} else {
			argv = append(argv, a.literal)
		}
		for _, word := range argv[first:] {
			if strings.IndexByte(word, 0) >= 0 {
				return nil, process.Errorf(process.StatusNotExecutable, "%s: argument %d, %q, has a NUL byte in it, which no argument can hold: "+
					"take it from standard input", c.name, i, a.literal)
			}
			if len(word) >= maxString {
				return nil, process.Errorf(process.StatusNotExecutable, "%s: argument %d, %.60q, has %d bytes, and the kernel takes %d: "+
					"take it from standard input", c.name, i, a.literal, len(word), maxString-1)
			}
		}
	}
	return argv, nil
}

// listOf returns the words that an argument stands for, if those of a list of e.
func (a argument) listOf(e event.Event) ([]string, bool) {
	if a.list == "" {
		return nil, false
	}
	return e.List(a.list)
}

// emptyList returns a list of e that is an argument and has nothing in it, so that there is nothing
// to run the command for; or "". Files that a request may bring are an addition.
func (c *command) emptyList(e event.Event) string {
	for _, a := range c.args {
		if list, ok := a.listOf(e); ok && len(list) == 0 && a.list != "files" {
			return a.literal
		}
	}
	return ""
}

// divide returns the halves of e, if it has a list that is an argument and can be parted.
func (c *command) divide(e event.Event) (first, second event.Event, ok bool) {
	d, ok := e.Detail.(event.Divider)
	if !ok || !slices.ContainsFunc(c.args, func(a argument) bool { list, _ := a.listOf(e); return len(list) > 1 }) {
		return e, e, false
	}
	first, second = e, e
	first.Detail, second.Detail, ok = d.Divide()
	return first, second, ok
}

// inherited reports whether a variable that ev has inherited would pass for the event's: for a
// field of an event, or for the file that one is in. An event of another ev may have set it.
func inherited(name string) bool {
	return event.Owned(name) || event.Owned(strings.TrimSuffix(name, fileSuffix))
}

// environ returns the environment for an event, whose own variables are own. What the event sets is
// its own, whatever ev inherited.
func (c *command) environ(e event.Event, own []string) []string {
	c.once.Do(func() { c.base = c.newBase() })
	base := c.base
	if c.Plain {
		return base.env
	}
	covered := make([]bool, len(base.env))
	cover := func(name string) {
		if i, ok := base.place[name]; ok {
			covered[i] = true
		}
	}
	for _, v := range own {
		name, _, _ := strings.Cut(v, "=")
		cover(name)
		cover(strings.TrimSuffix(name, fileSuffix))
	}
	for _, f := range c.fill {
		cover(f.name)
	}
	env := make([]string, 0, len(base.env)+len(c.fill)+len(own))
	setter, _ := e.Detail.(event.Setter)
	for i, name := range base.names {
		if !covered[i] && (setter == nil || c.user[name] || !setter.Owns(name)) {
			env = append(env, base.env[i])
		}
	}
	for _, f := range c.fill {
		if v := string(f.value.Append([]byte(f.name+"="), e)); !slices.ContainsFunc(own, f.isSetBy) && !c.leftOut(v) {
			env = append(env, v)
		}
	}
	return append(env, own...)
}

// isSetBy reports whether a variable of an event takes the place of this one.
func (f filled) isSetBy(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return strings.TrimSuffix(name, fileSuffix) == f.name || name == f.name
}

// impossible says why no process can have a variable, or nothing.
func impossible(v string) string {
	switch {
	case strings.IndexByte(v, 0) >= 0:
		return "it has a NUL byte in it"
	case len(v) >= maxString:
		return fmt.Sprintf("it has %d bytes, and the kernel takes %d", len(v), maxString-1)
	}
	return ""
}

// TellLeftOut tells which of Env no process can have, so that it is known before the first event.
func (o *Options) TellLeftOut(r *report.Reporter) {
	for _, v := range o.Env {
		if why := impossible(v); why != "" {
			o.tellLeftOut(r, v, why)
		}
	}
}

func (o *Options) tellLeftOut(r *report.Reporter, v, why string) {
	name, _, _ := strings.Cut(v, "=")
	r.Noticef("%s: %.60s is left out of its environment: %s", o.Argv[0], name, why)
}

// leftOut reports whether no process can have a variable that an event has filled in, and tells that.
func (c *command) leftOut(v string) bool {
	why := impossible(v)
	if name, _, _ := strings.Cut(v, "="); why != "" && c.isNew(name) {
		c.tellLeftOut(c.Report, v, why)
	}
	return why != ""
}

// isNew reports whether it is called for the first time for a variable.
func (c *command) isNew(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := slices.Contains(c.told, name)
	if !again {
		c.told = append(c.told, name)
	}
	return !again
}
