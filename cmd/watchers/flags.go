package watchers

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// options are the flags that every watcher takes.
type options struct {
	watcherFlags
	outputFlags
	commandFlags
	sharedFlags
}

// add adds them to a command that has added its own.
func (o *options) add(c *cobra.Command) {
	c.Flags().SortFlags = false
	o.watcherFlags.add(c.Flags())
	o.outputFlags.add(c.Flags())
	o.commandFlags.add(c.Flags())
	o.sharedFlags.add(c.Flags())
}

// bind describes what the flags and the COMMAND say. The caller adds the watcher. sample is an
// event's detail that has the fields of those to come, busy what an event gets by default that
// comes while the COMMAND runs.
func (o *options) bind(a *App, c *cobra.Command, sample event.Detail, busy action.Policy, command []string) (*session.Binding, error) {
	b := &session.Binding{Kind: sample.Kind(), Report: a.Report}
	if err := notEmpty(c.Flags()); err != nil {
		return b, err
	}
	if err := o.watcherFlags.bind(b); err != nil {
		return b, err
	}
	if o.name != "" && !a.Line {
		a.Report = a.Report.Named(a.Report.Name() + ": " + o.name)
		b.Report = a.Report
	}
	if err := o.sharedFlags.bind(a, c, b, sample, o.name, len(command) > 0 || o.script != ""); err != nil {
		return b, err
	}
	all := event.Event{Detail: sample} // with the fields that each event has
	if b.Lock != nil {
		all.Lock = &event.Lock{}
	}
	argv, err := o.argv(a, c, command)
	if err != nil {
		return b, err
	}
	if b.Kind != event.KindMessage && o.retry == 0 && (c.Flags().Changed("retry-delay") || c.Flags().Changed("retry-max")) {
		return b, usage.At(usage.Flag("retry-delay"), "--retry-delay and --retry-max need --retry")
	}
	if argv != nil {
		if err := o.commandFlags.bind(a, b, all, busy, o.separator(), argv); err != nil {
			return b, err
		}
	}
	if err := o.bindTests(b, sample); err != nil {
		return b, err
	}
	b.LogRuns = o.logRuns
	if b.Exec != nil {
		o.logTo(b.Exec, b.Name)
	}
	if b.OnFailure, err = o.after(a, c, b, "on-failure", o.onFailure); err != nil {
		return b, err
	}
	if b.OnSuccess, err = o.after(a, c, b, "on-success", o.onSuccess); err != nil {
		return b, err
	}
	if err := lockBusy(b); err != nil {
		return b, err
	}
	if err := o.outputFlags.bind(a, b, all); err != nil {
		return b, err
	}
	if b.Emit != nil && !o.asked() {
		b.Render = nil // it goes elsewhere
	}
	return b, err
}

// notEmpty refuses a flag whose value is empty, as from a variable of a shell that is not set: it
// would be as if the flag had not been given. Those that say more about it themselves are left.
func notEmpty(fs *pflag.FlagSet) (err error) {
	fs.Visit(func(f *pflag.Flag) {
		if err != nil || f.Value.Type() != "string" || f.Value.String() != "" {
			return
		}
		switch f.Name {
		case "format", "name", "on-busy", "stop-signal", "chdir", "user", "tz", "from", "until", "after", "state", "catch-up":
			err = usage.At(usage.Value(f.Name), "--%s is empty: give a value, or leave it out", f.Name)
		}
	})
	return err
}

// watcherFlags say when a watcher, and the loop with it, ends.
type watcherFlags struct {
	once     bool
	count    int
	brk      bool
	timeout  time.Duration
	limit    time.Duration
	nowait   bool
	now      bool
	priority int
	name     string
	tests    []string // --if
}

func (f *watcherFlags) add(fs *pflag.FlagSet) {
	defer BeginGroup(fs, "Flags of every watcher")()
	fs.BoolVar(&f.once, "once", false, "stop after the first event")
	numberVar(fs, &f.count, "count", 0, "stop after `N` events")
	fs.BoolVar(&f.brk, "break", false, "end the whole loop once an event has been handled, not just this watcher")
	Limit(fs, &f.timeout, "timeout", span.Inf, "end with status 124 if no event arrives within this time")
	Limit(fs, &f.limit, "for", span.Inf, "end after this time, whatever has happened")
	fs.BoolVar(&f.nowait, "nowait", false, "check once without waiting; exit with 0 if there was an event, with 1 if not")
	fs.BoolVar(&f.now, "now", false, "act once at startup as well, without waiting for an event")
	fs.IntVar(&f.priority, "priority", 0, "priority from -2 to 2; of events that are pending together, the highest is handled first `N`")
	fs.Var((*ListValue)(&f.tests), "if", "accept only events that pass this test, such as FIELD=TEXT or FIELD<N; see 'ev help if'; can be repeated `TEST`")
	fs.StringVar(&f.name, "name", "", "label of the watcher in events and messages (default: the name of the command) `NAME`")
}

func (f *watcherFlags) bind(b *session.Binding) error {
	switch {
	case f.once && f.count > 1:
		return usage.At(usage.Flag("once", "count"), "--once is --count 1: leave out one of the two")
	case f.priority < int(loop.MinPriority) || f.priority > int(loop.MaxPriority):
		return usage.At(usage.Value("priority"), "--priority %d: give a number from %d to %d", f.priority, loop.MinPriority, loop.MaxPriority)
	case strings.ContainsFunc(f.name, unicode.IsControl):
		return usage.At(usage.Value("name"), "--name %q: a name has no control characters", f.name)
	}
	b.Count = f.count
	if f.once {
		b.Count = 1
	}
	b.Name = f.name
	if b.Name == "" {
		b.Name = string(b.Kind)
	}
	b.Break, b.Now, b.NoWait = f.brk, f.now, f.nowait
	b.Timeout, b.For = Ending(f.timeout), Ending(f.limit)
	b.Priority = loop.Priority(f.priority)
	return nil
}

// Ending is a span after which a session ends, as it has it: one of 0 has passed at once.
func Ending(d time.Duration) time.Duration {
	if d == 0 {
		return session.AtOnce
	}
	return unlimited(d)
}

// unlimited is a span where 0 is that there is no limit.
func unlimited(d time.Duration) time.Duration {
	if d == span.Inf {
		return 0
	}
	return d
}

// bindTests reads the tests, each of a field that the events have.
func (f *watcherFlags) bindTests(b *session.Binding, detail event.Detail) error {
	sample := event.Event{Detail: detail}
	for _, text := range f.tests {
		at := usage.Item("if", text)
		t, err := event.ParseTest(text)
		if err != nil {
			return usage.Of(at, "--if "+text+": ", err)
		}
		if _, ok := sample.Lookup(t.Field); !ok {
			if meant, ok := nearest.Of(t.Field, sample.Names()); ok {
				return usage.At(at, "--if %s: %s has no field %s: did you mean %s?", text, b.Kind, t.Field, meant)
			}
			return usage.At(at, "--if %s: %s has no field %s: there are %s", text, b.Kind, t.Field, strings.Join(slices.Collect(sample.Names()), ", "))
		}
		b.If = append(b.If, t)
	}
	return nil
}

// outputFlags say how events are printed.
type outputFlags struct {
	json   bool
	format string
	null   bool
	print  bool
}

func (f *outputFlags) add(fs *pflag.FlagSet) {
	defer BeginGroup(fs, "Output")()
	fs.BoolVar(&f.json, "json", false, "print each event as a JSON object")
	fs.StringVar(&f.format, "format", "", "print each event as this text; {field} and C escapes are replaced; see 'ev help format' `TEXT`")
	fs.BoolVarP(&f.null, "null-end", "0", false, "end each record with a NUL byte instead of a newline")
	fs.BoolVar(&f.print, "print", false, "print events even if there is a COMMAND; --json and --format imply it")
}

// separator ends each record, of what is printed and of what a command reads.
func (f *outputFlags) separator() byte {
	if f.null {
		return 0
	}
	return '\n'
}

// asked reports whether events are to be printed, whatever else is done about them.
func (f *outputFlags) asked() bool { return f.print || f.json || f.format != "" }

func (f *outputFlags) bind(a *App, b *session.Binding, sample event.Event) error {
	if f.json && f.format != "" {
		return usage.At(usage.Flag("json", "format"), "--json and --format are two ways to print: leave out one of the two")
	}
	if a.Quiet || b.Exec != nil && !f.asked() {
		return nil
	}
	end := f.separator()
	switch {
	case f.json, a.JSON && f.format == "":
		b.Render = action.JSON(end)
	case f.format != "":
		text, err := event.Unescape(f.format)
		if err != nil {
			return usage.Of(usage.Value("format"), "--format: ", err)
		}
		for _, doubt := range action.TextDoubts(text, sample) {
			b.Report.Noticef("--format: %s", doubt)
		}
		b.Render = action.Format(text, end)
	case term.IsTerminal(StdoutFD):
		b.Render = action.Terminal(end, term.Colour(a.Color, StdoutFD, a.Getenv))
	case term.Colour(a.Color, StdoutFD, a.Getenv):
		b.Render = action.Coloured(end)
	default:
		b.Render = action.Text(end)
	}
	return nil
}
