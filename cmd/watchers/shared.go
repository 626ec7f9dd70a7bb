package watchers

import (
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// sharedFlags are about what several ev share.
type sharedFlags struct {
	LinkFlags
	lock   string
	lease  time.Duration
	rerun  bool
	emit   string
	emitOn string

	need link.Need // of all of these
}

// check has what is needed looked for at the start.
func (f *sharedFlags) check(b *session.Binding, open func(*loop.Loop) (link.Link, error)) {
	b.Check = func(on *loop.Loop, then func(error)) error {
		l, err := open(on)
		if err == nil {
			l.Check(f.need, then)
		}
		return err
	}
}

// bareLock is what --lock is without a name: it is the label then.
const bareLock = "\x00"

func (f *sharedFlags) add(fs *pflag.FlagSet) {
	defer BeginGroup(fs, "Shared")()
	fs.StringVar(&f.lock, "lock", "", "handle an event only while holding this lock, which one ev has at a time; without NAME it is the --name `NAME`")
	fs.Lookup("lock").NoOptDefVal = bareLock
	duration(fs, &f.lease, "lease", 15*time.Second, "how long the holder of the lock may be silent before another ev takes it")
	fs.BoolVar(&f.rerun, "rerun", false, "run an instant again if the ev that ran it has died")
	fs.StringVar(&f.emit, "emit", "", "store each event under this subject, for on-message; {field} is replaced `SUBJECT`")
	fs.StringVar(&f.emitOn, "emit-on", "event", "what to store: event, or the command's success or failure `WHAT`")
	f.AddServer(fs)
	f.AddSpool(fs)
}

// bind describes the lock and where events are stored.
func (f *sharedFlags) bind(a *App, c *cobra.Command, b *session.Binding, sample event.Detail, name string, command bool) error {
	changed := c.Flags().Changed
	switch {
	case f.lock == "" && changed("lock"):
		return usage.Errorf("--lock= has no name: write --lock=NAME")
	case f.lock == "" && (changed("lease") || changed("rerun")):
		return usage.Errorf("--lease and --rerun need a lock: add --lock")
	case f.rerun && b.Kind != event.KindEvery:
		return usage.Errorf("--rerun is for the instants of a schedule, and %s has none: leave it out", b.Kind)
	case f.emit == "" && changed("emit"):
		return usage.Errorf("--emit has no subject: write one, as in --emit ev.jobs.invoice")
	case f.emit == "" && (changed("emit-on") || changed("spool-max")):
		return usage.Errorf("--emit-on and --spool-max need --emit: add it")
	case f.lock == "" && f.emit == "" && b.Kind != event.KindMessage && (changed("server") || changed("creds")):
		return usage.Errorf("--server has no effect without --lock or --emit: leave it out")
	}
	if f.lock == "" && f.emit == "" {
		return nil
	}
	lo, err := f.LinkOptions(a)
	if err != nil {
		return err
	}
	open := func(l *loop.Loop) (link.Link, error) { return a.Link(lo, l) }
	f.check(b, open)
	if f.lock != "" {
		if err := f.bindLock(b, name, open); err != nil {
			return err
		}
		if f.server == "" && a.Getenv("EV_SERVER") == "" {
			a.Report.Noticef("--lock covers this machine only: add --server to share the lock with others")
		}
	}
	if f.emit != "" {
		return f.bindEmit(b, sample, name, lo.Host, command, open)
	}
	return nil
}

// lockWord refuses a word after a --lock without a name, before it is taken for the watcher's.
func lockWord(a *App, c *cobra.Command) error {
	if f := c.Flags().Lookup("lock"); f == nil || f.Value.String() != bareLock {
		return nil
	}
	i := slices.Index(a.Args, "--lock") + 1
	if i == 0 || i == len(a.Args) || strings.HasPrefix(a.Args[i], "-") {
		return nil
	}
	return usage.At(usage.ArgOf(a.Args[i]), "the name of a lock is written with =: --lock=%s; put a --lock without a name after all other words", a.Args[i])
}

func (f *sharedFlags) bindLock(b *session.Binding, name string, open func(*loop.Loop) (link.Link, error)) error {
	lock := f.lock
	if lock == bareLock {
		if lock = name; lock == "" {
			return usage.Errorf("give the lock a name: --lock=NAME, or --name NAME, or a label in an Evfile")
		}
	}
	if f.lease < time.Second {
		return usage.Errorf("--lease %s is too short: give at least 1s", span.Format(f.lease))
	}
	f.need.Locks = append(f.need.Locks, lock)
	label := name
	if label == "" {
		label = lock
	}
	b.Lock = &session.Lock{
		Open: open, Name: lock, Label: label, Lease: f.lease, Rerun: f.rerun, Busy: action.Queue,
		Instant: func(event.Detail) (time.Time, bool) { return time.Time{}, false },
	}
	return nil
}

// lockBusy tells the lock what an event gets while the command runs.
func lockBusy(b *session.Binding) error {
	if b.Lock == nil || b.Exec == nil {
		return nil
	}
	if b.Lock.Busy = b.Exec.Busy.Policy; b.Lock.Busy == action.Parallel {
		if b.Kind != event.KindHTTP {
			return usage.Errorf("--lock allows one run at a time, and --on-busy parallel several: leave out one of the two")
		}
		b.Lock.Busy, b.Exec.Busy.Policy = action.Queue, action.Queue // on-http's own default
	}
	return nil
}

func (f *sharedFlags) bindEmit(b *session.Binding, detail event.Detail, name, host string, command bool, open func(*loop.Loop) (link.Link, error)) error {
	t := event.NewTemplate(f.emit)
	o := &action.EmitOptions{Subject: t, Full: link.NoRoom}
	switch f.emitOn {
	case "event":
	case "success", "failure":
		o.OnSuccess, o.OnFailure = f.emitOn == "success", f.emitOn == "failure"
		if !command {
			return usage.Errorf("--emit-on %s needs a command: put -- and the command at the end", f.emitOn)
		}
	default:
		return usage.Errorf("--emit-on is event, success or failure, not %q", f.emitOn)
	}
	if b.Kind == event.KindEvery && name == "" {
		return usage.Errorf("--emit needs a name for the watcher: add --name NAME, or a label in an Evfile")
	}
	sample := event.Event{Name: "x", Detail: detail, Lock: &event.Lock{}}
	plain := string(t.AppendFunc(nil, sample, func(string) string { return "x" }))
	if i := strings.IndexAny(plain, "{}"); i >= 0 {
		return usage.Errorf("--emit %s: %s is not a field of %s: ev help format lists them", f.emit, plain[i:], b.Kind)
	}
	if err := link.CheckSubject(plain, false); err != nil {
		return usage.Errorf("--emit: %v", err)
	}
	source, kind := "/"+host+"/"+b.Name, "ev."+string(b.Kind)
	o.Store = func(on *loop.Loop, subject string, e event.Event, outcome *action.Outcome, then func(error)) error {
		l, err := open(on)
		if err != nil {
			return err
		}
		m := link.Message{
			Subject: subject, ID: rand.Text(), Source: source, Type: kind, About: e.Detail.Subject(), Time: e.Time,
			Data: action.AppendOutcome(e.AppendJSON(nil), outcome),
		}
		if d, ok := e.Detail.(event.Every); ok {
			m.ID = subject + "/" + name + "@" + d.Due.UTC().Format(time.RFC3339Nano)
			if outcome != nil {
				m.ID += "/" + f.emitOn
			}
		}
		l.Publish(m, func(_ link.Stored, err error) { then(err) })
		return nil
	}
	if plain == f.emit {
		f.need.Subjects = append(f.need.Subjects, plain)
	}
	b.Emit = o
	return nil
}

// Tell has the lines of an Evfile, and their commands, know the server of run.
func (f *LinkFlags) Tell() error {
	for variable, value := range map[string]string{"EV_SERVER": f.server, "EV_CREDS": f.creds} {
		if value != "" {
			if err := os.Setenv(variable, value); err != nil {
				return err
			}
		}
	}
	return nil
}
