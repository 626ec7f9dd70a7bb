package cmd

import (
	"errors"
	"slices"
	"strconv"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch/onhttp"
	"github.com/evshell/ev/watch/stat"
)

// follow has the Evfile read again whenever it changes. That does not keep the loop alive.
func (r *reader) follow(l *loop.Loop, s *session.Session) error {
	named := r.watched()
	w, err := stat.New(l, stat.Options{
		Paths:     named,
		Recursive: true, // a directory of crontabs
		Depth:     1,
		Settle:    stat.DefaultSettle, // an editor saves in several steps
		MaxWait:   stat.DefaultMaxWait,
		Changes:   stat.Created | stat.Replaced | stat.Content | stat.Removed,
		Pass: func(d event.Stat) bool { // without a named one nothing can be read
			return !slices.Contains(named, d.Path) || d.Now.Exists
		},
		Hub:    r.program.Hub,
		Report: r.program.Report,
	}, func(event.Detail) { _ = s.Reload() })
	if err != nil {
		return usage.Of(usage.Flag("watch"), "--watch: ", err)
	}
	if err := w.Start(); err != nil {
		return err
	}
	l.Unref()
	return nil
}

// reload reads the Evfile again. Lines that say what they said before go on undisturbed; others
// stop or start. If anything is wrong with the file nothing changes. What is wrong is reported and
// returned.
func (r *reader) reload(s *session.Session) error {
	watchers, lines, err := r.bindAgain(s)
	if err != nil {
		r.program.explain(err)
		r.program.Report.Noticef("nothing has changed: all watchers continue as before")
		if faults, ok := errors.AsType[evfile.Errors](err); ok {
			return &reloadError{"the Evfile is faulty: nothing has changed", faults}
		}
		return err
	}
	if faults := lineFaults(r.replace(s, watchers, lines)); faults != nil {
		r.program.explain(faults)
		return &reloadError{"reloaded, but not all could be started", faults}
	}
	return nil
}

// bindAgain returns what the Evfile says now, and the watchers of that, those at work among them.
// Nothing is started or stopped.
func (r *reader) bindAgain(s *session.Session) ([]*session.Watcher, []*line, error) {
	if !r.hasFile() {
		return nil, nil, usage.Errorf("%s is not a regular file any more: it can't be read again", r.path)
	}
	lines, errs, err := r.read()
	if err != nil {
		return nil, nil, err
	}
	watchers, faults := s.Bind(r.describe(lines))
	var right []*line
	for i, w := range watchers {
		if w == nil {
			continue
		}
		if listens := r.listens[w]; listens != nil {
			lines[i].listens = listens
		}
		lines[i].binding = w.Binding
		right = append(right, lines[i])
	}
	return watchers, lines, slices.Concat(errs, lineFaults(faults), checkTogether(right)).Err()
}

// replace has the watchers of lines be those of a session. Of the lines nothing is kept: many take
// more memory than what they ask for.
func (r *reader) replace(s *session.Session, watchers []*session.Watcher, lines []*line) session.Faults {
	r.watchers, r.listens = watchers, map[*session.Watcher]*onhttp.Options{}
	r.commands, r.common = nil, nil
	for i, w := range watchers {
		if listens := lines[i].listens; listens != nil {
			r.listens[w] = listens
		}
		w.SetPlace(lines[i].Words[0].Line)
	}
	return s.Replace(watchers)
}

// describe has a session know of lines.
func (r *reader) describe(lines []*line) []session.Line {
	described := make([]session.Line, len(lines))
	for i, l := range lines {
		described[i] = session.Line{
			Key:   l.key,
			Place: l.place(),
			Describe: func() (*session.Binding, error) {
				if l.binding == nil {
					if err := r.bind(l); err != nil {
						return nil, err
					}
				}
				return l.binding, nil
			},
			Where: func(err error) error { return l.fault(err) },
		}
	}
	return described
}

// place is the same for lines of which one takes the other's place: those with one label, or,
// without one, with one number.
func (l *line) place() string {
	if l.Label != "" {
		return l.Label
	}
	return l.file.Name + ":" + strconv.Itoa(l.Words[0].Line)
}

// A reloadError tells who has asked for the Evfile to be read again what came of it.
type reloadError struct {
	msg    string
	faults evfile.Errors
}

func (e *reloadError) Error() string { return e.msg }

// Faults implements Faulty.
func (e *reloadError) Faults() []control.Fault {
	var faults []control.Fault
	for _, f := range e.faults {
		faults = append(faults, control.Fault{File: f.File, Line: f.Line, Column: f.Col, Message: f.Msg, Source: f.Source})
	}
	return faults
}
