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

	trustOwner bool
}

func (p *program) newRun() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:     "run [EVFILE] [flags]",
		Short:   "run many watchers, one a line of an Evfile",
		GroupID: loopGroup,
		Long: `Run reads an Evfile and has all of its watchers on one loop. A line is what
follows 'ev' on the command line: 'ev help evfile' tells all of it.

  PATH=/usr/local/bin:/usr/bin
  build:   stat -r src --ext go -- go build ./...
  backup:  every 03:00 --tz Europe/Berlin -- backup --all

EVFILE is $EVFILE or ./Evfile if it is not given; - is standard input. With -e the
lines are on the command line, and no file is read unless it is named, too.

All lines are checked before anything starts, and all that is wrong with them is
told at once, with the place: Evfile:12:7. The loop ends when no watcher is active
any more, none is stopped by 'ev ctl' or a key, and no command runs; or by the
--break, --timeout or --for of a line or of run itself.

At HUP, and with --watch whenever it changes, the Evfile is read again. Lines that
say what they said before, with the same label and environment, go on undisturbed,
with their counts, their phase and what they run; others stop, and what they run is
stopped, or start. One that takes another's place, with its label or, without one, its
line number, runs nothing before what that ran has ended. If anything is wrong with the
file, nothing changes.

With --prefix each line that a command prints begins with the watcher's name. If both
outputs of ev are one terminal, each command has a terminal of its own to write to, as
wide as leaves room for the name, and keeps its colours. What else it would do to the
screen is left out, and of a line that is written over itself the last is printed. With
--no-pty it has pipes, as it has where an output goes elsewhere.

With --live a table on the terminal shows the watchers: state, events, for how long a
command has run and how many events wait for it, the exit status of the last one, and
when the next event is due; below it the last events. What commands print comes above
it, with the watcher's name. Keys: space has the selected watcher fire, s stops or
starts it, r runs its command once more, p has the loop's time stand still, j and k or
the arrows move, q ends ev. However that ends, by kill -9 even, the terminal is as before.

--crontab runs the jobs of a crontab as cron(8) does: with its variables, SHELL, HOME,
CRON_TZ for the schedules, RANDOM_DELAY, @reboot and the like, % and input. A job is
named FILE:LINE. It has ev's environment besides. Each run is told in a line, with that
name, its status and how long it took, unless the job begins with -. While its last run
goes on it is not run again, unless --overlapping is given. With --system each job has a
user before its command, whom root switches to, and the file must be root's, and writable
by root alone. Of a directory, the files count whose names run-parts(8) takes. What a job
prints is mailed to MAILTO, else to the owner, by sendmail or --mail-command; where there
is neither, and with MAILTO="", ev prints it. A reload does not run a new @reboot. -v
tells where cron does otherwise.

--procfile runs the processes of a Procfile, each by /bin/sh with the variables of the
.env beside it and a PORT of its own, from 5000 on, under --prefix. The first one that
ends ends all, and its status is ev's; with --respawn it is started again. At the end all
are told by --stop-signal to stop, the last first. --print-evfile shows the Evfile that
a crontab or a Procfile amounts to; what a Procfile's prints is under 'ev run --prefix'.

Under root, an Evfile is refused that others could have written: it has to be root's, or
that of the user who called sudo (SUDO_UID), unless --trust-owner is given. One that is a pipe or
standard input is read once, and HUP ends ev then.`,
		Example: `  # the watchers of ./Evfile
  ev run
  # what comes first, input or a timeout
  ev run -e 'watch-fd 0 --break -- echo ready' -e 'timer 5.5 --break -- echo timeout'
  # is there anything wrong with it?
  ev run --check cron.ev
  # the jobs of a system, in the foreground
  ev run --crontab /etc/crontab --crontab /etc/cron.d --system`,
		RunE: func(c *cobra.Command, args []string) error { return o.run(p, c, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringArrayVarP(&o.lines, "line", "e", nil, "run this line, as if it were in an Evfile; can be repeated `LINE`")
	fs.BoolVar(&o.check, "check", false, "report all errors of the Evfile and start nothing")
	fs.BoolVar(&o.list, "list", false, "list the watchers and their next events, and start nothing")
	fs.StringVar(&o.control, "control", "", "open a socket for 'ev ctl'; without PATH it is $XDG_RUNTIME_DIR/ev/NAME.sock, with the name of the Evfile or its directory `PATH`")
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

// config is what the flags ask of the session.
func (o *runOptions) config(r *reader, socket bool) session.Config {
	c := session.Config{
		Once: o.once, NoWait: o.nowait, Timeout: watchers.Ending(o.timeout), For: watchers.Ending(o.limit),
		Tell: session.TellFailed, Log: socket, Terminals: !o.noPTY,
	}
	if (term.IsTerminal(watchers.StderrFD) || len(o.crontabs) > 0) && !o.live {
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
		return nil, usage.At(usage.Arg(1), "one Evfile is enough, and there is %q as well: an -e takes one word, so quote the line", own[1])
	case command != nil:
		return nil, usage.At(usage.Dash(), "a command belongs to a line: ev run -e 'timer 5 -- echo over'")
	case len(own) == 1 && own[0] == "":
		return nil, usage.At(usage.Arg(0), "the name of the Evfile is empty: leave it out for ./Evfile")
	case c.Flags().Changed("metrics") && o.metrics == "":
		return nil, usage.At(usage.Value("metrics"), "--metrics: give an address, as in --metrics :9180")
	case o.check && o.list:
		return nil, usage.At(usage.Flag("check"), "--list checks, too: leave out --check")
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
		return nil, usage.At(usage.Flag("watch"), "--watch is about an Evfile, and there is none: name it")
	case o.watch && !r.hasFile():
		return nil, usage.At(usage.Flag("watch"), "--watch: %s is no regular file, and can't be read twice", r.path)
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
