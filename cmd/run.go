package cmd

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/live"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// runOptions are the flags of run: what concerns the loop as a whole.
type runOptions struct {
	fileOptions
	watchers.LinkFlags
	lines   []string // -e
	check   bool
	list    bool
	control string
	once    bool
	nowait  bool
	timeout time.Duration
	limit   time.Duration
	json    bool
	prefix  bool
	noPTY   bool
	live    bool
	metrics string
	watch   bool

	controlRemote bool
	trustOwner    bool
}

func (p *program) newRun() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:     "run [EVFILE] [flags]",
		Short:   "run all watchers of an Evfile, or a crontab or a Procfile",
		GroupID: loopGroup,
		Long: `Run reads an Evfile and runs all of its watchers on one loop. Each line is what would
follow 'ev' on the command line; see 'ev help evfile'.

  TZ=Europe/Berlin
  format:  stat -r . --ext go -- gofmt -w {paths...}
  disks:   every 03:00 -c 'df -h >>disks.log'

Without EVFILE, run reads $EVFILE or ./Evfile; - is standard input. With -e the lines
come from the command line, and no file is read unless EVFILE is given as well.

Run checks all lines before it starts anything, and reports all errors at once, with
their place: Evfile:12:7. The loop ends when no watcher is active, none was stopped by
'ev ctl' or a key, and no command runs; or through --break, --timeout or --for of a line
or of run itself.

Run reads the Evfile again when it receives HUP, and with --watch whenever the file
changes. Lines with the same text, label and environment as before continue undisturbed.
Removed lines are stopped together with their commands, and new lines are started. A
line that replaces another (with the same label, or without one, the same line number)
waits until the commands of the old line have ended. If the file has an error, nothing
changes.

--prefix puts the name of the watcher in front of each line that its command prints. If
both outputs of ev are the same terminal, each command writes to a terminal of its own
and keeps its colours. That terminal is narrower by the width of the name. Other control
sequences are removed, and of a line that overwrites itself only the last state is
printed. With --no-pty commands write to pipes instead.

--live shows a table of the watchers on the terminal: their state, their events, how long
a command has been running, how many events wait for it, the last exit status, and when
the next event is due. Below it are the latest events. The output of commands appears
above the table, with the name of the watcher in front. Keys: space fires the selected
watcher, s stops or starts it, r runs its command again, p pauses the time of the loop,
j and k or the arrows select a watcher, and q quits. The terminal is restored at the
end, even after kill -9.

--crontab runs the jobs of a crontab as cron(8) does. It obeys variables, SHELL, HOME,
CRON_TZ, RANDOM_DELAY, @reboot and similar words, and % with input. Jobs also get the
environment of ev. A job is named FILE:LINE. Each run is reported in a line with this
name, the status and the duration, unless the job begins with -. A job is not started
while its previous run continues, unless --overlapping is given. With --system each job
names a user before its command, to which root switches; the file must belong to root
and be writable by root only. In a directory, files are read if run-parts(8) would accept
their names. The output of a job is mailed to MAILTO, or else to the owner, with sendmail
or --mail-command. If there is neither, or MAILTO is empty, ev prints the output. A
reload does not run a new @reboot. -v explains where cron behaves differently.

--procfile runs the processes of a Procfile with /bin/sh, and with --prefix. Each gets
the variables of the .env file beside it and a PORT of its own, from 5000 on. When one
process ends, all are ended, and ev ends with its status; with --respawn it is started
again. At the end all get --stop-signal, the last one first. --print-evfile shows the
Evfile that a crontab or Procfile is equivalent to; run it with 'ev run --prefix' if it
comes from a Procfile.

If root runs ev, an Evfile that other users could have written is refused. It must belong
to root, or to the user who called sudo (SUDO_UID), unless --trust-owner is given. An
Evfile that is a pipe or standard input is read only once, and HUP ends ev then.`,
		Example: `  # the watchers of ./Evfile
  echo 'clock: timer 1s --repeat 1s -- date' >Evfile
  ev run
  # check an Evfile
  echo 'disks: every 03:00 -- df -h' >disks.ev
  ev run --check disks.ev
  # wait for input or a timeout, whichever comes first
  ev run -e 'watch-fd 0 --break -- echo ready' -e 'timer 5.5 --break -- echo timeout'
  # run two programs, and stop both when one of them fails; here after five seconds
  ev run --prefix -e 'web: on-exit --child "ev on-http :8080" --exit-on-error' -e 'worker: on-exit --child "sh -c \"date; sleep 5; exit 3\"" --exit-on-error'
  # stop a job that has written nothing to its log for five seconds
  ev run -e 'on-exit --child "sh -c \"date >job.log; sleep 60\"" --break' -e 'timer 5s --again-on stat:job.log --break'
  # run the jobs of a crontab
  echo '* * * * * date' >mycrontab
  ev run --crontab mycrontab
  # run the processes of a Procfile
  printf '%s\n' 'web: ev on-http :$PORT --json' 'worker: while date; do sleep 1; done' >Procfile
  ev run --procfile Procfile`,
		RunE: func(c *cobra.Command, args []string) error { return o.run(p, c, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringArrayVarP(&o.lines, "line", "e", nil, "run this line, as if it were in an Evfile; can be repeated `LINE`")
	fs.BoolVar(&o.check, "check", false, "report all errors of the Evfile and start nothing")
	fs.BoolVar(&o.list, "list", false, "list the watchers and their next events, and start nothing")
	fs.StringVar(&o.control, "control", "", "open a socket for 'ev ctl'; without PATH it is $XDG_RUNTIME_DIR/ev/NAME.sock, with the name of the Evfile or its directory `PATH`")
	fs.BoolVar(&o.controlRemote, "control-remote", false, "with --control, allow 'ev ctl --all' of other hosts to start, stop, restart, fire, reload and read events")
	fs.BoolVar(&o.watch, "watch", false, "read the Evfile again whenever it changes")
	fs.BoolVar(&o.prefix, "prefix", false, "put the name of the watcher in front of each line that its command prints")
	fs.BoolVar(&o.noPTY, "no-pty", false, "with --prefix, connect commands to pipes instead of terminals")
	fs.BoolVar(&o.live, "live", false, "show the watchers in a table on the terminal; keys: space, s, r, p, j, k, q")
	fs.StringVar(&o.metrics, "metrics", "", "serve metrics for Prometheus at http://ADDR/metrics; ADDR is HOST:PORT, or :PORT on the loopback interface `ADDR`")
	fs.BoolVar(&o.json, "json", false, "print each event as a JSON object, unless its line says otherwise")
	fs.BoolVar(&o.once, "once", false, "end after the first turn of the loop that brings an event")
	fs.BoolVar(&o.nowait, "nowait", false, "check once without waiting; exit with 0 if there was an event, with 1 if not")
	fs.BoolVar(&o.trustOwner, "trust-owner", false, "run an Evfile of another user as root")
	watchers.Limit(fs, &o.timeout, "timeout", span.Inf, "end with status 124 if no event arrives within this time")
	watchers.Limit(fs, &o.limit, "for", span.Inf, "end after this time, whatever has happened")
	o.addFiles(fs)
	o.AddServer(fs)
	p.CompleteServers(c)
	watchers.CompleteFiles(c)
	return c
}

func (o *runOptions) run(p *program, c *cobra.Command, args []string) error {
	if err := o.Tell(); err != nil {
		return err
	}
	r, err := o.reader(p, c, args)
	if err != nil {
		return err
	}
	socket, err := o.socket(p, c, r.path)
	if err != nil {
		return err
	}
	if err := tellSocket(socket); err != nil {
		return err
	}
	lines, errs, err := r.read()
	if err != nil {
		return err
	}
	if o.printEvfile && errs == nil {
		return o.writeEvfile(c.OutOrStdout(), lines)
	}
	lines, faults := r.check(lines)
	errs = slices.Concat(errs, faults, checkTogether(lines))
	if errs == nil && !o.check && !o.list {
		if err := r.blockSignals(lines); err != nil {
			return err
		}
	}
	l, err := p.newLoop()
	if err != nil {
		return err
	}
	defer l.Close()
	s := session.New(l, p.config(o.config(r, socket != "")))
	defer s.Close()
	if socket != "" && !o.check && !o.list {
		if err := o.answerAll(p, l, s); err != nil {
			return err
		}
	}
	watchers, bad := s.Bind(r.describe(lines))
	errs = append(errs, lineFaults(bad)...)
	switch {
	case errs != nil:
		if o.check || o.list {
			for _, e := range errs {
				e.Cause = nil // nothing was to be run: it is a mistake as any other
			}
		}
		return errs
	case o.check:
		return nil
	case o.list:
		return o.writeList(c.OutOrStdout(), watchers)
	}
	_ = r.replace(s, watchers, lines) // nothing is started before Run, so nothing can fail
	return o.start(c.Context(), r, l, s, socket)
}

// answerAll has the session answer ctl --all: by the server of run, and by those of the lines.
func (o *runOptions) answerAll(p *program, l *loop.Loop, s *session.Session) error {
	p.answerAll(l, s, o.controlRemote)
	if p.Getenv("EV_SERVER") == "" {
		return nil
	}
	lo, err := o.LinkOptions(&p.App)
	if err == nil {
		_, err = p.Link(lo, l)
	}
	return err
}

// config is what the flags ask of the session.
func (o *runOptions) config(r *reader, socket bool) session.Config {
	c := session.Config{
		Once: o.once, NoWait: o.nowait, Timeout: watchers.Ending(o.timeout), For: watchers.Ending(o.limit),
		Tell: session.TellFailed, Log: socket, Terminals: !o.noPTY,
	}
	c.Greet = term.IsTerminal(watchers.StderrFD) && !o.live
	if (c.Greet || o.given()) && !o.live {
		c.Tell = session.TellAll
	}
	if r.hasFile() {
		c.Reload = r.reload
	}
	return c
}

// reader says where the lines are.
func (o *runOptions) reader(p *program, c *cobra.Command, args []string) (*reader, error) {
	own, command := watchers.Split(c, args)
	switch {
	case len(own) > 1:
		return nil, usage.At(usage.Arg(1), "ev run takes one Evfile, and there is %q as well: -e takes one word, so quote the line", own[1])
	case command != nil:
		return nil, usage.At(usage.Dash(), "ev run takes no command of its own: give it to a line, as in ev run -e 'timer 5 -- echo over'")
	case len(own) == 1 && own[0] == "":
		return nil, usage.At(usage.Arg(0), "the name of the Evfile is empty: leave it out for ./Evfile")
	case o.controlRemote && !c.Flags().Changed("control"):
		return nil, usage.At(usage.Flag("control-remote"), "--control-remote needs --control: add it")
	case c.Flags().Changed("metrics") && o.metrics == "":
		return nil, usage.At(usage.Value("metrics"), "--metrics: give an address, as in --metrics :9180")
	case o.check && o.list:
		return nil, usage.At(usage.Flag("check"), "--list includes --check: leave out --check")
	case o.printEvfile && (o.check || o.list):
		return nil, usage.At(usage.Flag("check", "list"), "--print-evfile, --check and --list each print something else: leave out all but one")
	case o.once && o.nowait:
		return nil, usage.At(usage.Flag("once", "nowait"), "--once waits and --nowait does not: leave out one of the two")
	}
	if err := o.fileOptions.check(c.Flags()); err != nil {
		return nil, err
	}
	o.prefix = o.prefix || o.procfile != ""
	r := &reader{program: p, globals: c.Root().PersistentFlags(), options: o}
	if len(own) == 1 {
		r.path = own[0]
	} else if len(o.lines) == 0 && !o.given() {
		r.path = p.defaultEvfile()
	}
	switch {
	case o.watch && (r.path == "" && !o.given() || r.path == "-"):
		return nil, usage.At(usage.Flag("watch"), "--watch needs an Evfile: name one")
	case o.watch && !r.hasFile():
		return nil, usage.At(usage.Flag("watch"), "--watch: %s is not a regular file, and can't be read twice", r.path)
	}
	return r, nil
}

// socket returns the path of the control socket, "" if none is asked for.
func (o *runOptions) socket(p *program, c *cobra.Command, file string) (string, error) {
	switch {
	case !c.Flags().Changed("control"):
		return "", nil
	case o.control == "":
		return p.defaultSocket(file)
	}
	return filepath.Abs(o.control)
}

// start opens what the flags ask for, and runs the session.
func (o *runOptions) start(ctx context.Context, r *reader, l *loop.Loop, s *session.Session, socket string) error {
	if o.watch {
		if err := r.follow(l, s); err != nil {
			return err
		}
	}
	if socket != "" {
		server, err := r.program.listen(l, s, socket)
		if err != nil {
			return err
		}
		defer server.Close()
	}
	if o.metrics != "" {
		page, err := r.program.serveMetrics(l, s, o.metrics)
		if err != nil {
			return err
		}
		defer page.Close()
	}
	if o.live {
		table, err := r.program.show(l, s)
		if err != nil {
			return err
		}
		defer table.Close()
	}
	// To read and check the lines took as much memory again as they need.
	l.Post(func() { go debug.FreeOSMemory() })
	return ended(s, s.Run(ctx))
}

// writeList writes what the lines describe.
func (o *runOptions) writeList(out io.Writer, watchers []*session.Watcher) error {
	var ws []control.Watcher
	for _, w := range watchers {
		ws = append(ws, w.State())
	}
	if !o.json {
		return live.Write(out, ws, time.Now())
	}
	for _, w := range ws {
		line, err := json.Marshal(w)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}
