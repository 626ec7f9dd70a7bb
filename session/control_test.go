package session

import (
	"errors"
	"testing"
	"time"

	"github.com/evshell/ev/control"
)

// faulty is an error of a reload that knows the lines.
type faulty struct{}

func (faulty) Error() string           { return "faulty" }
func (faulty) Faults() []control.Fault { return []control.Fault{{File: "Evfile", Line: 3}} }

func TestServe(t *testing.T) {
	type names = []string
	tests := []struct {
		command string
		names   names
		err     string // "" is OK
		saw     string
	}{
		{control.Fire, names{"a"}, "", "event a 1"},
		{control.Fire, names{"b", "a"}, "", "event a 1, event b 1, event b 1"}, // two are called b
		{control.Fire, nil, "name a watcher: a, b", ""},
		{control.Fire, names{"c"}, "there is no watcher c: ev ctl list tells which there are", ""},
		{control.Fire, names{"a", "bb"}, "there is no watcher bb: did you mean b?", ""},
		{control.Stop, names{"a"}, "", "stop a"},
		{control.Start, names{"a"}, "", ""},
		{control.Suspend, nil, "", "paused"},
		{control.Suspend, names{"a"}, "suspend applies to the whole loop: leave out the name", ""},
		{control.Resume, nil, "", ""},
		{control.Break, nil, "", "stop b, stop b, stop a"},
		{control.Reload, nil, "the lines are ev run's own arguments: there is no Evfile to read again", ""},
		{control.List, nil, "", ""},
		{control.List, names{"c"}, "there is no watcher c: ev ctl list tells which there are", ""},
		{"sotp", nil, `there is no command "sotp": there are list, start, stop, restart, fire, signal, log, suspend, resume, break, reload, events`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			perform(t, Config{}, func(s *stage) {
				other := s.line("b")
				other.Key = "other"
				s.run(s.line("a"), s.line("b"), other)
				s.log = nil
				s.on(func() {
					r := s.Serve(control.Request{Command: tt.command, Names: tt.names})
					if r.OK != (tt.err == "") || r.Error != tt.err {
						t.Errorf("%+v", r)
					}
					if s.Paused() {
						s.logf("paused")
					}
				})
				s.saw(tt.saw)
			})
		})
	}
}

func TestServe_goesOnAfterAnError(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b"), s.line("c"))
		s.on(s.Watchers()[0].Stop)
		s.on(s.Watchers()[1].Stop)
		s.log = nil
		s.on(func() {
			if r := s.Serve(control.Request{Command: control.Fire, Names: []string{"a", "b", "c"}}); r.Error != "a: it is not active: start it first" {
				t.Errorf("%+v", r)
			}
		})
		s.saw("event c 1")
	})
}

func TestServe_lists(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b"))
		for _, tt := range []struct{ names, want []string }{
			{nil, []string{"a", "b"}},
			{[]string{"b"}, []string{"b"}},
		} {
			r := s.Serve(control.Request{Command: control.List, Names: tt.names})
			if len(r.Watchers) != len(tt.want) || r.Watchers[0].Name != tt.want[0] || r.Watchers[0].State != "active" {
				t.Errorf("%v: %+v", tt.names, r)
			}
		}
	})
}

// Time that stands still goes on where it was.
func TestServe_suspendAndResume(t *testing.T) {
	perform(t, Config{For: time.Minute}, func(s *stage) {
		s.run(s.line("a"))
		serve := func(command string) { s.on(func() { s.Serve(control.Request{Command: command}) }) }
		serve(control.Suspend)
		s.pass(time.Hour)
		s.lives()
		serve(control.Resume)
		s.pass(time.Minute)
		s.ended(End{})
	})
}

// The end is not put off by time that stands still.
func TestServe_suspendedEnds(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"))
		s.on(func() {
			s.Serve(control.Request{Command: control.Suspend})
			s.Serve(control.Request{Command: control.Break})
			if s.Paused() {
				t.Error("time stands still while ev ends")
			}
			if r := s.Serve(control.Request{Command: control.Suspend}); r.Error != "ev is ending" || s.Paused() {
				t.Errorf("it is suspended: %+v", r)
			}
		})
		s.ended(End{})
	})
}

func TestServe_reload(t *testing.T) {
	var err error
	perform(t, Config{Reload: func(*Session) error { return err }}, func(s *stage) {
		s.run(s.line("a"))
		reload := control.Request{Command: control.Reload}
		if r := s.Serve(reload); !r.OK {
			t.Errorf("%+v", r)
		}
		err = errors.New("unreadable")
		if r := s.Serve(reload); r.Error != "unreadable" || r.Faults != nil {
			t.Errorf("%+v", r)
		}
		err = faulty{}
		if r := s.Serve(reload); r.Error != "faulty" || len(r.Faults) != 1 || r.Faults[0].Line != 3 {
			t.Errorf("%+v", r)
		}
	})
}
