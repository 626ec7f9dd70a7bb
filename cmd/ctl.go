package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/live"
)

// controlCommands are what a loop can be asked for, and what is asked of the server.
func controlCommands() []struct{ name, about string } {
	return []struct{ name, about string }{
		{control.List, "show the watchers as a table, all or those with a NAME"},
		{control.Start, "start the named watchers; their --count starts again"},
		{control.Stop, "stop the named watchers until they are started again; a child is stopped, commands continue"},
		{control.Restart, "stop the commands or the child of the named watchers and run them again; if none is running, repeat the last event"},
		{control.Fire, "make the named watchers emit an event now"},
		{control.Signal, "NAME... SIGNAL: send a signal to the commands of the named watchers"},
		{control.Log, "show how the last runs of the named watchers, or of all, ended, and the kept part of their output"},
		{control.Suspend, "pause the time of the loop: timers and durations wait, schedules continue"},
		{control.Resume, "let the time of the loop continue"},
		{control.Break, "end the loop and stop running commands"},
		{control.Reload, "read the Evfile again"},
		{control.Events, "print every event from now on as a line of JSON"},
		{deadAction, "list, retry or drop: what has become of the events of on-message that failed too often"},
	}
}

func controlNames() []string {
	var names []string
	for _, c := range controlCommands() {
		names = append(names, c.name)
	}
	return names
}

// ctlOptions are the flags of ctl.
type ctlOptions struct {
	watchers.LinkFlags
	path string
	json bool
	all  string // the hosts; empty: one ev, by its socket
	wait time.Duration
}

func (p *program) newCtl() *cobra.Command {
	o := &ctlOptions{}
	var about strings.Builder
	for _, c := range controlCommands() {
		fmt.Fprintf(&about, "  %-8s %s\n", c.name, c.about)
	}
	c := &cobra.Command{
		Use:     "ctl ACTION [NAME...] [flags]",
		Short:   "control a running ev run through its socket",
		GroupID: loopGroup,
		Long: `Ctl sends commands to an 'ev run --control'. NAME is the label of a watcher; if several
watchers have the same name, all of them are meant. ACTION is one of

` + about.String() + `
'log' shows the last 20 runs of each watcher (--log-runs). It has the last 4 KiB of their
output if that passes through ev, which it does with --log-runs, --log-dir, --prefix,
--live, --on-failure and --on-success, and where another line follows the watcher
(on-exit --of).

A watcher that was stopped this way keeps the loop alive, because it may be started
again.

With --all every 'ev run --control' with the same --server is asked, through the server,
and HOST is the first column of the table. Where ev run has --control-remote, start,
stop, restart, fire, reload and events are allowed as well. Without a server of NATS all
ev run of this user and machine are asked whose sockets are in $XDG_RUNTIME_DIR/ev.

ACTION 'dead' needs no running ev. 'dead list' shows the dead letters of the groups that
are named, or of all groups: the events that were tried --retry times. 'dead retry GROUP'
has them delivered to the group again, and 'dead drop GROUP' removes them, each all of
the group or those with the given numbers. They are on the --server.

The socket is the one of --control, or else $EV_CONTROL, which commands of that ev run
have in their environment, or else the only socket in $XDG_RUNTIME_DIR/ev. That
directory must belong to you and be closed to others. The process that listens must
belong to you or to root.

Other programs of the same user, or of root, may use the socket, too. It is a stream
(socat UNIX:PATH -). Each request is a line with a JSON object, and so is each answer:

  {"command":"stop","names":["build"]}
  {"ok":true}
  {"command":"list"}
  {"ok":true,"watchers":[{"name":"build","watcher":"stat","state":"stopped",
   "unseen":0,"priority":0,"fires":3,"running":0,"since":null,"waiting":0,"status":0,
   "took":1.5,"last":"2026-11-23T09:00:00Z","due":null}]}
  {"command":"signal","names":["web"],"signal":"USR1"}
  {"ok":true}
  {"command":"log","names":["build"]}
  {"ok":true,"runs":[{"name":"build","run":3,"ended":"2026-11-23T09:00:00Z",
   "elapsed":1.5,"status":7,"how":"exited 7","output":"…"}]}
  {"command":"sotp"}
  {"ok":false,"error":"there is no command \"sotp\": there are list, start, …"}

'state' is initialised, active, pending, stopped or failed. 'unseen' is the number of
files and directories that 'ev stat' can't look at, and tries again to; the table says
'partly blind' then. 'running' is the number of running commands, 'since' is the start of
the oldest, and 'waiting' is the number of events that wait for one. 'status' and 'took'
are the exit status and the seconds of the last command, and 'due' is the time of the
next event. 'lock' is held, free, 'no server', or HOST/PROCESS of the ev that has it since
'lock_since'; 'pending' is the number of messages that wait in the group of an on-message.
To list them has the server asked, so what changes elsewhere may be in the next listing
only. If a reload fails because of the Evfile, 'faults' lists its errors with file,
line, column, message and source. After
{"command":"events"} each further line is an event, as --json prints it. A client that
does not read gets at most about a megabyte; when it reads again, it is told how many
events it has lost, and is disconnected. Of more than 64 connections the oldest is
closed, with a message. Further fields may be added in later versions.`,
		Example: `  # a watcher in the background: show it, run its command now, show its runs
  ev run --control ev.sock -e 'disks: every 1h -- df -h' &
  ev ctl --control ev.sock list
  ev ctl --control ev.sock fire disks
  ev ctl --control ev.sock log disks`,
		RunE: func(c *cobra.Command, args []string) error { return o.run(p, c, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&o.path, "control", "", "socket of the 'ev run' to speak to `PATH`")
	fs.BoolVar(&o.json, "json", false, "print the answer as one line of JSON")
	fs.StringVar(&o.all, "all", "", "ask every ev run of the --server, or those of the hosts that GLOB means `GLOB`")
	fs.Lookup("all").NoOptDefVal = "*"
	watchers.Limit(fs, &o.wait, "wait", time.Second, "with --all, how long to wait for answers")
	o.AddServer(fs)
	p.CompleteServers(c)
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return o.complete(p, args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func (o *ctlOptions) run(p *program, c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage.Errorf("say what to do: %s", strings.Join(controlNames(), ", "))
	}
	if !slices.Contains(controlNames(), args[0]) {
		if meant, ok := nearest.Of(args[0], slices.Values(controlNames())); ok {
			return usage.At(usage.Arg(0), "there is no action %q: did you mean %s?", args[0], meant)
		}
		return usage.At(usage.Arg(0), "there is no action %q: there are %s", args[0], strings.Join(controlNames(), ", "))
	}
	if args[0] == deadAction {
		return o.dead(p, c, args[1:])
	}
	q := control.Request{Command: args[0], Names: args[1:]}
	if q.Command == control.Signal {
		if len(q.Names) < 2 {
			return usage.Errorf("signal takes a NAME and a SIGNAL, as in ev ctl signal web USR1")
		}
		last := len(q.Names) - 1
		q.Names, q.Signal = q.Names[:last], q.Names[last]
		if _, err := sig.Parse(q.Signal); err != nil {
			return usage.Of(usage.Arg(1+last), "", err)
		}
	}
	if c.Flags().Changed("all") {
		return o.runAll(p, c.OutOrStdout(), q)
	}
	client, err := o.dial(p)
	if err != nil {
		return err
	}
	defer client.Close()
	reply, line, err := client.Do(q)
	if reply.Faults != nil {
		err = faulty(reply.Faults)
	}
	out := c.OutOrStdout()
	switch {
	case o.json && line != nil && args[0] != control.Events:
		if _, e := out.Write(line); e != nil {
			return e
		}
		if err != nil {
			return &usage.ExitError{Status: usage.Status(err, false)}
		}
		return nil
	case err != nil:
		return err
	case args[0] == control.List:
		return live.Write(out, reply.Watchers, time.Now())
	case args[0] == control.Log:
		return live.WriteRuns(out, reply.Runs)
	case args[0] == control.Events:
		return copyEvents(out, client)
	}
	return nil
}

// faulty is the error for an Evfile that could not be reloaded.
func faulty(faults []control.Fault) error {
	var errs evfile.Errors
	for _, f := range faults {
		errs = append(errs, &evfile.Error{File: f.File, Line: f.Line, Col: f.Column, Msg: f.Message, Source: f.Source})
	}
	return errs
}

// copyEvents prints events until ev ends.
func copyEvents(out io.Writer, client *control.Client) error {
	for {
		line, err := client.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var last struct {
			control.Reply
			Watcher string // an event's, which may have a field of its own that is called error
		}
		if json.Unmarshal(line, &last) == nil && last.Error != "" && last.Watcher == "" {
			return errors.New(last.Error)
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
}

func (o *ctlOptions) dial(p *program) (*control.Client, error) {
	path := o.path
	if path == "" {
		path = p.Getenv(controlVariable)
	}
	if path == "" {
		dir, found, err := p.sockets()
		if err != nil {
			return nil, err
		}
		switch len(found) {
		case 0:
			return nil, fmt.Errorf("there is no socket in %s: start ev run with --control, or name its socket: --control PATH", dir)
		case 1:
			path = found[0]
		default:
			return nil, usage.Errorf("several ev run can be controlled: choose one: --control %s", strings.Join(found, ", --control "))
		}
	}
	return control.Dial(path)
}

// sockets returns those that are where ev run makes them by default, and the directory.
func (p *program) sockets() (dir string, found []string, err error) {
	if dir, err = p.socketDir(); err != nil {
		return "", nil, err
	}
	if err := socket.OwnDir(dir, false); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, err
	}
	found, _ = filepath.Glob(filepath.Join(dir, "*.sock"))
	return dir, found, nil
}

// complete offers actions, then the names of watchers.
func (o *ctlOptions) complete(p *program, args []string, prefix string) []string {
	var offers []string
	if len(args) == 0 {
		for _, c := range controlCommands() {
			offers = append(offers, c.name+"\t"+c.about)
		}
		return watchers.Words(offers...)(prefix)
	}
	if args[0] == deadAction {
		return deadWords(args)(prefix)
	}
	client, err := o.dial(p)
	if err != nil {
		return nil
	}
	defer client.Close()
	reply, _, err := client.Do(control.Request{Command: control.List})
	if err != nil {
		return nil
	}
	for _, w := range reply.Watchers {
		if w.Name == live.Printable(w.Name) {
			offers = append(offers, w.Name+"\t"+live.Printable(w.Watcher+", "+w.State))
		}
	}
	return watchers.Words(offers...)(prefix)
}
