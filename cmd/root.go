package cmd

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/loop"
)

// newRoot makes the tree of commands. Each watcher's command gives its Binding to sink.
func (p *program) newRoot(sink watchers.Sink) *cobra.Command {
	root := &cobra.Command{
		Use:   "ev WATCHER [flags] [ARG...] [-- COMMAND [ARG...]]",
		Short: "wait for something to happen, then print it or run a command",
		Long: `Ev waits for an event: a ready descriptor, an elapsed time, a schedule, a signal, the
exit of a process, the change of a file, an HTTP request, a port that opens, or a message
of another ev. Then it prints the event as one line, or runs COMMAND for it. It is libev
for the shell: each type of watcher is a subcommand.`,
		Example: `  # check each shell script when it is saved
  ev stat -r . --ext sh --each -- sh -n {}
  # run a command when there is input, or give up after 5.5 seconds
  ev watch-fd 0 --timeout 5.5 -- cat
  # run a report every hour, on the hour
  ev every 1h -- df -h
  # wait until nobody runs apt-get any more
  ev on-exit --command apt-get --exited`,
		Args:              cobra.ArbitraryArgs,
		RunE:              p.runRoot,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return p.begin(c) },
		SilenceUsage:      true,
		SilenceErrors:     true,
	}
	root.AddGroup(&cobra.Group{ID: watcherGroup, Title: "Watchers"}, &cobra.Group{ID: loopGroup, Title: "Many watchers on one loop"},
		&cobra.Group{ID: shellGroup, Title: "Your shell"})
	named := p.named(sink)
	for _, n := range named {
		c := n.command()
		c.GroupID = cmp.Or(c.GroupID, watcherGroup)
		root.AddCommand(c)
	}
	all := len(named) > 1
	if all {
		root.AddCommand(p.newTopics()...)
	}
	root.CompletionOptions.DisableDefaultCmd = true // newCompletion makes it
	p.addGlobalFlags(root.PersistentFlags())
	root.Flags().BoolP("version", "V", false, "print version, commit, Go and backends")
	root.SetFlagErrorFunc(p.flagError)
	p.setHelp(root)
	if all {
		p.setCompletion(root)
	}
	return root
}

// The groups of commands, as the help has them.
const (
	watcherGroup = "watchers"
	loopGroup    = "loop"
	shellGroup   = "shell"
)

// A namedCommand makes the command of that name.
type namedCommand struct {
	name    string
	command func() *cobra.Command
}

// named are the commands that the arguments may lead to: the one that they name first, or all. All
// of them with their flags, and what completes these, would cost 'ev timer 0' a fifth more page
// faults and 0.4 MB.
//
// So root.Commands() is not all commands. Who walks it (suggest.go, help.go) may only be where that
// can't matter: where no command was named first. Elsewhere ask watchers().
func (p *program) named(sink watchers.Sink) (all []namedCommand) {
	for _, w := range watchers.All() {
		all = append(all, namedCommand{w.Name, func() *cobra.Command { return w.Command(&p.App, sink) }})
	}
	all = append(all, namedCommand{"run", p.newRun}, namedCommand{"emit", p.newEmit}, namedCommand{"ctl", p.newCtl}, namedCommand{"completion", p.newCompletion})
	for i, c := range all {
		if len(p.Args) > 0 && p.Args[0] == c.name {
			return all[i : i+1]
		}
	}
	return all
}

// runRoot runs ev without a watcher.
func (p *program) runRoot(c *cobra.Command, args []string) error {
	if v, _ := c.Flags().GetBool("version"); v {
		_, err := fmt.Fprint(c.OutOrStdout(), version())
		return err
	}
	if len(args) > 0 {
		return p.unknownCommand(c, args[0])
	}
	p.writeHelp(c, c.ErrOrStderr(), true)
	return &usage.ExitError{Status: usage.ExitUsage}
}

func (p *program) addGlobalFlags(fs *pflag.FlagSet) {
	fs.StringVar(&p.backend, "backend", "", "how to wait for events: auto, "+strings.Join(loop.Backends(), ", ")+" (default: $EV_BACKEND or $LIBEV_FLAGS) `NAME`")
	fs.IntVar(&p.readyFD, "ready-fd", -1, "write a newline to this descriptor and close it once everything is watched `FD`")
	fs.BoolVar(&p.subreaper, "subreaper", false, "wait for processes that commands leave behind, as PID 1 of a container does (Linux); see 'ev help containers'")
	fs.VisitAll(func(f *pflag.Flag) { _ = fs.SetAnnotation(f.Name, loopAnnotation, []string{}) })
	fs.StringVar(&p.Color, "color", "auto", "when to use colour: auto (on a terminal), always or never `WHEN`")
	fs.CountVarP(&p.verbose, "verbose", "v", "tell about decisions; -vv also tells what the kernel reports")
	fs.BoolVarP(&p.Quiet, "quiet", "q", false, "print no events and no notices; errors are still printed")
	fs.StringVar(&p.LogFormat, "log-format", "plain", "format of messages: plain or json `FORMAT`")
}
