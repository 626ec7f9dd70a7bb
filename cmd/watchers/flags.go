package watchers

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
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
func (o *options) bind(a *App, c *cobra.Command, sample event.Detail, busy action.Policy, command []string) (session.Binding, error) {
	b := session.Binding{Kind: sample.Kind(), Sample: sample, Report: a.Report}
	if err := notEmpty(c.Flags()); err != nil {
		return b, err
	}
	if err := o.watcherFlags.bind(&b); err != nil {
		return b, err
	}
	if o.name != "" && !a.Line {
		a.Report = a.Report.Named(a.Report.Name() + ": " + o.name)
		b.Report = a.Report
	}
	if err := o.sharedFlags.bind(a, c, &b, o.name, len(command) > 0 || o.script != ""); err != nil {
		return b, err
	}
	argv, err := o.argv(a, c, command)
	if err != nil {
		return b, err
	}
	if b.Kind != event.KindMessage && o.retry == 0 && (c.Flags().Changed("retry-delay") || c.Flags().Changed("retry-max")) {
		return b, usage.At(usage.Flag("retry-delay"), "--retry-delay and --retry-max need --retry")
	}
	if argv != nil {
		if err := o.commandFlags.bind(a, &b, busy, o.separator(), argv); err != nil {
			return b, err
		}
	}
	if err := o.bindTests(&b); err != nil {
		return b, err
	}
	b.LogRuns = o.logRuns
	if b.Exec != nil {
		o.logTo(b.Exec, b.Name)
	}
	if b.OnFailure, err = o.after(a, c, &b, "on-failure", o.onFailure); err != nil {
		return b, err
	}
	if b.OnSuccess, err = o.after(a, c, &b, "on-success", o.onSuccess); err != nil {
		return b, err
	}
	if err := lockBusy(&b); err != nil {
		return b, err
	}
	if err := o.outputFlags.bind(a, &b); err != nil {
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
		return usage.At(usage.Value("priority"), "--priority %d: it goes from %d to %d", f.priority, loop.MinPriority, loop.MaxPriority)
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
func (f *watcherFlags) bindTests(b *session.Binding) error {
	sample := event.Event{Detail: b.Sample}
	for _, text := range f.tests {
		at := usage.Item("if", text)
		t, err := event.ParseTest(text)
		if err != nil {
			return usage.Of(at, "--if "+text+": ", err)
		}
		if _, ok := sample.Lookup(t.Field); !ok {
			var names []string
			for name := range sample.Fields() {
				names = append(names, name)
			}
			if meant, ok := nearest.Of(t.Field, slices.Values(names)); ok {
				return usage.At(at, "--if %s: %s has no field %s: did you mean %s?", text, b.Kind, t.Field, meant)
			}
			return usage.At(at, "--if %s: %s has no field %s: there are %s", text, b.Kind, t.Field, strings.Join(names, ", "))
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

func (f *outputFlags) bind(a *App, b *session.Binding) error {
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

// commandGroup is the heading of the flags that say nothing without a COMMAND.
const commandGroup = "Command"

// commandFlags say how a command is run.
type commandFlags struct {
	script      string
	onBusy      string
	stopSignal  string
	killAfter   time.Duration
	runTimeout  time.Duration
	retry       int
	retryDelay  time.Duration
	retryMax    time.Duration
	throttle    time.Duration
	exitOnError bool
	foreground  bool
	dir         string
	user        string
	env         []string
	clear       bool
	cgroup      bool
	drain       time.Duration
	logRuns     int
	logDir      string
	onFailure   string
	onSuccess   string

	withChild bool // there is a --child, which some of them are about as well
}

func (f *commandFlags) add(fs *pflag.FlagSet) {
	defer BeginGroup(fs, commandGroup)()
	fs.StringVarP(&f.script, "script", "c", "", "run this script with /bin/sh -c; the event's fields are in its environment `SCRIPT`")
	fs.StringVar(&f.onBusy, "on-busy", "", "what to do with an event that arrives while the command is running: queue, merge, skip, restart, signal[=NAME], parallel[=N] `POLICY`")
	fs.StringVar(&f.stopSignal, "stop-signal", "TERM", "signal that asks a command to stop `SIGNAL`")
	Limit(fs, &f.killAfter, "kill-after", 10*time.Second, "grace period between --stop-signal and SIGKILL")
	Limit(fs, &f.drain, "drain", 0, "how long running commands may continue when ev ends, before they are stopped")
	Limit(fs, &f.runTimeout, "run-timeout", span.Inf, "stop a command that runs longer than this")
	numberVar(fs, &f.retry, "retry", 0, "run a failed command again, up to `N` times, with growing pauses")
	duration(fs, &f.retryDelay, "retry-delay", time.Second, "pause before the first retry; it doubles with each further one")
	duration(fs, &f.retryMax, "retry-max", time.Minute, "longest pause between retries")
	duration(fs, &f.throttle, "throttle", 0, "start at most one run in this time; --on-busy decides about events in between")
	numberVar(fs, &f.logRuns, "log-runs", 0, "keep the last `N` runs and their output for 'ev ctl log' (default: 20)")
	fs.StringVar(&f.logDir, "log-dir", "", "write the output of each run to a file of its own, DIR/NAME/TIME.log; the last --log-runs files are kept `DIR`")
	fs.StringVar(&f.onFailure, "on-failure", "", "run this command after a failed run; it reads the output of that run, and {status} and {elapsed} are replaced `CMD`")
	fs.StringVar(&f.onSuccess, "on-success", "", "run this command after a successful run, in the same way `CMD`")
	fs.BoolVar(&f.exitOnError, "exit-on-error", false, "end with the status of the first command that fails")
	fs.BoolVar(&f.foreground, "foreground", false, "give the terminal to the command, for an editor, a pager or a shell")
	fs.StringVar(&f.dir, "chdir", "", "run the command in this directory `DIR`")
	fs.StringVar(&f.user, "user", "", "run the command as this user, with their groups and HOME; only root may name another user `NAME`")
	fs.Var((*ListValue)(&f.env), "env", "set this variable for the command; {field} is replaced; can be repeated `NAME=VALUE`")
	fs.BoolVar(&f.clear, "clear", false, "clear the screen before each run")
	fs.BoolVar(&f.cgroup, "cgroup", false, "also stop processes that have left the command's process group (Linux, needs a delegated cgroup v2)")
}

// argv returns the words of the command, nil if there is none.
func (f *commandFlags) argv(a *App, c *cobra.Command, command []string) ([]string, error) {
	switch {
	case f.script != "" && len(command) > 0:
		return nil, usage.At(usage.Flag("script"), "-c SCRIPT and -- COMMAND are two commands: leave out one of the two")
	case f.script == "" && c.Flags().Changed("script"):
		return nil, usage.At(usage.Value("script"), "-c: the script is empty: write one, or leave out the -c")
	case f.script != "":
		shell := cmp.Or(variable(a.Env, "SHELL"), "/bin/sh")
		if !action.IsShell(shell) {
			return nil, usage.At(usage.Flag("script"), "-c gives its script to SHELL, and ev knows no shell %s: write -- %[1]s -c SCRIPT", shell)
		}
		return []string{shell, "-c", f.script}, nil
	case len(command) > 0:
		return command, nil
	case c.ArgsLenAtDash() >= 0:
		return nil, usage.At(usage.Dash(), "there is no command after --: write one, or leave out the --")
	}
	var idle error
	withChild := f.withChild
	c.Flags().Visit(func(f *pflag.Flag) {
		ofChild := withChild && slices.Contains(childFlags(), f.Name)
		if slices.Equal(f.Annotations[GroupAnnotation], []string{commandGroup}) && !ofChild {
			idle = usage.At(usage.Flag(f.Name), "--%s needs a command: put -- and the command at the end", f.Name)
		}
	})
	return nil, idle
}

// childFlags are those of commandFlags that are about a --child as well, or where there is no
// COMMAND.
func childFlags() []string {
	return []string{
		"chdir", "user", "env", "cgroup", "stop-signal", "kill-after", "drain",
		"run-timeout", "retry", "retry-delay", "retry-max", "foreground", "exit-on-error", "on-failure", "on-success", "log-runs", "log-dir",
	}
}

// variable is the value of one that stands above a line of an Evfile.
func variable(env []string, name string) (value string) {
	for _, v := range env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

func (f *commandFlags) bind(a *App, b *session.Binding, busy action.Policy, sep byte, argv []string) error {
	policy := action.Busy{Policy: busy}
	e, err := f.place(a)
	if err != nil {
		return err
	}
	if f.onBusy != "" {
		if policy, err = action.ParseBusy(f.onBusy); err != nil {
			return usage.Of(usage.Value("on-busy"), "--on-busy: ", err)
		}
	}
	if err := f.conduct(&e); err != nil {
		return err
	}
	if err := action.CheckArgs(argv, sampleOf(b)); err != nil {
		e, _ := errors.AsType[*action.ArgError](err)
		return usage.Of(f.word(e.Arg), "", err)
	}
	for _, doubt := range action.Doubts(argv, sampleOf(b)) {
		b.Report.Noticef("%s", doubt)
	}
	if err := a.lookup(argv[0], e.Dir, e.Env); err != nil {
		return f.notFound(err)
	}
	b.ExitOnError, b.Cgroup = f.exitOnError, f.cgroup
	e.Argv, e.Fill, e.Busy, e.Throttle, e.Clear, e.Sep = argv, f.env, policy, f.throttle, f.clear && term.IsTerminal(StdoutFD), sep
	b.Exec = &e
	return nil
}

// StopSignal reads --stop-signal.
func StopSignal(text string) (syscall.Signal, error) {
	s, err := sig.Parse(text)
	if err != nil {
		return 0, usage.Of(usage.Value("stop-signal"), "--stop-signal: ", err)
	}
	switch s {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGCONT:
		return 0, usage.At(usage.Value("stop-signal"), "--stop-signal %s ends no command: give one that does, as TERM, INT, HUP", sig.Name(s))
	}
	return s, nil
}

// place describes where a command runs, as whom, and how it is stopped: what holds for a COMMAND and a child
// alike.
func (f *commandFlags) place(a *App) (action.Options, error) {
	stop, err := StopSignal(f.stopSignal)
	if err != nil {
		return action.Options{}, err
	}
	for _, v := range f.env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return action.Options{}, usage.At(usage.Item("env", v), "--env %s: write NAME=VALUE", v)
		}
	}
	var user *process.User
	if f.user != "" {
		if user, err = process.LookupUser(f.user); err != nil {
			return action.Options{}, usage.Of(usage.Value("user"), "", err)
		}
	}
	return action.Options{
		Dir: f.dir, User: user, Env: slices.Concat(user.Environ(), a.Env, f.env),
		StopSignal: stop, KillAfter: f.killAfter, Drain: f.drain,
	}, nil
}

// conduct adds how long a command may run, and what becomes of one that fails.
func (f *commandFlags) conduct(e *action.Options) error {
	switch {
	case f.runTimeout == 0:
		return usage.At(usage.Value("run-timeout"), "--run-timeout 0s: no command would get to run: give it time, as in --run-timeout 1m")
	case f.retryDelay <= 0:
		return usage.At(usage.Value("retry-delay"), "--retry-delay must be more than 0")
	case f.retryMax < f.retryDelay:
		return usage.At(usage.Value("retry-max"), "--retry-max %s is less than --retry-delay %s, from which the pause grows", span.Format(f.retryMax), span.Format(f.retryDelay))
	}
	e.RunTimeout, e.Foreground = unlimited(f.runTimeout), f.foreground
	e.Retry, e.RetryDelay, e.RetryMax = f.retry, f.retryDelay, f.retryMax
	return nil
}

// after describes a command that follows another one.
func (f *commandFlags) after(a *App, c *cobra.Command, b *session.Binding, flag, text string) (*action.Options, error) {
	if !c.Flags().Changed(flag) {
		return nil, nil //nolint:nilnil // there is none
	}
	e, err := f.place(a)
	if err != nil {
		return nil, err
	}
	if e.Argv, err = a.splitCommand(flag, text, e.Dir, e.Env); err != nil {
		return nil, err
	}
	sample := event.Event{Detail: event.Exit{}}
	if err := action.CheckArgs(e.Argv, sample); err != nil {
		return nil, usage.Of(usage.Value(flag), "--"+flag+": ", err)
	}
	for _, doubt := range action.Doubts(e.Argv, sample) {
		b.Report.Noticef("--%s: %s", flag, doubt)
	}
	e.Drain = max(e.Drain, e.KillAfter) // the run that it is about may be the last
	return &e, nil
}

// logTo has the output of a command kept in files, if that is asked for.
func (f *commandFlags) logTo(e *action.Options, name string) {
	if f.logDir == "" {
		return
	}
	var b strings.Builder
	for _, c := range []byte(name) {
		if c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	e.LogDir, e.LogKeep = filepath.Join(f.logDir, b.String()), cmp.Or(f.logRuns, session.DefaultLogRuns)
}

// word is where a word of the command comes from.
func (f *commandFlags) word(number int) usage.Word {
	if f.script != "" {
		return usage.Value("script")
	}
	return usage.Command(number)
}

// notFound is the error for a command that can't be run, and why.
func (f *commandFlags) notFound(err error) error {
	e, ok := errors.AsType[*process.StartError](err)
	switch {
	case !ok:
		return err
	case e.Status == usage.ExitInternal: // it is not the command's fault
		return usage.About(usage.Value("chdir"), &usage.ExitError{Status: e.Status, Err: err})
	}
	return usage.About(f.word(0), &usage.ExitError{Status: e.Status, Err: err})
}
