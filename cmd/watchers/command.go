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

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/session"
)

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
		return slices.Clone(command), nil // and not all words of the line with them
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

func (f *commandFlags) bind(a *App, b *session.Binding, sample event.Event, busy action.Policy, sep byte, argv []string) error {
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
	if err := action.CheckArgs(argv, sample); err != nil {
		e, _ := errors.AsType[*action.ArgError](err)
		return usage.Of(f.word(e.Arg), "", err)
	}
	for _, doubt := range action.Doubts(argv, sample) {
		b.Report.Noticef("%s", doubt)
	}
	f.tellEnvDoubts(b, sample)
	if err := a.lookup(argv[0], e.Dir, e.Env); err != nil {
		return f.notFound(err)
	}
	b.ExitOnError, b.Cgroup = f.exitOnError, f.cgroup
	e.Argv, e.Fill, e.Busy, e.Throttle, e.Clear, e.Sep = argv, f.env, policy, f.throttle, f.clear && term.IsTerminal(StdoutFD), sep
	b.Exec = &e
	return nil
}

// tellEnvDoubts tells which values of --env are likely not what the command gets.
func (f *commandFlags) tellEnvDoubts(b *session.Binding, sample event.Event) {
	if len(f.env) == 0 {
		return
	}
	ofEvent := sample.Environ()
	for _, v := range f.env {
		for _, doubt := range action.TextDoubts(v, sample) {
			b.Report.Noticef("--env: %s", doubt)
		}
		name, _, _ := strings.Cut(v, "=")
		if slices.ContainsFunc(ofEvent, func(own string) bool { return strings.HasPrefix(own, name+"=") }) {
			b.Report.Noticef("--env: %s has the event's own value: give yours another name", name)
		}
	}
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
		return usage.At(usage.Value("run-timeout"), "--run-timeout 0s leaves no time to run: give more, as in --run-timeout 1m")
	case f.retryDelay <= 0:
		return usage.At(usage.Value("retry-delay"), "--retry-delay must be more than 0")
	case f.retryMax < f.retryDelay:
		return usage.At(usage.Value("retry-max"), "--retry-max %s is less than the first pause, --retry-delay %s: give more", span.Format(f.retryMax), span.Format(f.retryDelay))
	case f.foreground && f.logDir != "":
		return usage.At(usage.Flag("log-dir", "foreground"), "with --foreground the command has the terminal itself, and --log-dir would get nothing: leave out one of the two")
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
