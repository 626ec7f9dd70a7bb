// Package cmd is the command line: it turns words into a [session.Binding] and hands that to a [Sink].
// Flags, usage texts and exit statuses are known here and nowhere else.
//
// The rules of the user interface:
//
//   - results go to standard output, everything else to standard error;
//   - a message is one line, "ev stat: what is wrong: what to do";
//   - -- stands before every COMMAND, and nothing after it is ev's;
//   - all that can be found wrong is found before the first event.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch/onhttp"
	"github.com/evshell/ev/watch/stat"
)

// app is what the commands of one invocation share: the process that they act on, and the flags
// that all of them take.
type app struct {
	args      []string // as given, for messages that show them corrected
	stdout    *os.File
	stderr    *os.File
	getenv    func(string) string
	env       []string         // NAME=value of an Evfile's line, for its command
	lookups   map[string]error // what lookup has found for other lines; nil: there are none
	live      bool             // the terminal has the table of 'ev run --live'
	report    *report.Reporter
	hub       *stat.Hub             // of the loop
	http      *onhttp.Hub           // of the loop
	links     *links                // of the loop
	listens   func(*onhttp.Options) // told what a line of an Evfile listens at; nil: it is none
	starter   *process.Starter      // of the loop
	shortHelp bool

	backend   string
	color     string
	verbose   int
	quiet     bool
	logFormat string
	readyFD   int
	subreaper bool
}

// Main runs ev with the arguments given and returns its exit status.
func Main(args []string) int {
	if status, ok := sigmask.Unwrap(); ok {
		return status
	}
	if status, ok := term.Guarding(); ok {
		return status
	}
	a := newApp(args)
	root := a.newRoot(a.run)
	root.SetArgs(bareControl(args))
	err := root.ExecuteContext(context.Background())
	a.links.close()
	a.explain(err)
	if e, ok := errors.AsType[*exitError](err); ok && e.signal != 0 {
		sig.Die(e.signal)
	}
	return exitStatus(err, hasCommand(args))
}

// Root returns the tree of commands, to be described rather than run.
func Root() *cobra.Command {
	a := newApp(nil)
	return a.newRoot(a.run)
}

func newApp(args []string) *app {
	a := &app{args: args, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, hub: &stat.Hub{}, http: onhttp.NewHub(), links: &links{}, starter: &process.Starter{}}
	// Until the flags are known, messages go out as they would without any.
	a.report = report.New(a.stderr, "ev", report.Plain, report.Notice)
	return a
}

// hasCommand reports whether a COMMAND was given, of which even a usage error has to be told apart.
func hasCommand(args []string) bool {
	i := slices.IndexFunc(args, func(s string) bool { return s == "--" || s == "-c" || s == "--script" })
	return i >= 0 && i+1 < len(args)
}

// explain reports an error that ended the command.
func (a *app) explain(err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*exitError](err); ok && e.err == nil {
		return
	}
	if es, ok := errors.AsType[evfile.Errors](err); ok {
		a.explainLines(es)
		return
	}
	a.report.Errorf("%s", err)
	if _, ok := errors.AsType[*usageError](err); ok {
		if e, ok := errors.AsType[*schedule.Error](err); ok {
			a.report.Excerpt(e.Excerpt())
		}
	}
}

// explainLines reports what is wrong with the lines of an Evfile as compilers do it, so that
// editors find the place.
func (a *app) explainLines(es evfile.Errors) {
	if a.logFormat != "json" {
		a.report.Excerpt(es.Error())
		return
	}
	for _, e := range es {
		a.report.Errorf("%s", e)
	}
}

// begin is called once the flags are known, before the command itself.
func (a *app) begin(c *cobra.Command) error {
	format, ok := map[string]report.Format{"plain": report.Plain, "json": report.JSON}[a.logFormat]
	if !ok {
		a.report = a.report.Named(c.CommandPath())
		return usageAt(valueWord("log-format"), "--log-format is plain or json, not %q", a.logFormat)
	}
	if format == report.Plain && a.journal() {
		format = report.Journal
	}
	level := report.Notice + report.Level(min(a.verbose, 2))
	if a.quiet {
		level = report.Error
	}
	a.report = report.New(a.stderr, c.CommandPath(), format, level)
	if !slices.Contains([]string{"auto", "always", "never"}, a.color) {
		return usageAt(valueWord("color"), "--color is auto, always or never, not %q", a.color)
	}
	// Later the number may be that of a descriptor of ev's own.
	if a.readyFD >= 0 && !writable(a.readyFD) {
		return usageAt(valueWord("ready-fd"), "--ready-fd: descriptor %d is not open for writing: open it in the shell, as in %[1]d>FILE", a.readyFD)
	}
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		if idle(c, f) {
			err = usageAt(flagWord(f.Name), "--%s has no effect on %s: leave it out", f.Name, c.CommandPath())
		}
	})
	return err
}

func writable(fd int) bool {
	mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || mode&unix.O_ACCMODE == unix.O_RDONLY {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0 // those that ev has opened itself are
}

// journal reports whether standard error goes to systemd's journal, which takes a level before each
// line (systemd.exec(5), JOURNAL_STREAM).
func (a *app) journal() bool {
	stream := a.getenv("JOURNAL_STREAM")
	if stream == "" {
		return false
	}
	info, err := a.stderr.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// split returns a command's own arguments and the COMMAND after --.
func split(c *cobra.Command, args []string) (own, command []string) {
	if n := c.ArgsLenAtDash(); n >= 0 {
		return args[:n], args[n:]
	}
	return args, nil
}

// lookup returns why there is no such command as name for a process in dir that gets env. Lines of
// an Evfile name few commands often, and each lookup is a walk along PATH.
func (a *app) lookup(name, dir string, env []string) error {
	path := ""
	for _, v := range env {
		if strings.HasPrefix(v, "PATH=") {
			path = v
		}
	}
	key := strings.Join([]string{name, dir, path}, "\x00")
	if err, ok := a.lookups[key]; ok {
		return err
	}
	_, err := process.Lookup(name, dir, env)
	if a.lookups != nil {
		a.lookups[key] = err
	}
	return err
}

// dashHint is what to say of an argument that can't be one, by its number: that it is likely the
// COMMAND, and the command line with -- before it. It is "" if a COMMAND has been given.
func (a *app) dashHint(c *cobra.Command, number int) string {
	l := tellApart(c.Flags(), a.args)
	if l.dash >= 0 || number+1 >= len(l.args) {
		return ""
	}
	at := l.args[number+1]
	if slices.ContainsFunc(l.flags["script"], func(g givenFlag) bool { return g.word < at }) {
		return ""
	}
	return "put -- before the command: ev " + evfile.Join(slices.Insert(slices.Clone(a.args), at, "--"))
}

// tooMany is the error for a second argument where one is enough.
func (a *app) tooMany(c *cobra.Command, enough string, own []string) error {
	if hint := a.dashHint(c, 1); hint != "" {
		return usageAt(argWord(1), "%s", hint)
	}
	return usageAt(argWord(1), "%s, and there is %q as well: leave out one of the two", enough, own[1])
}
