package session

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/internal/durable"
)

// A Line is a line of what describes the watchers of a session.
type Line struct {
	// Key is the same for lines that say the same, and for no others.
	Key string
	// Place is the same for lines of which one takes the other's place, and never empty; "" is that
	// of the Key.
	Place string
	// Describe returns what the line asks for. It is not called for a line that is at work already.
	Describe func() (*Binding, error)
	// Where returns an error of the line with the place of it; nil: it stands for itself.
	Where func(error) error
}

// Faults is all that is wrong with lines, each with its place.
type Faults []error //nolint:errname // the word of the house for what is wrong with lines

// Error returns each fault on a line of its own.
func (fs Faults) Error() string {
	texts := make([]string, len(fs))
	for i, err := range fs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap returns the faults.
func (fs Faults) Unwrap() []error { return fs }

// Watchers are those of now, in the order of their lines. The list is not to be changed.
func (s *Session) Watchers() []*Watcher { return s.watchers }

// Bind makes a watcher for each line, and starts none. A line that says what one at work says, with
// the same Key, has that one's. The watchers are in the order of the lines, with nil for one that
// has a fault.
func (s *Session) Bind(lines []Line) ([]*Watcher, Faults) {
	before := map[string][]*Watcher{}
	for _, w := range s.watchers {
		if w.started { // what could not be is tried again
			before[w.key] = append(before[w.key], w)
		}
	}
	watchers := make([]*Watcher, len(lines))
	var faults Faults
	for i, l := range lines {
		if same := before[l.Key]; len(same) > 0 {
			watchers[i], before[l.Key] = same[0], same[1:]
			continue
		}
		w, err := s.bindLine(l)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		watchers[i] = w
	}
	return watchers, faults
}

func (s *Session) bindLine(l Line) (*Watcher, error) {
	where := l.Where
	if where == nil {
		where = func(err error) error { return err }
	}
	b, err := l.Describe()
	if err != nil {
		return nil, where(err)
	}
	w, err := s.bind(b)
	if err != nil {
		return nil, where(err)
	}
	w.key, w.place, w.where = l.Key, cmp.Or(l.Place, l.Key), where
	return w, nil
}

// Replace has watchers that Bind has made take the place of those of before. What is in both lists
// goes on undisturbed, with its counts, its phase and what it runs; of the others those of before
// are stopped, and what they run is, too, and the new ones are started; but one that takes
// another's place runs nothing before that has ended, and one that has its state is not even started
// before. What can't be started is returned. Before Run nothing starts.
func (s *Session) Replace(watchers []*Watcher) Faults {
	before := s.watchers
	s.watchers = watchers
	s.keep()
	if !s.running {
		s.changed()
		return nil
	}
	stays := make(map[*Watcher]bool, len(watchers))
	for _, w := range watchers {
		stays[w] = w.started
	}
	stopped := 0
	for _, w := range before {
		if _, ok := stays[w]; ok {
			continue
		}
		if w.started {
			stopped++
		}
		s.leave(w)
	}
	var faults Faults
	fresh := 0
	for _, w := range watchers {
		if stays[w] {
			continue
		}
		fresh++
		s.bar(w)
		if w.awaits = s.stateTaken(w); w.awaits {
			continue
		}
		if err := w.begin(); err != nil {
			faults = append(faults, w.where(err))
		}
	}
	s.config.Report.Noticef("reloaded: %d started, %d stopped, %d as before", fresh-len(faults), stopped, len(watchers)-fresh)
	s.changed()
	return faults
}

// bar has a watcher run nothing as long as what has left its place does, unless it may run several
// commands at once anyway.
func (s *Session) bar(w *Watcher) {
	barred := slices.ContainsFunc(s.leaving, func(other *Watcher) bool { return other.place == w.place })
	if w.Exec != nil && w.Exec.Busy.Policy == action.Parallel || barred == w.barred {
		return
	}
	w.barred = barred
	for c := range w.commands() {
		c.Bar(barred)
	}
}

// stateTaken reports whether the state of a watcher is still that of one that is leaving.
func (s *Session) stateTaken(w *Watcher) bool {
	return w.Claims().State != "" && slices.ContainsFunc(s.leaving, func(other *Watcher) bool {
		return other.Claims().State != "" && durable.Names(other.Claims().State)[0] == durable.Names(w.Claims().State)[0]
	})
}

// beginAwaiting starts a watcher whose state has become free.
func (s *Session) beginAwaiting(w *Watcher) {
	if !w.awaits || w.started || s.ending || s.stateTaken(w) {
		return
	}
	w.awaits = false
	if err := w.begin(); err != nil {
		w.Report.Errorf("%v", w.where(err))
	}
	s.changed()
}

func (s *Session) changed() {
	for _, o := range s.observers {
		o.Changed()
	}
}

// Reload has the lines read again. What is wrong is returned, and has been reported.
func (s *Session) Reload() error {
	switch {
	case s.ending:
		return errEnding
	case s.config.Reload == nil:
		return errors.New("the lines are ev run's own arguments: there is no Evfile to read again")
	}
	_ = s.notify.Reloading()
	defer s.tellReady()
	return s.config.Reload(s)
}
