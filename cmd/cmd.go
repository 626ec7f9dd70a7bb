// Package cmd is the command line as a whole: the tree of commands, their help and completion, the
// files that 'ev run' reads, and the end of it all as an exit status. The watchers' commands are in
// watchers, errors of usage in usage; below these nothing knows a flag, a usage text or an exit
// status.
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

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/internal/term"
	_ "github.com/evshell/ev/internal/waits" // for what it does first of all
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/schedule"
)

// program is this invocation of ev as a whole: the process, and the flags that all commands take.
type program struct {
	watchers.App
	stdout    *os.File
	stderr    *os.File
	shortHelp bool

	backend   string
	verbose   int
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
	if status, ok := process.Guarding(); ok {
		return status
	}
	p := newProgram(args)
	root := p.newRoot(p.run)
	root.SetArgs(bareControl(args))
	c, err := root.ExecuteContextC(context.Background())
	p.Links.Close()
	p.explain(err)
	if e, ok := errors.AsType[*usage.ExitError](err); ok && e.Signal != 0 {
		sig.Die(e.Signal)
	}
	return usage.Status(err, hasCommand(c, args))
}

// Root returns the tree of commands, to be described rather than run.
func Root() *cobra.Command {
	p := newProgram(nil)
	return p.newRoot(p.run)
}

func newProgram(args []string) *program {
	p := &program{App: watchers.NewApp(args), stdout: os.Stdout, stderr: os.Stderr}
	// What is wrong with the flags themselves is told in the format that they ask for, too.
	p.LogFormat, p.Color = valueOf("log-format", args), valueOf("color", args)
	p.Report = report.New(messages{p.stderr}, "ev", p.format(), report.Notice)
	return p
}

// messages writes to standard error, as an os.File does, but for this: that would have a broken
// pipe end ev, and messages are not the output.
type messages struct{ f *os.File }

func (m messages) Write(b []byte) (int, error) {
	if err := fdio.WriteAll(int(m.f.Fd()), b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// valueOf returns the value of a flag, "" if there is none, before the flags are understood.
func valueOf(flag string, args []string) string {
	for i, s := range args {
		value, ok := strings.CutPrefix(s, "--"+flag)
		switch {
		case s == "--":
			return ""
		case s == "--"+flag && i+1 < len(args):
			return args[i+1]
		case ok && strings.HasPrefix(value, "="):
			return value[1:]
		}
	}
	return ""
}

// format is how messages are written.
func (p *program) format() report.Format {
	switch {
	case p.LogFormat == "json":
		return report.JSON
	case p.journal():
		return report.Journal
	case term.Colour(p.Color, watchers.StderrFD, p.Getenv):
		return report.Coloured
	}
	return report.Plain
}

// hasCommand reports whether a COMMAND was given, of which even a usage error has to be told apart.
// Only a watcher has one: elsewhere what follows -- is a name that may begin with a dash.
func hasCommand(c *cobra.Command, args []string) bool {
	if c.GroupID == loopGroup || c.GroupID == shellGroup {
		return false
	}
	i := slices.IndexFunc(args, func(s string) bool { return s == "--" || s == "-c" || s == "--script" })
	return i >= 0 && i+1 < len(args)
}

// explain reports an error that ended the command.
func (p *program) explain(err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*usage.ExitError](err); ok && e.Err == nil {
		return
	}
	if es, ok := errors.AsType[evfile.Errors](err); ok {
		p.explainLines(es)
		return
	}
	p.Report.Errorf("%s", err)
	if _, ok := errors.AsType[*usage.Error](err); ok {
		if e, ok := errors.AsType[*schedule.Error](err); ok {
			p.Report.Excerpt(e.Excerpt())
		}
	}
}

// explainLines reports what is wrong with the lines of an Evfile as compilers do it, so that
// editors find the place.
func (p *program) explainLines(es evfile.Errors) {
	for _, e := range es.Sorted() {
		if p.LogFormat == "json" {
			p.Report.Errorf("%s", e)
			continue
		}
		p.Report.Named(e.Place()).Errorf("%s", e.Msg)
		p.Report.Excerpt(e.Excerpt())
	}
}

// begin is called once the flags are known, before the command itself.
func (p *program) begin(c *cobra.Command) error {
	if p.LogFormat != "plain" && p.LogFormat != "json" {
		p.Report = p.Report.Named(c.CommandPath())
		return usage.At(usage.Value("log-format"), "--log-format is plain or json, not %q", p.LogFormat)
	}
	level := report.Notice + report.Level(min(p.verbose, 2))
	if p.Quiet {
		level = report.Error
	}
	p.Report = report.New(messages{p.stderr}, c.CommandPath(), p.format(), level)
	p.Starter.Report = p.Report
	if !slices.Contains([]string{"auto", "always", "never"}, p.Color) {
		return usage.At(usage.Value("color"), "--color is auto, always or never, not %q", p.Color)
	}
	if p.readyFD < 0 && c.Flags().Changed("ready-fd") {
		return usage.At(usage.Value("ready-fd"), "--ready-fd %d: a descriptor is 0 or more: leave it out if nobody reads it", p.readyFD)
	}
	// Later the number may be that of a descriptor of ev's own.
	if p.readyFD >= 0 && !writable(p.readyFD) {
		return usage.At(usage.Value("ready-fd"), "--ready-fd: descriptor %d is not open for writing: open it in the shell, as in %[1]d>FILE", p.readyFD)
	}
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		if idle(c, f) {
			err = usage.At(usage.Flag(f.Name), "--%s has no effect on %s: leave it out", f.Name, c.CommandPath())
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
func (p *program) journal() bool {
	stream := p.Getenv("JOURNAL_STREAM")
	if stream == "" {
		return false
	}
	info, err := p.stderr.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
