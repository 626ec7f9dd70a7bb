package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/sig"
)

// Faulty is an error of Config.Reload that knows what is wrong with which line.
type Faulty interface {
	error
	Faults() []control.Fault
}

// Serve does what a client of the control socket asks for.
func (s *Session) Serve(q control.Request) control.Reply {
	if err := s.obey(q); err != nil {
		reply := control.Reply{Error: err.Error()}
		if f, ok := errors.AsType[Faulty](err); ok {
			reply.Faults = f.Faults()
		}
		return reply
	}
	reply := control.Reply{OK: true}
	if q.Command == control.List || q.Command == control.Log {
		picked, err := s.pick(q.Names)
		if err != nil {
			return control.Reply{Error: err.Error()}
		}
		for _, w := range picked {
			switch {
			case q.Command == control.List:
				reply.Watchers = append(reply.Watchers, w.State())
			case w.work != nil:
				reply.Runs = append(reply.Runs, w.runsLog...)
			}
		}
	}
	return reply
}

func (s *Session) obey(q control.Request) error {
	switch q.Command {
	case control.Start:
		return s.each(q.Names, (*Watcher).Start)
	case control.Stop:
		return s.each(q.Names, func(w *Watcher) error { w.Stop(); return nil })
	case control.Fire:
		return s.each(q.Names, (*Watcher).Fire)
	case control.Restart:
		return s.each(q.Names, (*Watcher).Restart)
	case control.Signal:
		by, err := sig.Parse(q.Signal)
		if err != nil {
			return err
		}
		return s.each(q.Names, func(w *Watcher) error { return w.Signal(by) })
	case control.List, control.Log:
		return nil
	}
	if len(q.Names) > 0 {
		return fmt.Errorf("%s applies to the whole loop: leave out the name", q.Command)
	}
	switch q.Command {
	case control.Suspend:
		if s.ending {
			return errEnding
		}
		s.Pause(true)
	case control.Resume:
		s.Pause(false)
	case control.Break:
		s.End()
	case control.Reload:
		return s.Reload()
	default:
		return fmt.Errorf("there is no command %q: there are %s", q.Command, strings.Join(control.Commands(), ", "))
	}
	return nil
}

// each does something to the watchers that are named, and goes on after an error.
func (s *Session) each(names []string, do func(*Watcher) error) error {
	if len(names) == 0 {
		return fmt.Errorf("name a watcher: %s", strings.Join(s.names(), ", "))
	}
	picked, err := s.pick(names)
	if err != nil {
		return err
	}
	for _, w := range picked {
		if e := do(w); e != nil && err == nil {
			err = fmt.Errorf("%s: %w", w.Name, e)
		}
	}
	return err
}

// pick returns the watchers of given names, several if they have the same; without names, all.
func (s *Session) pick(names []string) ([]*Watcher, error) {
	if len(names) == 0 {
		return s.watchers, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(s.watchers, func(w *Watcher) bool { return w.Name == name }) {
			if meant, ok := nearest.Of(name, slices.Values(s.names())); ok {
				return nil, fmt.Errorf("there is no watcher %s: did you mean %s?", name, meant)
			}
			return nil, fmt.Errorf("there is no watcher %s: ev ctl list tells which there are", name)
		}
	}
	var picked []*Watcher
	for _, w := range s.watchers {
		if slices.Contains(names, w.Name) {
			picked = append(picked, w)
		}
	}
	return picked, nil
}

func (s *Session) names() []string {
	var names []string
	for _, w := range s.watchers {
		if !slices.Contains(names, w.Name) {
			names = append(names, w.Name)
		}
	}
	return names
}
