package cmd

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch/onhttp"
	"github.com/evshell/ev/watch/stat"
	"github.com/spf13/cobra"
)

// The standard descriptors. os.Stdout.Fd would make one blocking for everyone who shares
// it.
const (
	stdinFD  = 0
	stdoutFD = 1
	stderrFD = 2
)

// A Sink takes the one Binding that a command line describes. On the command
// line it runs it; in a test it looks at it.
type Sink func(context.Context, session.Binding) error

// An app is what the commands of the watchers share: what they go by, and what their watchers have in common.
type app struct {
	args    []string // as given, for messages that show them corrected
	getenv  func(string) string
	env     []string         // NAME=value of an Evfile's line, for its command
	lookups map[string]error // what lookup has found for other lines; nil: there are none
	line    bool             // it is about a line of an Evfile, and report is named after that
	json    bool             // what is printed of it is JSON, unless it says otherwise
	live    bool             // the terminal has the table of 'ev run --live'
	report  *report.Reporter
	hub     *stat.Hub             // of the loop
	http    *onhttp.Hub           // of the loop
	links   *links                // of the loop
	listens func(*onhttp.Options) // told what a line of an Evfile listens at; nil: it is none
	starter *process.Starter      // of the loop

	color     string
	quiet     bool
	logFormat string
}

// newApp returns what the commands of one invocation share.
func newApp(args []string) app {
	return app{args: args, getenv: os.Getenv, hub: &stat.Hub{}, http: onhttp.NewHub(), links: &links{}, starter: &process.Starter{Guarded: true}}
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
