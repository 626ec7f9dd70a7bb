package watchers

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/onsignal"
)

// onSignalOptions are the flags of on-signal.
type onSignalOptions struct {
	options
	list    bool
	siginfo bool
}

func (a *App) newOnSignal(sink Sink) *cobra.Command {
	o := &onSignalOptions{}
	c := &cobra.Command{
		Use:   "on-signal SIGNAL... [flags] [-- COMMAND [ARG...]]",
		Short: "wait for signals",
		Long: `On-signal fires when ev receives a SIGNAL. A SIGNAL is written as HUP, sighup, 1 or
RTMIN+3. INT, TERM and HUP do not end ev while they are watched. A watched signal is
received even if it was ignored when ev started.

For most signals the kernel remembers only that one arrived, not how many. Signals that
arrive faster than ev can look are merged into one event, and 'count' says how many are
known. The kernel queues real-time signals: of those from RTMIN+1 on (Linux), 'count' has
all. In an Evfile this holds for the signals that its lines watch when ev starts, and each
COMMAND takes a few milliseconds longer to start.

With --siginfo (Linux), every signal that the kernel keeps becomes an event of its own.
'sender' and 'uid' name the process that sent it, and 'value' is the number that it sent
along. --siginfo works for USR1, USR2, WINCH and similar signals, and for the real-time
signals from RTMIN+1 on. It does not work for HUP, INT, QUIT, TERM and others that the Go
runtime needs.`,
		Example: `  # show how full the disks are at each USR1
  ev on-signal USR1 -- df -h
  # clean up at the end
  ev on-signal INT TERM --break -- rm -f lock
  # show who sent a signal
  ev on-signal USR1 --siginfo --format '{signal} from {sender}, user {uid}\n'`,
	}
	c.Flags().BoolVar(&o.list, "list", false, "list the signals of this platform with name, number and meaning")
	c.Flags().BoolVar(&o.siginfo, "siginfo", false, "emit one event for each signal, with its sender (Linux)")
	o.add(c)
	CompleteArgs(c, Signals)
	return runs(a, c, o, sink)
}

func (o *onSignalOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	if o.list {
		return listSignals(c, own, command)
	}
	signals, err := a.parseSignals(c, own)
	if err != nil {
		return err
	}
	b, err := o.bind(a, c, event.Signal{}, action.Merge, command)
	if err != nil {
		return err
	}
	if b.Exec != nil {
		b.Exec.Each = true // no signal stands for another one
		if o.siginfo && o.onBusy == "" {
			b.Exec.Busy.Policy = action.Queue // merged, they would lose their senders
		}
	}
	if b.Exec != nil && b.Count == 0 && !b.Break && slices.Contains(signals, syscall.SIGCHLD) {
		return usage.At(signalWord(own, syscall.SIGCHLD), "CHLD also arrives when COMMAND ends, which would run it again and again: use 'ev on-exit' to wait for processes")
	}
	claims := b.Claim()
	claims.Signals = signals
	if o.siginfo {
		for _, s := range signals {
			if err := sigmask.Blockable(s); err != nil {
				return usage.Of(signalWord(own, s), "--siginfo: ", err)
			}
		}
		claims.Blocked = signals
	}
	claims.Queued = slices.DeleteFunc(slices.Clone(signals), func(s syscall.Signal) bool { return o.siginfo || !onsignal.Queues(s) })
	w := onsignal.Options{Signals: signals, Info: o.siginfo, Report: b.Report}
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		return onsignal.New(l, w, emit)
	}
	return sink(c.Context(), b)
}

// parseSignals reads the SIGNALs. What can't be one is likely the COMMAND.
func (a *App) parseSignals(c *cobra.Command, args []string) ([]syscall.Signal, error) {
	if len(args) == 0 {
		return nil, usage.Errorf("give a signal, as in: ev on-signal HUP")
	}
	var signals []syscall.Signal
	for i, arg := range args {
		s, err := sig.Parse(arg)
		if guess, ok := sig.Meant(arg); err != nil && ok && sig.Watchable(guess) != nil {
			err = fmt.Errorf("no signal %q: if %s is meant, %w", arg, sig.Name(guess), sig.Watchable(guess))
		}
		if err != nil && i > 0 {
			if hint := a.DashHint(c, i); hint != "" {
				err = fmt.Errorf("%w (if %s is the command, %s)", err, arg, hint)
			}
		}
		if err == nil {
			err = sig.Watchable(s)
		}
		if err != nil {
			return nil, usage.Of(usage.Arg(i), "", err)
		}
		if !slices.Contains(signals, s) {
			signals = append(signals, s)
		}
	}
	return signals, nil
}

// signalWord is the first of the arguments that stands for a signal.
func signalWord(args []string, s syscall.Signal) usage.Word {
	return usage.Arg(slices.IndexFunc(args, func(arg string) bool {
		other, err := sig.Parse(arg)
		return err == nil && other == s
	}))
}

// listSignals prints what can stand for SIGNAL.
func listSignals(c *cobra.Command, own, command []string) error {
	const alone = "--list prints all signals: leave out %s"
	switch {
	case len(own) > 0:
		return usage.At(usage.Arg(0), alone, own[0])
	case len(command) > 0:
		return usage.At(usage.Command(0), alone, command[0])
	}
	var other error
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != "list" {
			other = usage.At(usage.Flag(f.Name), alone, "--"+f.Name)
		}
	})
	if other != nil {
		return other
	}
	var b []byte
	for _, s := range sig.All() {
		b = fmt.Appendf(b, "%s\t%d\t%s", sig.Name(s), int(s), sig.Describe(s))
		if err := sig.Watchable(s); err != nil {
			b = fmt.Appendf(b, " (%v)", err)
		}
		b = append(b, '\n')
	}
	_, err := c.OutOrStdout().Write(b)
	return err
}
