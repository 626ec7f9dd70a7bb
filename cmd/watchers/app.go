package watchers

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch/every"
	"github.com/evshell/ev/watch/onhttp"
	"github.com/evshell/ev/watch/stat"
)

// The standard descriptors. os.Stdout.Fd would make one blocking for everyone who shares it.
const (
	StdinFD  = 0
	StdoutFD = 1
	StderrFD = 2
)

// A Sink takes the one Binding that a command line describes. On the command line it runs it; in a
// test it looks at it.
type Sink func(context.Context, *session.Binding) error

// An App is what the commands of the watchers share: what they go by, and what their watchers have
// in common.
type App struct {
	Args    []string // as given, for messages that show them corrected
	Getenv  func(string) string
	Env     []string // NAME=value of an Evfile's line, for its command
	Common  *Common  // of it and other lines
	Line    bool     // it is about a line of an Evfile, and report is named after that
	JSON    bool     // what is printed of it is JSON, unless it says otherwise
	Live    bool     // the terminal has the table of 'ev run --live'
	Report  *report.Reporter
	Hub     *stat.Hub             // of the loop
	http    *onhttp.Hub           // of the loop
	Links   *links                // of the loop
	Listens func(*onhttp.Options) // told what a line of an Evfile listens at; nil: it is none
	Starter *process.Starter      // of the loop

	localtime *every.Localtime // of the loop

	Color     string
	Quiet     bool
	LogFormat string
}

// NewApp returns what the commands of one invocation share.
func NewApp(args []string) App {
	return App{
		Args: args, Getenv: os.Getenv, Common: NewCommon(), Hub: &stat.Hub{}, http: onhttp.NewHub(), Links: &links{},
		Starter: &process.Starter{Guarded: true}, localtime: every.NewLocaltime("/etc/localtime"),
	}
}

// Split returns a command's own arguments and the COMMAND after --.
func Split(c *cobra.Command, args []string) (own, command []string) {
	if n := c.ArgsLenAtDash(); n >= 0 {
		return args[:n], args[n:]
	}
	return args, nil
}

// DashHint is what to say of an argument that can't be one, by its number: that it is likely the
// COMMAND, and the command line with -- before it. It is "" if a COMMAND has been given.
func (a *App) DashHint(c *cobra.Command, number int) string {
	l := usage.TellApart(c.Flags(), a.Args)
	if l.Dash >= 0 || number+1 >= len(l.Args) {
		return ""
	}
	at := l.Args[number+1]
	if slices.ContainsFunc(l.Flags["script"], func(g usage.GivenFlag) bool { return g.Word < at }) {
		return ""
	}
	return "put -- before the command: ev " + evfile.Join(slices.Insert(slices.Clone(a.Args), at, "--"))
}

// tooMany is the error for a second argument where one is enough.
func (a *App) tooMany(c *cobra.Command, enough string, own []string) error {
	if hint := a.DashHint(c, 1); hint != "" {
		return usage.At(usage.Arg(1), "%s", hint)
	}
	return usage.At(usage.Arg(1), "%s, and there is %q as well: leave out one of the two", enough, own[1])
}
