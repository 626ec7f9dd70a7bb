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
		Short: "wait for processes to end, or supervise a child",
		Long: `On-exit fires when a process ends, no matter who started it. Each process is one event,
and ev ends after the last. PID:INODE, with the inode number of the process's pidfd,
names one process for ever, even if its PID is used again.

'status', 'signal' and 'core' say how the process ended, if the kernel reveals it. Linux
6.15 and later reveal it for all processes; 6.6 and later reveal it through process
events; older kernels reveal it to root only. Unknown values are empty and never
guessed, and -v explains why. A process whose parent does not wait for it may be reported
a second late. On other systems, ev looks at processes once a second and does not learn
how they ended.

--child starts a command with empty standard input and waits for it to end. 'maxrss',
'utime' and 'stime' say which resources it used. ('maxrss' is at least the memory of ev
itself, about 8 MB, because the kernel counts from before CMD is executed.) The child is
started and stopped in the same way as a COMMAND; --chdir, --env, --cgroup,
--stop-signal, --kill-after and --drain apply to both. Without a COMMAND, --run-timeout,
--retry, --foreground, --on-failure, --on-success and --exit-on-error apply to the
child. Processes that the child leaves in its process group are stopped before its end
is reported. With --once and no COMMAND, ev ends with the status of the child. With
--respawn the child is started again after a pause. The pause doubles each time, and
begins anew when the child has run longer than the longest pause.

--of LABEL works in an Evfile. It fires when a run of the command of another line has
ended by itself. 'run' is the number of the event of that run. 'output', which is also
the standard input of the COMMAND, has the last 64 KiB that the run printed. For this,
its output passes through ev. The run that ends ev, by --exit-on-error or --break, is an
event as well; the COMMAND then has --kill-after to end.`,
		Example: `  # wait for a process that is not a child of this shell
  sh -c 'sleep 5 & echo $! >sleep.pid'
  ev on-exit --pidfile sleep.pid --format '{command} ended after {elapsed}\n'
  # wait until nobody runs apt-get any more
  ev on-exit --command apt-get --exited
  # run a job, and tell how it went
  ev on-exit --child 'du -sh /usr' --once -- echo 'du: status {status} after {elapsed}, {maxrss}'
  # stop a job that takes longer than ten seconds; the status is 124 then
  ev on-exit --child 'sleep 60' --once --run-timeout 10s
  # restart a server that crashes; this one does so after three seconds
  echo 'date; sleep 3; exit 1' >server.sh
  ev on-exit --child 'sh server.sh' --respawn on-failure
  # keep the output of a nightly job that failed
  ev run -e 'disks: every 03:00 -- df -h' -e 'on-exit --of disks --if status!=0 -- tee -a failed.log'
  # notice the end of a daemon, even if it is started later
  ev on-exit --pidfile daemon.pid -- echo 'the daemon has ended: {status}{signal}'`,
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
	return runs(a, c, o, sink)
}

func (o *onExitOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
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
	if len(o.of) > 0 {
		b.Claim().Follows = o.of
		if b.Exec != nil {
			b.Exec.Guard = &action.Guard{Within: noticing, Advice: "the lines follow each other in a circle, at once and over and over"}
		}
	}
	if w.Child {
		if err := o.bindChild(a, b); err != nil {
			return err
		}
	}
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		return onexit.New(l, w, emit)
	}
	return sink(c.Context(), b)
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
		return w, usage.At(usage.Flag("of"), "--of names another line of an Evfile: use it with 'ev run'")
	case o.respawn != "" && o.child == "":
		return w, usage.At(usage.Flag("respawn"), "--respawn starts a child again: add --child CMD")
	case o.respawn == "" && (flags.Changed("respawn-delay") || flags.Changed("respawn-max-delay")):
		return w, usage.At(usage.Flag("respawn-delay", "respawn-max-delay"), "--respawn-delay and --respawn-max-delay need --respawn")
	case flags.Changed("respawn-max-delay") && o.maxDelay < o.delay:
		return w, usage.At(usage.Value("respawn-max-delay"), "--respawn-max-delay is less than --respawn-delay")
	case o.respawn != "" && o.delay <= 0:
		return w, usage.At(usage.Value("respawn-delay"), "--respawn-delay must be more than 0")
	case o.child == "" && flags.Changed("child-timeout"):
		return w, usage.At(usage.Flag("child-timeout"), "--child-timeout needs a child: add --child CMD")
	case o.limit == 0:
		return w, usage.At(usage.Value("child-timeout"), "--child-timeout 0s leaves no time to run: give more, as in --child-timeout 1m")
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
