package watchers

import (
	"errors"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sdnotify"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/fd"
	"github.com/evshell/ev/watch/stat"
)

// watchFDOptions are the flags of watch-fd.
type watchFDOptions struct {
	options
	read   bool
	write  bool
	hup    bool
	urgent bool
	say    string

	line    bool
	zero    bool
	data    bool
	match   string
	maxLine int
	eof     bool

	accept         bool
	maxConnections int
	access         socketFlags

	fromStart bool
	state     string
}

func (a *App) newWatchFD(sink Sink) *cobra.Command {
	o := &watchFDOptions{}
	c := &cobra.Command{
		Use:   "watch-fd FD... [flags] [-- COMMAND [ARG...]]",
		Short: "wait for descriptors, lines of input or logs, or connections",
		Long: `Watch-fd fires when a descriptor is ready. An FD is

  0, 3, -               a descriptor that ev was started with; - is 0
  fd:NAME               the descriptor with this name in $LISTEN_FDNAMES
  PATH                  a FIFO or device that ev opens. A FIFO stays open after
                        its writers have gone
  tcp-listen:HOST:PORT  connections, one event each; HOST is an address or
  unix-listen:PATH      localhost, and 127.0.0.1 if it is missing
  tail:PATH             lines that are appended to a file (or chunks, with
                        --data), through log rotation

Without --line, --null or --data, ev reads nothing itself. The COMMAND gets the
descriptor as its standard input, and ev waits until the COMMAND has ended. If the
descriptor is still ready then, it fires again, unless no more input can come. A
COMMAND that keeps leaving its input
unread is run at most once a second after ten runs in a row. A COMMAND that reads the
terminal runs in the foreground, as with --foreground. Without a COMMAND, ev ends after
the first event. A connection becomes the standard input and output of the COMMAND, for
up to --max-connections commands at a time; further clients wait. Without a COMMAND the
connection is closed. With --accept, numbers and fd:NAME are listening sockets, such as
a service manager passes. Ev accepts connections from them and leaves them open, as
inetd does with nowait.

With --line or --null each line or record is an event. With --data each chunk of up to
64 KiB is an event, also for connections. The COMMAND gets it as its standard input.
While events wait for the COMMAND, ev stops reading, so the writer has to wait. At the
end of the input ev stops watching.

tail: follows a file by its name. The file may appear later, may be renamed, removed or
replaced, and may be a symbolic link that changes its target. A file that exists at the
start is followed from its end, or from its beginning with --from-start. When a log is
rotated by renaming, no line is lost or reported twice. When it is copied and truncated,
lines that ev has not read yet are lost, and ev says so. An unfinished line is reported
once it is complete. With --state, ev continues where it stopped. A line is done when its
COMMAND has ended, or when it is printed; a line whose COMMAND was cut off is reported
again. After a crash, lines of the last second may be reported again as well.

With --urgent, ev waits for out-of-band data on a connection, or for a change of a
special file on Linux: /proc/self/mountinfo, cgroup.events, files in /proc/pressure
(which need --say), and some files in /sys. After each event the COMMAND gets the new
content of such a file as its standard input, except for /proc/pressure.

Other files are always ready; use 'ev stat' to learn of their changes. Ev never makes a
descriptor non-blocking, because other processes may share it.`,
		Example: `  # read standard input, or give up after 5.5 seconds
  ev watch-fd 0 --timeout 5.5 -- cat
  # act on certain lines of a log
  ev watch-fd tail:app.log --match 'ERROR (?P<what>.*)' -- echo 'alarm: {what}'
  # compress files, four at a time
  find . -name '*.log' -print0 | ev watch-fd 0 --null --on-busy parallel=4 -- gzip -- {line}
  # end a producer when its reader has gone
  sh -c 'ev watch-fd 1 --hup -- kill $$ & exec sleep 60' | head -c 0
  # show the file systems when one is mounted
  ev watch-fd /proc/self/mountinfo --urgent -- df -h
  # notice when tasks have waited for a processor: 300 ms within two seconds
  ev watch-fd /proc/pressure/cpu --urgent --say 'some 300000 2000000' -- cat /proc/loadavg
  # an echo server
  ev watch-fd tcp-listen:localhost:7777 -- cat
  # the same, with a socket that systemd passes
  systemd-socket-activate --fdname=echo -l localhost:7777 ev watch-fd fd:echo --accept -- cat`,
	}
	fs := ownFlags(c)
	fs.BoolVar(&o.read, "read", false, "wait until the descriptor is readable (default)")
	fs.BoolVar(&o.write, "write", false, "wait until the descriptor is writable")
	fs.BoolVar(&o.hup, "hup", false, "wait until the other end is closed, even on the writing end of a pipe")
	fs.BoolVar(&o.urgent, "urgent", false, "wait for POLLPRI: a file such as /proc/self/mountinfo has changed, or out-of-band data has arrived")
	fs.StringVar(&o.say, "say", "", "write this text to the file before waiting, as files in /proc/pressure need it with --urgent `TEXT`")
	fs.BoolVar(&o.line, "line", false, "read the input and emit an event for each line")
	fs.BoolVar(&o.zero, "null", false, "read the input and emit an event for each record that ends with NUL")
	fs.BoolVar(&o.data, "data", false, "read the input and emit an event for each chunk")
	fs.StringVar(&o.match, "match", "", "emit only lines that match; the groups become fields 1, 2, … or have their names `REGEXP`")
	sizeVar(fs, &o.maxLine, "max-line", 1<<20, "split longer lines; all pieces but the last have 'partial' set")
	fs.BoolVar(&o.eof, "eof", false, "emit an event at the end of the input, too")
	fs.BoolVar(&o.accept, "accept", false, "accept connections from the listening socket that ev was given; each is an event, as with tcp-listen:")
	numberVar(fs, &o.maxConnections, "max-connections", 40, "serve at most `N` connections at once; others wait")
	o.access.add(fs, "unix-listen:")
	fs.BoolVar(&o.fromStart, "from-start", false, "read a tail: file from its beginning")
	fs.StringVar(&o.state, "state", "", "remember in this file how far a tail: file was read `FILE`")
	o.add(c)
	CompleteArgs(c, Words("-\tstandard input", "0", "1", "2", "fd:", "tcp-listen:", "unix-listen:", "tail:"))
	return runs(a, c, o, sink)
}

func (o *watchFDOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	w, err := o.describe(a, c, own)
	if err != nil {
		return err
	}
	sample := event.FD{}
	if w.Match != nil {
		names, err := fd.GroupNames(w.Match)
		if err != nil {
			return usage.Of(usage.Value("match"), "--match: ", err)
		}
		for _, name := range names {
			sample.Groups = append(sample.Groups, event.Group{Name: name})
		}
	}
	b, err := o.bind(a, c, sample, action.Queue, command)
	if err != nil {
		return err
	}
	if w.Reading == fd.ReadNothing && len(b.If) > 0 && !slices.ContainsFunc(own, o.listens) {
		return usage.At(usage.Flag("if"), "--if: input that fails the test would stay unread and be tested forever: add --line or --data")
	}
	w.Handed, w.Say = b.Exec != nil, o.say
	if w.Handed && w.Reading == fd.ReadNothing && o.onBusy == "" && slices.ContainsFunc(own, o.listens) {
		b.Exec.Busy = action.Busy{Policy: action.Parallel, Limit: o.maxConnections}
	}
	if b.Exec != nil && w.Reading == fd.ReadNothing && w.Want&loop.Read != 0 && slices.ContainsFunc(own, fd.TerminalFD) {
		b.Exec.Foreground = true // none but the foreground may read the terminal
	}
	if b.Exec != nil && w.Reading == fd.ReadNothing {
		b.Exec.Guard = &action.Guard{
			Within: noticing,
			Advice: "the command runs over and over for what it does not read: have it read its standard input, or add --once",
		}
	}
	claims := b.Claim()
	claims.Stdin = slices.Contains(own, "0") || slices.Contains(own, "-")
	claims.Stdout = slices.Contains(own, "1")
	claims.State = w.State
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		return fd.New(l, w, emit)
	}
	return sink(c.Context(), b)
}

// listens reports whether connections are accepted from an FD.
func (o *watchFDOptions) listens(s string) bool {
	return fd.ListensFD(s) || o.accept && fd.PassedFD(s)
}

// describe turns the flags into what the watcher wants to know.
func (o *watchFDOptions) describe(a *App, c *cobra.Command, fds []string) (fd.Options, error) {
	w := fd.Options{
		FDs: fds, Limit: o.maxLine, Separator: '\n', EOF: o.eof, Accept: o.accept, MaxConnections: o.maxConnections,
		Inherited: fd.Inherited(), Report: a.Report,
	}
	var err error
	if w.Named, err = a.namedFDs(fds); err != nil {
		return w, err
	}
	tails := slices.ContainsFunc(fds, fd.TailsFD)
	w.FromStart, w.State = o.fromStart, o.state
	w.Notices = func(l *loop.Loop, path string, changed watch.Emit) (fd.Notices, error) {
		return stat.New(l, stat.Options{Paths: []string{path}, Hub: a.Hub, Report: a.Report}, changed)
	}
	switch records := o.line || o.zero || tails && !o.data; {
	case records && o.data:
		return w, usage.At(usage.Flag("data", "line", "null"), "--data reads chunks, --line and --null records: leave out one of them")
	case records:
		w.Reading = fd.ReadRecords
	case o.data:
		w.Reading = fd.ReadData
	}
	switch {
	case o.fromStart && !tails:
		return w, usage.At(usage.Flag("from-start"), "--from-start needs tail:PATH")
	case o.state != "" && !tails:
		return w, usage.At(usage.Flag("state"), "--state needs tail:PATH: it remembers how far that was read")
	case o.state != "" && len(fds) > 1:
		return w, usage.At(usage.Flag("state"), "--state is for one tail:PATH, and there are %d descriptors: give each its own line of 'ev run'", len(fds))
	}
	if o.zero {
		w.Separator = 0
	}
	for _, f := range []struct {
		on   bool
		want loop.Ops
	}{{o.read, loop.Read}, {o.write, loop.Write}, {o.hup, loop.Hangup}, {o.urgent, loop.Urgent}} {
		if f.on {
			w.Want |= f.want
		}
	}
	if w.Want == 0 {
		w.Want = loop.Read
	}
	switch {
	case len(fds) == 0:
		return w, usage.Errorf("give a descriptor, as in: ev watch-fd 0")
	case o.urgent && (w.Want != loop.Urgent || w.Reading != fd.ReadNothing):
		return w, usage.At(usage.Flag("read", "write", "hup", "line", "null", "data"),
			"--urgent waits for something else: leave out --read, --write, --hup, --line, --null and --data")
	case o.say != "" && !o.urgent:
		return w, usage.At(usage.Flag("say"), "--say needs --urgent: add it")
	case w.Reading != fd.ReadNothing && w.Want != loop.Read:
		return w, usage.At(usage.Flag("write", "hup"), "--line, --null and --data wait for input: leave out --write and --hup (--eof reports the end)")
	case w.Reading == fd.ReadNothing && o.eof:
		return w, usage.At(usage.Flag("eof"), "--eof reports the end of what ev reads: add --line, --null or --data")
	case w.Reading != fd.ReadRecords && o.match != "":
		return w, usage.At(usage.Flag("match"), "--match chooses among lines: add --line or --null")
	case w.Reading != fd.ReadRecords && c.Flags().Changed("max-line"):
		return w, usage.At(usage.Flag("max-line"), "--max-line needs lines: add --line or --null")
	case c.Flags().Changed("max-connections") && !slices.ContainsFunc(fds, o.listens):
		return w, usage.At(usage.Flag("max-connections"), "--max-connections needs tcp-listen:, unix-listen: or --accept")
	case o.access.given() && !slices.ContainsFunc(fds, func(s string) bool { return strings.HasPrefix(s, "unix-listen:") }):
		return w, usage.At(usage.Flag("socket-mode", "socket-group"), "--socket-mode and --socket-group need unix-listen:PATH")
	case o.accept && !slices.ContainsFunc(fds, fd.PassedFD):
		return w, usage.At(usage.Flag("accept"), "--accept needs a listening socket, such as fd:NAME")
	}
	if w.Access, err = o.access.access(); err != nil {
		return w, err
	}
	if o.match != "" {
		if w.Match, err = regexp.Compile(o.match); err != nil {
			return w, usage.Of(usage.Value("match").From(regexpFault(o.match, err)), "--match: ", err)
		}
	}
	return w, nil
}

// regexpFault returns the place of what is wrong with a regular expression, in bytes.
func regexpFault(expr string, err error) int {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return max(0, strings.Index(expr, e.Expr))
	}
	return 0
}

// namedFDs returns what a service manager has handed over, by name, if it is asked for. Of several
// descriptors with one name it is the first.
func (a *App) namedFDs(fds []string) (map[string]int, error) {
	i := slices.IndexFunc(fds, func(s string) bool { return strings.HasPrefix(s, "fd:") })
	if i < 0 {
		return nil, nil
	}
	files, err := sdnotify.Listen(a.Getenv, os.Getpid())
	if err != nil {
		return nil, usage.Of(usage.Arg(i), "", err)
	}
	named := map[string]int{}
	for _, f := range slices.Backward(files) {
		named[f.Name] = f.Num
	}
	return named, nil
}
