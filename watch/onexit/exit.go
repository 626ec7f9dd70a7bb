// Package onexit tells that processes have ended: ev on-exit.
package onexit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/stat"
)

// The usual times of a Watcher.
const (
	DefaultRespawnDelay    = time.Second
	DefaultRespawnMaxDelay = time.Minute
)

// Options say whose end is waited for. At least one process is needed.
type Options struct {
	PIDs     []string // PID, or PID:INODE with the inode of the process's pidfd
	PIDFiles []string // files with a PID in the first line; they need not be there yet
	Commands []string // names of commands: all processes that have them at Start
	Child    bool     // a command that is started (watch.Parent)
	Of       []string // the names of watchers whose runs count (watch.Follower)
	Exited   bool     // a process that is not there counts as one that has ended

	Respawn  Respawn       // what is done when Child ends
	Delay    time.Duration // before it is started again; doubled each time
	MaxDelay time.Duration // but not over this

	Hub    *stat.Hub // of the loop; nil: one of its own
	Report *report.Reporter
}

// Respawn says when a child that has ended is started again.
type Respawn uint8

// When a child is started again.
const (
	RespawnNever Respawn = iota
	RespawnOnFailure
	RespawnAlways
)

// A Watcher emits event.Exit when a process ends. It is active until all processes have.
//
// How a process ended that is not a child is known where the kernel tells: PIDFD_GET_INFO with
// PIDFD_INFO_EXIT (Linux 6.15), /proc/PID/stat of a process that its parent has not waited for, or
// the process events connector. Where it does not, the status is unknown, never guessed, and a
// verbose message says why. Elsewhere than on Linux processes are looked at once a second, and only
// their end is known.
type Watcher struct {
	loop    *loop.Loop
	options Options
	emit    watch.Emit
	pids    []process.Ref

	active  *loop.Fed    // while a process is waited for; fed when there is something told
	told    []event.Exit // what is to be emitted, not being any target's
	targets map[target]bool
	watched map[int]bool // the PIDs among them
	runner  watch.Runner
	child   *child // since Start
	first   int    // of those PIDs, since Start; 0: none yet
	feeds   bool   // Feed, once the child lives
	pidfds  pidfds
	polls   polls
}

var (
	_ watch.Parent   = (*Watcher)(nil)
	_ watch.Follower = (*Watcher)(nil)
)

// A target is a process that is waited for, or one that is yet to come.
type target interface {
	stop()
}

// New makes a watcher of processes.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	w := &Watcher{loop: l, options: o, emit: emit}
	if len(o.PIDs)+len(o.PIDFiles)+len(o.Commands)+len(o.Of) == 0 && !o.Child {
		return nil, errors.New("no process given: name a PID, a pidfile, a command or a child")
	}
	for _, s := range o.PIDs {
		ref, err := process.ParseRef(s)
		if err != nil {
			return nil, diag.Option("PIDs", s, err)
		}
		w.pids = append(w.pids, ref)
	}
	w.active = loop.NewFed(l, w.deliver)
	w.pidfds.w, w.polls.w = w, w
	return w, nil
}

// Start looks the processes up, starts the child, and waits for their end.
func (w *Watcher) Start() error {
	if w.active.Active() {
		return nil
	}
	w.targets, w.watched, w.first = map[target]bool{}, map[int]bool{}, 0
	w.active.Start()
	if err := w.startAll(); err != nil {
		w.Stop()
		return err
	}
	if len(w.targets) == 0 && len(w.told) == 0 {
		w.Stop() // nothing of what was asked for is there, which is right with Exited
	}
	return nil
}

func (w *Watcher) startAll() error {
	for i, ref := range w.pids {
		if err := w.watchPID(ref); err != nil {
			return diag.Option("PIDs", w.options.PIDs[i], err)
		}
	}
	for _, name := range w.options.Commands {
		if err := w.watchCommand(name); err != nil {
			return diag.Option("Commands", name, err)
		}
	}
	for _, file := range w.options.PIDFiles {
		if err := w.watchPIDFile(file); err != nil {
			return diag.Option("PIDFiles", file, err)
		}
	}
	if w.options.Child {
		w.startChild()
	}
	if len(w.options.Of) > 0 {
		w.targets[followed{}] = true
	}
	return nil
}

// watchPID waits for the end of one process.
func (w *Watcher) watchPID(ref process.Ref) error {
	if w.watched[ref.PID] {
		return nil
	}
	t, err := w.pidfds.watch(ref)
	if errors.Is(err, errors.ErrUnsupported) {
		t, err = w.polls.watch(ref)
	}
	switch {
	case err == nil:
		w.watching(t, ref.PID)
	case errors.Is(err, process.ErrNoProcess) && w.options.Exited:
		w.tell(event.Exit{PID: ref.PID})
	case errors.Is(err, process.ErrNoProcess):
		return notThere(err)
	default:
		return err
	}
	return nil
}

// watching notes that a process is watched.
func (w *Watcher) watching(t target, pid int) {
	w.targets[t], w.watched[pid] = true, true
	w.first = cmp.Or(w.first, pid)
}

// watchCommand waits for the end of all processes of a name.
func (w *Watcher) watchCommand(name string) error {
	all, err := process.All()
	if err != nil {
		return err
	}
	found := false
	for _, pid := range slices.Sorted(maps.Keys(all)) {
		if all[pid].Name != name || pid == os.Getpid() {
			continue
		}
		err := w.watchPID(process.Ref{PID: pid, Name: name})
		if err != nil && !errors.Is(err, process.ErrNoProcess) {
			return err
		}
		found = found || err == nil
	}
	switch {
	case found:
	case w.options.Exited:
		w.tell(event.Exit{Command: name})
	default:
		return notThere(fmt.Errorf("command %s: %w", name, process.ErrNoProcess))
	}
	return nil
}

// notThere says what can be done about an ErrNoProcess.
func notThere(err error) error { return fmt.Errorf("%w: add --exited to count that as its end", err) }

// tell emits an event in this turn or the next one.
func (w *Watcher) tell(d event.Exit) {
	w.told = append(w.told, d)
	w.active.Feed()
}

func (w *Watcher) deliver() {
	told := w.told
	w.told = nil
	for _, d := range told {
		if !w.Active() {
			return
		}
		w.emit(d)
	}
	w.settle()
}

// ended emits the end of a target, which is waited for no more.
func (w *Watcher) ended(t target, d event.Exit) {
	t.stop()
	delete(w.targets, t)
	delete(w.watched, d.PID)
	w.emit(d)
	w.settle()
}

// settle makes the watcher inactive once nothing is left to wait for.
func (w *Watcher) settle() {
	if w.Active() && len(w.targets) == 0 && len(w.told) == 0 {
		w.Stop()
	}
}

// Stop waits no more. A child is told to end.
func (w *Watcher) Stop() {
	for t := range w.targets {
		t.stop()
	}
	w.targets, w.told, w.child = nil, nil, nil
	w.pidfds.close()
	w.active.Stop()
}

// Feed emits an event of the first process, which has not ended for that; of none, as long as a
// pidfile names none. Of watchers that are followed it names the first.
func (w *Watcher) Feed() {
	if w.Active() && len(w.options.Of) > 0 {
		w.tell(event.Exit{Command: w.options.Of[0], Running: true})
		return
	}
	if w.first == 0 {
		w.feeds = w.child != nil
		return
	}
	d := event.Exit{PID: w.first}
	found, _ := process.Find([]int{w.first})
	if p, ok := found[w.first]; ok {
		d = detail(p)
		d.Running = true
	}
	w.tell(d)
}

// followed stands among the targets for the watchers that are followed, which never come to an end.
type followed struct{}

func (followed) stop() {}

// Follows returns the names of the watchers that are followed.
func (w *Watcher) Follows() []string { return w.options.Of }

// Followed takes the end of what one of them ran.
func (w *Watcher) Followed(d event.Exit) {
	if w.Active() {
		w.tell(d)
	}
}

// Active reports whether a process is waited for.
func (w *Watcher) Active() bool { return w.active.Active() }

// Pending reports whether an event waits to be emitted.
func (w *Watcher) Pending() bool { return w.active.Pending() }

// SetPriority takes effect at the next Start.
func (w *Watcher) SetPriority(p loop.Priority) { w.active.SetPriority(p) }

// detail is what there is to say of a process that has ended.
func detail(p process.Info) event.Exit {
	d := event.Exit{PID: p.PID, Command: p.Name}
	if !p.Began.IsZero() {
		d.Elapsed = max(time.Since(p.Began), 1)
	}
	return d
}

// withStatus adds how it ended, as wait(2) has it.
func withStatus(d event.Exit, ws syscall.WaitStatus) event.Exit {
	d.Known = true
	if ws.Signaled() {
		d.Signal, d.Core = sig.Name(ws.Signal()), ws.CoreDump()
	} else {
		d.Status = ws.ExitStatus()
	}
	return d
}
