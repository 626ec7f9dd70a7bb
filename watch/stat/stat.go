// Package stat tells what changes of files and trees: ev stat. fsnotify tells where to look; what
// has changed is what lstat(2) says before and after, so no notification is believed, and none that
// is missed is fatal.
package stat

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/ignore"
	"github.com/evshell/ev/internal/limits"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A Watcher emits event.Stat when what stat(2) says of a path changes, and when the path appears or
// vanishes.
//
// Named paths are followed: if a symbolic link, they are what it leads to, and not there if it
// leads nowhere; a link on the way that is made to lead elsewhere is a change. In a directory that
// is watched recursively links are what they are, unless Follow is set, and of directories only
// their coming and going, their mode and their owner are told, as their entries tell of themselves.
//
// A change is told once nothing has happened for the time of Settle; for 50 ms where a path is
// gone; within MaxWait while somebody has a file open for writing or git is at work. What is told
// is the difference to what was told before, or would have been if the options had not left it out:
// what was undone in between is nothing, and a file that was deleted and made again has changed.
type Watcher struct {
	loop   *loop.Loop
	o      Options
	emit   watch.Emit
	settle *loop.Timer
	gather *loop.Timer
	polls  *loop.Timer

	tree          *tree     // while active
	memory        *memory   // nil without State
	since         time.Time // of the first change that waits to be told
	taken         time.Time // when the last notices were taken in
	pendingEvents []news    // to be told as they are
	metPaths      map[string]bool
	onHold        bool
	owesEvent     bool // it would have told something, but was held
	postponed     task // until an errand is back

	retries    *loop.Timer
	retryPause time.Duration
	unseen     int // places that can't be looked at

	interrupted atomic.Bool
}

var (
	_ watch.Watcher     = (*Watcher)(nil)
	_ watch.Describer   = (*Watcher)(nil)
	_ watch.Discarder   = (*Watcher)(nil)
	_ watch.Interrupter = (*Watcher)(nil)
	_ watch.Sighted     = (*Watcher)(nil)
)

// New makes a watcher. It looks at nothing yet, but for the files among Ignore.IgnoreFiles; an
// error is about the options.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	if len(o.Paths) == 0 {
		return nil, errors.New("no path to watch: name at least one")
	}
	paths := make([]string, 0, len(o.Paths))
	given := make(map[string]bool, len(o.Paths))
	for _, p := range o.Paths {
		if err := checkPath(p); err != nil {
			return nil, diag.Option("Paths", p, err)
		}
		if p = clean(p); !given[p] {
			given[p] = true
			paths = append(paths, p)
		}
	}
	o.Paths = paths
	if err := o.checkState(); err != nil {
		return nil, diag.Option("State", o.State, err)
	}
	if o.Changes&Atime != 0 {
		o.Atime = true
	}
	if o.Hub == nil {
		o.Hub = &Hub{}
	}
	if o.Ignore.Warn == nil {
		o.Ignore.Warn = func(err error) { o.Report.Noticef("%v", err) }
	}
	if o.Recursive {
		if _, err := ignore.New(paths[0], o.Ignore); err != nil {
			return nil, err
		}
	}
	s := &Watcher{loop: l, o: o, emit: emit}
	s.settle = loop.NewTimer(l, 0, 0, s.settled)
	s.gather = loop.NewTimer(l, 0, 0, s.noticed)
	s.polls = loop.NewTimer(l, 0, 0, s.poll)
	s.retries = loop.NewTimer(l, 0, 0, s.retry)
	return s, nil
}

// Start looks at everything, however much that is, and begins to watch it. An error says which
// limit of the system is in the way.
func (s *Watcher) Start() error {
	if s.tree != nil {
		return nil
	}
	t := newTree(&s.o, &s.interrupted)
	t.n = newNotifier(func() {
		s.loop.Post(func() {
			if s.tree == t {
				s.woken()
			}
		})
	})
	if err := s.begin(t); err != nil {
		if s.memory != nil {
			s.memory.close()
		}
		return err
	}
	if s.o.Atime && s.o.Poll == 0 {
		s.o.Report.Verbosef("the kernel does not report access times: polling every %s", s.o.interval())
	}
	t.doubts()
	s.tree = t
	s.loop.Ref()
	s.metPaths = map[string]bool{}
	switch {
	case s.o.Until != Forever:
		s.settle.Feed()
	case s.o.Initial:
		for together := range slices.Chunk(s.passing(t.all()), 1) {
			s.pendingEvents = append(s.pendingEvents, news{changes: together})
		}
		s.settle.Feed()
	}
	if len(t.marks) > 0 {
		s.loop.UpdateNow()
		s.since = s.loop.Now().Add(-absence) // what is gone was so before
		s.settle.Feed()
	}
	s.pollOn(s.o.interval())
	s.unseen = len(t.unseen) + len(t.unruled())
	s.retryLater()
	return nil
}

// begin looks at everything, with what is remembered of it.
func (s *Watcher) begin(t *tree) error {
	var m *image
	if s.o.State != "" {
		var err error
		if m, err = s.openMemory(); err != nil {
			return err
		}
	}
	if s.o.Poll == 0 {
		if err := s.listen(t.n); err != nil {
			return err
		}
	}
	err := t.arm()
	if err == nil && s.o.State != "" {
		err = s.recall(t, m)
	}
	if err != nil {
		t.disarm()
	}
	return err
}

// listen has a notifier told of changes, if there is anybody to tell.
func (s *Watcher) listen(n *notifier) error {
	err := s.o.Hub.join(n, &s.o)
	switch {
	case err == nil:
	case limits.Met(err) && s.o.PollFallback:
		s.o.Report.Noticef("%v; everything is polled every %s", limits.Reached(err, 0), s.o.interval())
	case limits.Met(err):
		return fmt.Errorf("%w; or add --poll-fallback to poll instead", limits.Reached(err, 0))
	default:
		return fmt.Errorf("the kernel can't report changes: %w: use --poll 1s", err)
	}
	return nil
}

// Stop ends the watching.
func (s *Watcher) Stop() {
	for _, timer := range []*loop.Timer{s.settle, s.gather, s.polls, s.retries} {
		timer.Stop()
		timer.ClearPending()
	}
	if s.tree == nil {
		return
	}
	s.stopMemory()
	if !s.tree.away { // otherwise when it is back
		s.tree.disarm()
	}
	s.postponed, s.retryPause, s.unseen = 0, 0, 0
	s.tree, s.since, s.pendingEvents, s.owesEvent = nil, time.Time{}, nil, false
	s.loop.Unref()
}

// Feed emits an event for the named paths as they are now.
func (s *Watcher) Feed() {
	if s.tree != nil && !s.postpone(feed) {
		if named := s.passing(s.tree.asNamed()); len(named) > 0 {
			s.pendingEvents = append(s.pendingEvents, news{changes: named})
			s.settle.Feed()
		}
	}
}

// Discard makes changes count only if they come after now: those of a command that has just ended,
// say.
func (s *Watcher) Discard() {
	if s.tree != nil {
		s.tree.discarded.Store(time.Now().UnixNano())
	}
}

// Hold has what changes wait: it is compared and told once nobody holds it any more, all in one,
// however much it was.
func (s *Watcher) Hold(held bool) {
	s.onHold = held
	if !held && s.owesEvent && s.tree != nil {
		s.settle.Feed()
	}
}

// Interrupt has Start fail soon, however many files there are still to look at.
func (s *Watcher) Interrupt() { s.interrupted.Store(true) }

// Looking reports whether what has happened is being looked at.
func (s *Watcher) Looking() bool { return s.tree != nil && s.tree.away }

// Active reports whether the paths are watched.
func (s *Watcher) Active() bool { return s.tree != nil }

// Pending reports whether an event is about to be emitted.
func (s *Watcher) Pending() bool { return s.settle.Pending() }

// SetPriority sets the priority of what is emitted.
func (s *Watcher) SetPriority(p loop.Priority) {
	s.settle.SetPriority(p)
	s.gather.SetPriority(p)
	s.polls.SetPriority(p)
	s.retries.SetPriority(p)
}

// news is what one event tells.
type news struct {
	changes []change // one at least
	debt    *debt    // with State: what is owed until it is dealt with
}

// newsOf makes events of changes: one of each, or one for all.
func (s *Watcher) newsOf(changes, found []change) (list []news) {
	size := max(len(changes), 1)
	if s.o.Each {
		size = 1
	}
	byPath := byPath(found)
	for together := range slices.Chunk(changes, size) {
		list = append(list, news{together, s.memory.owe(byPath, together)})
	}
	return list
}

// tell emits an event. It may end the watching.
func (s *Watcher) tell(n news) {
	d := n.detail()
	if n.debt == nil {
		s.emit(d)
		return
	}
	d.Parcel = s.parcel(n.debt)
	s.emit(d)
}

func (n news) detail() event.Stat {
	first := n.changes[0]
	d := event.Stat{
		Path: first.path, Now: first.now.event(), Prev: first.before.event(), From: first.from, Count: int64(len(n.changes)),
	}
	var what Changes
	for _, c := range n.changes {
		what |= c.what
		d.Paths = append(d.Paths, c.path)
	}
	d.Change = what.Names()
	return d
}
