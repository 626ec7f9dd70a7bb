package cmd

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch/onhttp"
)

// A line is a line of an Evfile, and what it asks for.
type line struct {
	*evfile.Line
	file    *evfile.File
	key     string // the same for lines that say the same
	index   int    // among all lines
	binding *session.Binding
	listens *onhttp.Options // nil: not for requests
}

// check has the lines describe their bindings. It returns those that do, and all that is wrong with
// the others.
func (r *reader) check(lines []*line) (right []*line, errs evfile.Errors) {
	right = make([]*line, 0, len(lines))
	for _, l := range lines {
		if err := r.bind(l); err != nil {
			errs = append(errs, l.fault(err))
		} else {
			right = append(right, l)
		}
	}
	return right, errs
}

// keyOf is the same for lines with the same words, label and environment, and for no others: the
// number says where the words end, and none has a NUL.
func keyOf(l *evfile.Line) string {
	parts := append([]string{strconv.Itoa(len(l.Words)), l.Label}, l.Args()...)
	return strings.Join(append(parts, slices.Sorted(slices.Values(l.Env))...), "\x00")
}

// A lineCommand is the very command of the command line, for the lines of its kind, one after the
// other: to make it takes ten times as long as to read a line's flags.
type lineCommand struct {
	*cobra.Command
	program *program // as the line has it that is read
	line    *line
	flags   pflag.FlagSet // before any has been set
}

// command returns the command of a watcher, with no flag set.
func (r *reader) command(name string) (*lineCommand, error) {
	if c := r.commands[name]; c != nil {
		c.Flags().Visit(func(f *pflag.Flag) { f.Changed = false })
		*c.Flags() = c.flags
		return c, nil
	}
	all := watchers.All()
	i := slices.IndexFunc(all, func(w watchers.Watcher) bool { return w.Name == name })
	if i < 0 {
		return nil, unknownWatcher(name)
	}
	c := &lineCommand{program: &program{}}
	c.Command = all[i].Command(&c.program.App, func(_ context.Context, b *session.Binding) error {
		c.line.binding = b
		return nil
	})
	c.SetOut(io.Discard)
	c.Flags().BoolVarP(&c.program.Quiet, "quiet", "q", false, "")
	c.flags = *c.Flags()
	if r.commands == nil {
		r.commands = map[string]*lineCommand{}
	}
	r.commands[name] = c
	return c, nil
}

// bind has the line's command describe its binding.
func (r *reader) bind(l *line) error {
	c, err := r.command(l.Words[0].Text)
	if err != nil {
		return err
	}
	p := c.program
	*p, c.line = r.lineProgram(l), l
	if err := r.parse(l, p, c.Command); err != nil {
		delete(r.commands, c.Name()) // what was set before the error has not been taken back
		return err
	}
	if err := c.RunE(c.Command, c.Flags().Args()); err != nil {
		return err
	}
	switch {
	case l.binding == nil:
		return usage.At(usage.Flag("list", "next", "after", "explain", "calendar", "timeline"),
			"this line only shows something: give it to ev on the command line")
	case l.binding.NoWait:
		return usage.At(usage.Flag("nowait"), "--nowait is about the loop as a whole: give it to ev run")
	}
	live := r.options.live
	if live && l.binding.Claims().Stdin && term.IsTerminal(watchers.StdinFD) {
		return usage.Errorf("--live reads the terminal, and so would this line: redirect standard input, or leave out --live")
	}
	for _, e := range []*action.Options{l.binding.Exec, l.binding.Child, l.binding.OnFailure, l.binding.OnSuccess} {
		if e != nil && (r.options.prefix || live) && !e.Foreground {
			e.Prefix, e.ErrPrefix = l.prefix(p, watchers.StdoutFD), l.prefix(p, watchers.StderrFD)
		}
	}
	switch {
	case live && term.IsTerminal(watchers.StdoutFD):
		l.binding.Render = nil // the table has them
	case r.options.procfile != "" && !r.options.json:
		l.binding.Render = nil // each end is told in a line, with the name
	}
	return nil
}

// prefix is what the lines begin with that the line's commands write to a descriptor.
func (l *line) prefix(p *program, fd int) string {
	name := l.binding.Name + ":"
	if term.Colour(p.Color, fd, p.Getenv) {
		styles := [...]term.Style{term.Cyan, term.Yellow, term.Green, term.Purple, term.Blue} // red is for what fails
		name = styles[l.index%len(styles)].Wrap(name)
	}
	return name + " "
}

// blockSignals has the signals blocked that lines want with --siginfo, and those that are queued.
func (r *reader) blockSignals(lines []*line) error {
	var blocked, queued []syscall.Signal
	for _, l := range lines {
		if len(l.binding.Claims().Blocked) > 0 && r.path == "-" {
			return evfile.Errors{l.fault(usage.At(usage.Flag("siginfo"), "--siginfo: ev has to read the Evfile twice, and standard input can be read only once: name a file"))}
		}
		blocked = append(blocked, l.binding.Claims().Blocked...)
		if r.path != "-" {
			queued = append(queued, l.binding.Claims().Queued...)
		}
	}
	return blockSignals(blocked, queued)
}

// parse reads the line's flags.
func (r *reader) parse(l *line, p *program, c *cobra.Command) error {
	named := c.Flags().Lookup("name")
	if l.Label != "" {
		_ = named.Value.Set(l.Label) // the default, so to speak
	}
	if err := c.ParseFlags(l.Args()[1:]); err != nil {
		return r.flagError(p, c, err)
	}
	if l.Label != "" && named.Changed {
		return usage.At(usage.Flag("name"), "--name: the line has a name already, its label %s: leave out one of the two", l.Label)
	}
	if p.Quiet {
		p.Report = p.Report.Limited(report.Error)
	}
	if name := named.Value.String(); name != "" {
		p.Report = p.Report.Named(r.program.Report.Name() + ": " + name)
	}
	return nil
}

// lineProgram is the program that a line's command sees.
func (r *reader) lineProgram(l *line) program {
	a := *r.program
	a.Args, a.Env, a.Common, a.Live, a.Line, a.JSON = l.Args(), l.Env, r.common, r.options.live, true, r.options.json
	a.Listens = func(o *onhttp.Options) {
		o.Place = l.Words[0].Line
		l.listens = o
	}
	a.Report = r.program.Report.Named(r.program.Report.Name() + ": " + l.Words[0].Text)
	a.Getenv = func(name string) string {
		for _, v := range l.Env {
			if n, value, _ := strings.Cut(v, "="); n == name {
				return value
			}
		}
		return r.program.Getenv(name)
	}
	return a
}

func (r *reader) flagError(p *program, c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return usage.At(usage.Flag("help", "-h"), "help is for the command line: ev %s --help", c.Name())
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := e.GetSpecifiedName()
		global := r.globals.Lookup(name)
		if e.GetSpecifiedShortnames() != "" && len(name) == 1 {
			name, global = "-"+name, r.globals.ShorthandLookup(name)
		}
		if global != nil {
			return usage.At(usage.Flag(name), "--%s applies to ev as a whole: give it to ev run", global.Name)
		}
	}
	return p.flagError(c, err)
}

// unknownWatcher is the error for a line that begins with no watcher's name.
func unknownWatcher(word string) error {
	names := func(yield func(string) bool) {
		for _, w := range watchers.All() {
			if !yield(w.Name) {
				return
			}
		}
	}
	switch word {
	case "ev":
		return usage.Errorf("a line is what follows ev on the command line: leave out the ev")
	case "run", "ctl", "emit", "completion":
		return usage.Errorf("%s is not a watcher: give it to ev on the command line, or let a watcher run it: timer 5 -- ev %[1]s", word)
	}
	if meant, ok := otherNames()[strings.ToLower(word)]; ok {
		return usage.Errorf("there is no watcher %q: you may want %s", word, meant)
	}
	if meant, ok := nearest.Of(word, names); ok {
		return usage.Errorf("there is no watcher %q: did you mean %s?", word, meant)
	}
	return usage.Errorf("there is no watcher %q: there are %s", word, strings.Join(slices.Collect(names), ", "))
}

// fault says where an error of the line is.
func (l *line) fault(err error) *evfile.Error {
	var at usage.Word
	if e, ok := errors.AsType[*usage.WordError](err); ok {
		at = e.At
	} else if e, ok := errors.AsType[*diag.OptionError](err); ok {
		at = usage.Option(l.Words[0].Text, e)
	}
	number, offset := 0, 0
	if !at.IsName() {
		number, offset = usage.TellApart(l.flags(), l.Args()).Find(at.From(diag.Offset(err)))
	}
	e := l.file.Errorf(l.file.Within(l.Words[number], offset), "%s", err)
	e.Cause = err
	return e
}

// flags are those of the line's command.
func (l *line) flags() *pflag.FlagSet {
	for _, w := range watchers.All() {
		if w.Name == l.Words[0].Text {
			return w.Command(&watchers.App{}, nil).Flags()
		}
	}
	return pflag.NewFlagSet("", pflag.ContinueOnError)
}
