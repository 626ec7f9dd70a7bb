package watchers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/onexit"
)

// onExitOptions are the flags of on-exit.
type onExitOptions struct {
	options
	child    string
	limit    time.Duration // of the child
	pidFiles []string
	commands []string
	of       []string
	exited   bool

	respawn  string
	delay    time.Duration
	maxDelay time.Duration
}

func (a *App) newOnExit(sink Sink) *cobra.Command {
	o := &onExitOptions{}
	c := &cobra.Command{
		Use:   "on-exit PID... [flags] [-- COMMAND [ARG...]]",
		Short: "wait for processes to end",
		Long: `On-exit fires when a process ends, whoever started it: one event for each, and ev
ends when all have. PID:INODE, with the inode of its pidfd, is a process that no
other can be taken for.

How it ended is in 'status', 'signal' and 'core', where the kernel tells: that is for
all processes from Linux 6.15 on, and by way of process events for all from 6.6 on,
for root before. What is not known is empty, never guessed; -v says why. One whose
parent does not wait for it may be told a second late. Elsewhere than on Linux
processes are looked at once a second, and how they ended is not known.

--child starts a command, with nothing on its standard input, and waits for it;
'maxrss', 'utime' and 'stime' say what it has used ('maxrss' is never less than what
ev itself takes, some 8 MB: the kernel counts from before CMD was executed). It is
started and stopped as a COMMAND is, and --chdir, --env, --cgroup, --stop-signal,
--kill-after and --drain hold for both; what else is said of the COMMAND (--run-timeout,
--retry, --foreground, --exit-on-error) is the child's where there is none. What the
child leaves behind in its process group is stopped, too, before its end is told. With
--once and no COMMAND its status is ev's. With --respawn it is started again, after a
pause that doubles each time, unless it has lived longer than the longest pause.

--of tells in an Evfile of each run of another line's command that has ended by itself:
'run' is the number of that line's event, and the last 64 KiB of what the run had written
are 'output' and the COMMAND's input. That takes its output through ev.`,
		Example: `  # wait for a process that is no child of this shell
  ev on-exit 1234 --format '{command} ended with {status} after {elapsed}\n'
  # wait for a build, then tell
  ev on-exit --child 'make -j8' --once -- notify 'make: {status} after {elapsed}, {maxrss}'
  # a supervisor
  ev on-exit --child './server --port 8080' --respawn on-failure
  # in an Evfile: what a nightly job wrote when it failed
  report: on-exit --of backup --if status!=0 -- mail -s '{command}: {status}' ops
  # when a daemon goes, also one that is yet to come
  ev on-exit --pidfile /run/daemon.pid -- alert 'daemon ended: {status}{signal}'`,
		RunE: func(c *cobra.Command, args []string) error {
			own, command := Split(c, args)
			w, err := o.describe(a, c, own)
			if err != nil {
				return err
			}
			o.withChild = w.Child
			b, err := o.bind(a, c, event.Exit{}, action.Queue, command)
			if err != nil {
				return err
			}
			if b.Follows = o.of; b.Exec != nil && len(o.of) > 0 {
				b.Exec.Storm, b.Advice = noticing, "the lines follow each other in a circle, at once and over and over"
			}
			if w.Child {
				if err := o.bindChild(a, &b); err != nil {
					return err
				}
			}
			b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
				return onexit.New(l, w, emit)
			}
			return sink(c.Context(), b)
		},
	}
	fs := ownFlags(c)
	fs.Var((*onceValue)(&o.child), "child", "start this command and wait for it to end `CMD`")
	fs.Var((*ListValue)(&o.pidFiles), "pidfile", "wait for the process whose PID is in this file; the file may appear later; can be repeated `FILE`")
	fs.Var((*ListValue)(&o.commands), "command", "wait for all processes that run a command of this name now; can be repeated `NAME`")
	fs.Var((*ListValue)(&o.of), "of", "wait for each run of the command of the line with this label to end (in an Evfile); can be repeated `LABEL`")
	fs.BoolVar(&o.exited, "exited", false, "treat a process that does not exist as one that has ended")
	Limit(fs, &o.limit, "child-timeout", span.Inf, "stop a child that runs longer than this")
	fs.StringVar(&o.respawn, "respawn", "", "start the child again after it has ended: always (default) or on-failure `WHEN`")
	fs.Lookup("respawn").NoOptDefVal = RespawnAlways
	duration(fs, &o.delay, "respawn-delay", onexit.DefaultRespawnDelay, "pause before the child is started again; it doubles each time")
	duration(fs, &o.maxDelay, "respawn-max-delay", onexit.DefaultRespawnMaxDelay, "longest pause before the child is started again")
	o.add(c)
	CompleteArgs(c, processIDs)
	return c
}

// The values of --respawn.
const (
	RespawnAlways    = "always"
	RespawnOnFailure = "on-failure"
)

// describe turns the flags into what the watcher wants to know.
func (o *onExitOptions) describe(a *App, c *cobra.Command, own []string) (onexit.Options, error) {
	w := onexit.Options{
		PIDs: own, PIDFiles: o.pidFiles, Commands: o.commands, Of: o.of, Exited: o.exited,
		Delay: o.delay, MaxDelay: max(o.delay, o.maxDelay), Hub: a.Hub, Report: a.Report,
	}
	// A flag whose value may be left out takes none from the next word, and no PID is such a word.
	if i := slices.IndexFunc(own, func(s string) bool { return s == RespawnAlways || s == RespawnOnFailure }); i >= 0 && o.respawn != "" {
		o.respawn, w.PIDs = own[i], slices.Concat(own[:i], own[i+1:])
	}
	switch o.respawn {
	case "":
	case RespawnAlways:
		w.Respawn = onexit.RespawnAlways
	case RespawnOnFailure:
		w.Respawn = onexit.RespawnOnFailure
	default:
		return w, usage.At(usage.Value("respawn"), "--respawn is %s or %s, not %q", RespawnAlways, RespawnOnFailure, o.respawn)
	}
	switch flags := c.Flags(); {
	case slices.Contains(o.pidFiles, ""):
		return w, usage.At(usage.Item("pidfile", ""), "--pidfile is empty: give the name of a file")
	case slices.Contains(o.commands, ""):
		return w, usage.At(usage.Item("command", ""), "--command is empty: give the name of a command")
	case len(o.of) > 0 && a.Listens == nil:
		return w, usage.At(usage.Flag("of"), "--of is about another line of an Evfile: 'ev run' has those")
	case o.respawn != "" && o.child == "":
		return w, usage.At(usage.Flag("respawn"), "--respawn starts a child again: add --child CMD")
	case o.respawn == "" && (flags.Changed("respawn-delay") || flags.Changed("respawn-max-delay")):
		return w, usage.At(usage.Flag("respawn-delay", "respawn-max-delay"), "--respawn-delay and --respawn-max-delay are about --respawn, and there is none")
	case flags.Changed("respawn-max-delay") && o.maxDelay < o.delay:
		return w, usage.At(usage.Value("respawn-max-delay"), "--respawn-max-delay is less than --respawn-delay")
	case o.respawn != "" && o.delay <= 0:
		return w, usage.At(usage.Value("respawn-delay"), "--respawn-delay is to be more than 0")
	case o.child == "" && flags.Changed("child-timeout"):
		return w, usage.At(usage.Flag("child-timeout"), "--child-timeout is about a child: add --child CMD")
	case o.limit == 0:
		return w, usage.At(usage.Value("child-timeout"), "--child-timeout 0s: no child would get to run: give it time, as in --child-timeout 1m")
	}
	w.Child = c.Flags().Changed("child")
	return w, nil
}

// bindChild describes the child, which is split as a line of an Evfile is. What a COMMAND has of
// its own is the child's where there is none.
func (o *onExitOptions) bindChild(a *App, b *session.Binding) error {
	e, err := o.place(a)
	if err != nil {
		return err
	}
	if e.Argv, err = a.splitCommand("child", o.child, e.Dir, e.Env); err != nil {
		return err
	}
	if b.Exec == nil {
		if err := o.conduct(&e); err != nil {
			return err
		}
		b.ExitOnError, b.Cgroup = o.exitOnError, o.cgroup
	}
	if d := unlimited(o.limit); d > 0 {
		e.RunTimeout = d
	}
	o.logTo(&e, b.Name)
	b.Child = &e
	return nil
}

// splitCommand splits the command that is a flag's value as a line of an Evfile is, and finds it.
func (a *App) splitCommand(flag, text, dir string, env []string) (argv []string, err error) {
	at := usage.Value(flag)
	list, err := evfile.Split(text)
	switch {
	case err != nil:
		return nil, usage.Of(at, "--"+flag+": ", err)
	case len(list) == 0:
		return nil, usage.At(at, "--%s is empty: give a command", flag)
	}
	for _, word := range list {
		argv = append(argv, word.Text)
	}
	err = a.lookup(argv[0], dir, env)
	if e, ok := errors.AsType[*process.StartError](err); ok {
		err = usage.About(at, &usage.ExitError{Status: e.Status, Err: fmt.Errorf("--%s: %w", flag, err)})
	}
	return argv, err
}

// ProcessNames offers the names of the commands that run.
func ProcessNames(prefix string) []string {
	all, _ := process.Names()
	names := slices.Sorted(maps.Values(all))
	return Words(slices.Compact(names)...)(prefix)
}

// processIDs offers the processes, each with its command's name.
func processIDs(prefix string) []string {
	all, _ := process.Names()
	var ids []string
	for _, pid := range slices.Sorted(maps.Keys(all)) {
		ids = append(ids, strconv.Itoa(pid)+"\t"+all[pid])
	}
	return Words(ids...)(prefix)
}
