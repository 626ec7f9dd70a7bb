package watchers

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/ignore"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/stat"
)

// statOptions are the flags of stat.
type statOptions struct {
	options
	below []*pflag.Flag // that are about what is in a directory

	recursive   bool
	exts        []string
	globs       []string
	iglobs      []string
	depth       int
	types       []string
	noDefaults  bool
	ignore      []string
	ignoreFiles []string
	noIgnore    bool
	hidden      bool
	follow      bool

	noFollow    bool
	change      string
	content     bool
	atime       bool
	each        bool
	initial     bool
	untilExists bool
	untilGone   bool

	settle       time.Duration
	maxWait      time.Duration
	poll         time.Duration
	pollFallback bool
	state        string
	explain      string
}

func (a *App) newStat(sink Sink) *cobra.Command {
	o := &statOptions{}
	c := &cobra.Command{
		Use:   "stat PATH... [flags] [-- COMMAND [ARG...]]",
		Short: "wait for files and directories to change, appear or vanish",
		Long: `Stat fires when a PATH changes, appears or vanishes. A PATH does not have to exist yet.
The field 'change' says what happened:

  created   the path has appeared
  removed   the path has vanished
  moved     the path was renamed; 'from' is its previous path
  replaced  another file, with another inode number, has taken its place
  content   the size or the modification time changed, or the file was written
  mode      the permissions changed
  owner     the user or the group changed
  links     the number of hard links changed
  atime     the access time changed (with --atime)

With -r, stat watches directories with everything below them, including directories
that are created later. It obeys .gitignore, .ignore and git's other ignore files, and
skips hidden names; --no-ignore and --hidden turn that off. It also skips the temporary
files of editors and copy tools, unless --no-default-ignore is given: *~, #*#, .#*,
.*.sw?, rsync's .NAME.XXXXXX and Syncthing's .syncthing.*.tmp. Ignored directories cost
nothing. In patterns, ** matches any number of directories, and {a,b} matches either
alternative. A pattern with a slash is matched against the path below PATH, a pattern
without one against the name.

Changes that follow each other within --settle form one event. The field 'paths' and the
standard input of the COMMAND list all paths, in the order in which they changed. So a
save is one event, no matter how the editor writes the file, and the COMMAND sees the
finished file. A change that is undone within that time is no event. A deleted file gets
50 ms to reappear before it is reported. Stat waits for a file that is still open for
writing (on Linux, if the file is yours), and for git while its index is locked, but no
longer than --max-wait. With --max-wait inf, a file is reported once it has been closed.

If a PATH is a symbolic link, stat watches its target, and reports it when a link on the
way points somewhere else. If a PATH is -, stat reads paths from standard input, one on
each line, or ended by NUL with -0.

With --state FILE, the first event has everything that changed since the last ev with
this FILE. An event counts as dealt with once its COMMAND has ended or it was printed.
After a crash, unfinished events are reported again, and so may be those of the last
second. Only one ev at a time can use the FILE, and changes of the FILE itself are never
reported.

Some file systems do not report all changes to the kernel (NFS, FUSE, 9p, proc). There,
ev looks at the files every 2 seconds. The kernel never reports writes through mmap(2).
With -r, a write through another hard link is reported under that name only. --poll sees
both.`,
		Example: `  # check each shell script when it is saved
  ev stat -r . --ext sh --each -- sh -n {}
  # format the saved files, all at once
  ev stat -r . --ext go -- gofmt -w {paths...}
  # back up after each save, once for all files that it changed
  mkdir -p notes
  ev stat -r notes -- tar -czf notes.tgz notes
  # wait up to 10 seconds for a socket to appear
  ev stat --until-exists /run/app.sock --timeout 10
  # show the new values when a mounted ConfigMap is updated
  ev stat /etc/app/app.yaml --content -- cat {}
  # watch the files that another command lists
  find . -mtime -1 -print0 | ev stat -0 - -- ls -ld {paths...}`,
	}
	fs := ownFlags(c)
	fs.BoolVarP(&o.recursive, "recursive", "r", false, "watch directories with everything below them")
	fs.Var((*ListValue)(&o.exts), "ext", "watch only files with one of these extensions, such as go or c,h; a --glob adds to them `LIST`")
	fs.Var((*ListValue)(&o.globs), "glob", "watch only what matches this pattern; an --ext adds to it; can be repeated `PATTERN`")
	fs.Var((*ListValue)(&o.iglobs), "iglob", "watch only what matches this pattern, in upper or lower case; can be repeated `PATTERN`")
	numberVar(fs, &o.depth, "depth", 0, "watch at most `N` levels below a directory; 1 is its own entries")
	fs.Var((*ListValue)(&o.types), "type", "watch only these types, named as in find(1): f (file), d (directory), l (symbolic link) `LIST`")
	fs.Var((*ListValue)(&o.ignore), "ignore", "ignore what matches this pattern; with ! in front, watch it after all; can be repeated `PATTERN`")
	fs.Var((*ListValue)(&o.ignoreFiles), "ignore-file", "ignore what this file lists, in the format of .gitignore; can be repeated `FILE`")
	fs.BoolVar(&o.noIgnore, "no-ignore", false, "do not read .gitignore and similar files")
	fs.BoolVar(&o.hidden, "hidden", false, "watch hidden files and directories, too")
	fs.BoolVar(&o.noDefaults, "no-default-ignore", false, "watch the temporary files of editors and copy tools, too: *~, #*#, .#*, .*.sw?, those of rsync and Syncthing")
	fs.BoolVar(&o.follow, "follow", false, "follow symbolic links inside directories")
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name != "recursive" {
			o.below = append(o.below, f)
		}
	})
	fs.BoolVar(&o.noFollow, "no-follow", false, "watch a PATH that is a symbolic link itself, not its target")
	fs.StringVar(&o.change, "change", "", "report only these kinds of change, separated by commas `LIST`")
	fs.BoolVar(&o.content, "content", false, "report a file only if its bytes have changed; ev hashes its content")
	fs.BoolVar(&o.atime, "atime", false, "report a new access time, too; needs polling")
	fs.BoolVar(&o.each, "each", false, "emit one event for each path, not one for all paths that changed together")
	fs.BoolVar(&o.initial, "initial", false, "emit one event for each path as it is at startup")
	fs.BoolVar(&o.untilExists, "until-exists", false, "wait until all paths exist, then end; --timeout is for all of them")
	fs.BoolVar(&o.untilGone, "until-gone", false, "wait until all paths are gone, then end; --timeout is for all of them")
	duration(fs, &o.settle, "settle", stat.DefaultSettle, "report changes once nothing has changed for this long")
	Limit(fs, &o.maxWait, "max-wait", stat.DefaultMaxWait, "report changes after this time even if they have not settled")
	duration(fs, &o.poll, "poll", 0, "look at the files this often instead of waiting for notices from the kernel")
	fs.BoolVar(&o.pollFallback, "poll-fallback", false, "poll files that exceed the system's limit of watches")
	fs.StringVar(&o.state, "state", "", "remember in this file what was reported and dealt with; the next ev reports what changed since `FILE`")
	fs.StringVar(&o.explain, "explain", "", "say whether a change of this path would be reported, and why not; then end `PATH`")
	o.add(c)
	CompleteFiles(c)
	return runs(a, c, o, sink)
}

// noticing is what it may take, on a busy machine, from a change to its event, besides the time of
// --settle.
const noticing = 50 * time.Millisecond

func (o *statOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	busy := action.Merge
	if o.each {
		busy = action.Queue
	}
	b, err := o.bind(a, c, event.Stat{}, busy, command)
	if err != nil {
		return err
	}
	w, err := o.describe(c, own)
	if err != nil {
		return err
	}
	w.Pass = ofPaths(b)
	b.Until = w.Until != stat.Forever
	if b.Exec != nil {
		b.Exec.Each = o.each
	}
	b.ClaimState(w.State)
	if b.Exec != nil && b.Exec.Busy.Policy != action.Skip {
		advice := "the command follows on itself at once, over and over: it seems to change what is watched; "
		if o.recursive {
			advice += "--ignore leaves out what it writes, "
		}
		advice += "--on-busy skip leaves out what changes while it runs"
		b.Exec.Guard = &action.Guard{Within: o.settle + noticing, Advice: advice}
	}
	if c.Flags().Changed("explain") {
		return o.tellWhy(c, w, own)
	}
	if slices.Contains(own, "-") {
		b.Claim().Stdin, b.Claim().Drained = true, true
	}
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		w := w
		w.Hub, w.Report = a.Hub, a.Report
		var err error
		if w.Paths, err = expand(own, os.Stdin, o.separator()); err != nil {
			return nil, err
		}
		a.noteCommands(c, own, command)
		return stat.New(l, w, emit)
	}
	return sink(c.Context(), b)
}

// ofPaths takes out of a binding the tests of what a path has of its own: they are asked of each
// path before several are one event.
func ofPaths(b *session.Binding) func(event.Stat) bool {
	var own, rest []event.Test
	for _, t := range b.If {
		switch t.Field {
		case "watcher", "name", "seq", "time", "paths", "count", "hostname":
			rest = append(rest, t)
		default:
			own = append(own, t)
		}
	}
	if b.If = rest; own == nil {
		return nil
	}
	return func(d event.Stat) bool {
		for _, t := range own {
			if !t.Holds(event.Event{Detail: d}) {
				return false
			}
		}
		return true
	}
}

// tellWhy says of a path whether a change would be told.
func (o *statOptions) tellWhy(c *cobra.Command, w stat.Options, own []string) error {
	var err error
	if w.Paths, err = expand(own, os.Stdin, o.separator()); err != nil {
		return err
	}
	if o.explain == "" {
		return usage.Errorf("--explain: an empty path: name a file or a directory")
	}
	told, why, err := stat.Explain(w, o.explain)
	if err != nil {
		return err
	}
	verdict := "told"
	if !told {
		verdict = "not told"
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s: %s\n", o.explain, verdict, why)
	return err
}

// describe turns the flags into what the watcher wants to know.
func (o *statOptions) describe(c *cobra.Command, own []string) (stat.Options, error) {
	w := stat.Options{
		Recursive: o.recursive,
		Ignore: ignore.Options{
			Hidden:      o.hidden,
			NoIgnore:    o.noIgnore,
			Ignore:      o.ignore,
			IgnoreFiles: o.ignoreFiles,
			Globs:       o.globs,
			IGlobs:      o.iglobs,
			NoDefaults:  o.noDefaults,
		},
		Depth:        o.depth,
		Follow:       o.follow,
		NoFollow:     o.noFollow,
		Settle:       o.settle,
		MaxWait:      o.maxWait,
		Each:         o.each,
		Atime:        o.atime,
		Content:      o.content,
		Initial:      o.initial,
		Poll:         o.poll,
		PollFallback: o.pollFallback,
		State:        o.state,
	}
	for _, list := range o.exts {
		w.Ignore.Exts = append(w.Ignore.Exts, strings.Split(list, ",")...)
	}
	for _, list := range o.types {
		for letter := range strings.SplitSeq(list, ",") {
			if !slices.Contains([]string{"f", "d", "l"}, letter) {
				return w, usage.At(usage.Item("type", letter), "--type %s: write f (file), d (directory) or l (symbolic link)", letter)
			}
			w.Types += letter
		}
	}
	switch {
	case o.untilExists:
		w.Until = stat.Exists
	case o.untilGone:
		w.Until = stat.Gone
	}
	if c.Flags().Changed("change") {
		var err error
		if w.Changes, err = stat.ParseChanges(o.change); err != nil {
			return w, usage.Of(usage.Value("change"), "--change: ", err)
		}
		if o.atime {
			w.Changes |= stat.Atime
		}
	}
	return w, o.check(c, own)
}

// check refuses what says nothing, or two things at once.
func (o *statOptions) check(c *cobra.Command, own []string) error {
	if len(own) == 0 {
		return usage.Errorf("give a path, as in: ev stat FILE, ev stat -r .")
	}
	for _, f := range o.below {
		if f.Changed && !o.recursive {
			return usage.At(usage.Flag(f.Name), "--%s applies to what is in directories: add -r", f.Name)
		}
	}
	given := c.Flags().Changed
	switch {
	case o.untilExists && o.untilGone:
		return usage.At(usage.Flag("until-exists", "until-gone"), "--until-exists and --until-gone wait for opposite things: leave out one of the two")
	case o.untilExists || o.untilGone:
		for _, name := range []string{"recursive", "change", "content", "atime", "initial", "state"} {
			if given(name) {
				return usage.At(usage.Flag(name), "--until-exists and --until-gone look only at whether the paths exist: leave out --%s", name)
			}
		}
	case given("state") && o.state == "":
		return usage.At(usage.Value("state"), "--state: an empty path: name a file")
	case o.content && o.atime:
		return usage.At(usage.Flag("atime"), "--content reports only changes of a file's bytes: leave out --atime")
	case given("poll") && o.poll == 0:
		return usage.At(usage.Value("poll"), "--poll 0s would look without a pause: give a time, as in --poll 1s")
	case given("poll") && o.pollFallback:
		return usage.At(usage.Flag("poll-fallback"), "--poll polls everything: leave out --poll-fallback")
	case given("max-wait") && o.maxWait == 0:
		return usage.At(usage.Value("max-wait"), "--max-wait 0s: use --settle 0 to report changes at once")
	}
	return nil
}

// expand replaces - by the paths that in holds, each ended by sep.
func expand(own []string, in io.Reader, sep byte) ([]string, error) {
	i := slices.Index(own, "-")
	if i < 0 {
		return own, nil
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("the paths on standard input: %w", err)
	}
	paths := slices.Clone(own[:i])
	for path := range bytes.SplitSeq(data, []byte{sep}) {
		if len(path) > 0 {
			paths = append(paths, string(path))
		}
	}
	return append(paths, own[i+1:]...), nil
}

// noteCommands says of a path that is missing, but is the name of a command, what may have been
// forgotten.
func (a *App) noteCommands(c *cobra.Command, paths, command []string) {
	if len(command) > 0 || len(paths) < 2 {
		return
	}
	if _, err := os.Lstat(paths[1]); err == nil || strings.Contains(paths[1], "/") {
		return
	}
	if hint := a.DashHint(c, 1); hint != "" && a.lookup(paths[1], "", a.Env) == nil {
		a.Report.Noticef("%s does not exist yet and is waited for; if it is the command, %s", paths[1], hint)
	}
}
