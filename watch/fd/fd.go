// Package fd tells that descriptors are ready, and reads lines from them: ev watch-fd.
package fd

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A Reading says what is read from a descriptor once it is ready.
type Reading uint8

// The ways of reading.
const (
	ReadNothing Reading = iota // the descriptor itself is left to whoever is told
	ReadRecords                // one event a record
	ReadData                   // one event a chunk, of at most 64 KiB
)

// Options says which descriptors are watched, and for what.
type Options struct {
	// FDs are numbers, -, fd:NAME, paths of FIFOs or devices, tcp-listen:HOST:PORT,
	// unix-listen:PATH and tail:PATH.
	FDs []string
	// Want is out of Read, Write and Hangup, or Urgent alone. A Reading needs Read alone.
	Want    loop.Ops
	Say     string // with Urgent, what is written to a file first; or empty
	Reading Reading
	// Accept: numbers, - and fd:NAME are sockets that connections are accepted from, as from
	// tcp-listen: and unix-listen:. Nothing but the connections is taken from them: they stay open,
	// and their files where they are.
	Accept bool

	Separator byte           // ends a record
	Limit     int            // bytes of a record or piece of one
	Match     *regexp.Regexp // lets only such records through; nil: all
	EOF       bool           // the end of file is an event as well

	// Handed: each event brings the descriptor, for a command to use. Without it, and without a
	// Reading, a descriptor is watched for one event only, and a connection is closed once it has
	// been told.
	Handed bool
	// Access is to the files of unix-listen:.
	Access socket.Access
	// MaxConnections that are read from at once: more wait in the backlog.
	MaxConnections int

	// Notices makes what calls changed whenever something has happened to a path, which need not
	// exist. tail: needs it.
	Notices   func(l *loop.Loop, path string, changed watch.Emit) (Notices, error)
	FromStart bool   // a file that is there at the start is read from its beginning
	State     string // where to remember how far a file was read; "": nowhere

	Inherited map[int]bool   // what ev was started with, of [Inherited]
	Named     map[string]int // which of those fd:NAME is
	Report    *report.Reporter
}

// Notices are of one path. Any [watch.Watcher] of it will do.
type Notices interface {
	Start() error
	Stop()
}

// A Watcher watches descriptors. It is active until all of them have come to their end.
//
// O_NONBLOCK is never set on a descriptor that was inherited, since it belongs to the open file,
// which others use too.
type Watcher struct {
	loop   *loop.Loop
	opts   Options
	emit   watch.Emit
	forms  []form
	groups []matchGroup
	fed    *watch.Feed

	priority    loop.Priority
	active      bool
	held        bool
	spare       int             // so many more records will be taken; 0: all
	failed      bool            // an error has ended a descriptor
	opened      []source        // by Start
	sources     map[source]bool // of those, and of connections, what has not ended
	waiting     []source        // stopped until it is not held any more
	full        []source        // stopped until a connection goes
	connections int             // among the sources
	chunk       []byte          // what is read goes in here first
	read        []string        // what a descriptor that was read from is ready for
	unread      bool            // what was told of last was told of before
}

var (
	_ watch.Watcher  = (*Watcher)(nil)
	_ watch.Holder   = (*Watcher)(nil)
	_ watch.Failer   = (*Watcher)(nil)
	_ watch.Unreader = (*Watcher)(nil)
	_ watch.Sparing  = (*Watcher)(nil)
)

// A source is one open descriptor, or socket that listens.
type source interface {
	resume() // watch it, again
	feed()   // emit what there is to say of now
	pending() bool
	close()
}

// matchGroup is a capture of the match, under one of its names.
type matchGroup struct {
	index int
	name  string
}

const chunkSize = 64 << 10

// New makes a watcher of descriptors. They are opened at Start and closed at Stop; those inherited
// stay open.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	w := &Watcher{loop: l, opts: o, emit: emit, sources: map[source]bool{}, read: []string{"read"}}
	w.fed = watch.NewFeed(l, w.offerFirst)
	if len(o.FDs) == 0 {
		return nil, errors.New("no descriptor given: 0 is standard input")
	}
	for _, s := range o.FDs {
		form, err := parseFD(s)
		if err == nil && w.listens(form) && o.Want != loop.Read {
			err = fmt.Errorf("%s waits for connections: it is not watched for write, hup or urgent", s)
		}
		if err == nil && form.kind == fdTail && o.Reading == ReadNothing {
			err = fmt.Errorf("%s is read by records, or by chunks", s)
		}
		if err != nil {
			return nil, diag.Option("FDs", s, err)
		}
		w.forms = append(w.forms, form)
	}
	if o.Match != nil {
		var err error
		if w.groups, err = groupsOf(o.Match); err != nil {
			return nil, diag.Option("Match", o.Match.String(), err)
		}
	}
	if o.Reading != ReadNothing {
		w.chunk = make([]byte, chunkSize)
	}
	return w, nil
}

// GroupNames returns the names of the fields that a match adds to an event.
func GroupNames(match *regexp.Regexp) ([]string, error) {
	groups, err := groupsOf(match)
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return names, err
}

// groupsOf returns the captures by number and, where they have one, by name. A name must not be a
// field's, nor differ from another in case alone, since the environment knows one case.
func groupsOf(match *regexp.Regexp) ([]matchGroup, error) {
	taken := map[string]string{}
	for name := range (event.Event{Detail: event.FD{}}).Fields() {
		taken[strings.ToUpper(name)] = "a field of every event of watch-fd"
		taken[strings.ToUpper(name)+"_FILE"] = "in a command's environment the file that " + name + " is in"
	}
	for _, name := range []string{"server", "creds", "control", "backend", "after", "after_epoch"} {
		taken[strings.ToUpper(name)] = "a variable of ev's own, EV_" + strings.ToUpper(name)
	}
	var groups []matchGroup
	for i, name := range match.SubexpNames() {
		if i == 0 {
			continue
		}
		groups = append(groups, matchGroup{i, strconv.Itoa(i)})
		if name == "" {
			continue
		}
		if strings.Trim(name, "0123456789") == "" {
			return nil, badGroup(match, name, "numbers count the groups")
		}
		if what, ok := taken[strings.ToUpper(name)]; ok {
			return nil, badGroup(match, name, name+" is "+what)
		}
		taken[strings.ToUpper(name)] = "another group"
		groups = append(groups, matchGroup{i, name})
	}
	return groups, nil
}

// badGroup is the error for the name of a group. No two groups have one name.
func badGroup(match *regexp.Regexp, name, why string) error {
	at := strings.Index(match.String(), "<"+name+">") + len("<")
	return diag.At(at, fmt.Errorf("the group (?P<%s>…) needs another name: %s", name, why))
}

// Start opens the descriptors and watches them.
func (w *Watcher) Start() error {
	if w.active {
		return nil
	}
	for _, form := range w.forms {
		s, err := w.open(form)
		if err != nil {
			w.closeAll()
			return diag.OrOption("FDs", form.text, err)
		}
		w.sources[s] = true
		w.opened = append(w.opened, s)
	}
	w.active, w.failed = true, false
	w.loop.Ref()
	w.resume(slices.Clone(w.opened))
	return nil
}

// Stop closes what Start opened.
func (w *Watcher) Stop() {
	w.fed.Forget()
	w.closeAll()
	w.finish()
}

func (w *Watcher) closeAll() {
	for s := range w.sources {
		s.close()
	}
	clear(w.sources)
	w.opened, w.waiting, w.full, w.connections = nil, nil, nil, 0
}

// finish makes the watcher inactive, but leaves alone what is held of it.
func (w *Watcher) finish() {
	if w.active {
		w.active = false
		w.loop.Unref()
	}
}

// lose ends the watching of one source because of an error.
func (w *Watcher) lose(s source, form form, err error) {
	w.opts.Report.Errorf("%s: %v", form.text, err)
	w.failed = true
	w.drop(s)
}

// drop ends the watching of one source.
func (w *Watcher) drop(s source) {
	s.close()
	delete(w.sources, s)
	if len(w.sources) == 0 {
		w.finish()
	}
}

// Feed emits an event of the first descriptor that has not come to its end.
func (w *Watcher) Feed() { w.fed.Add() }

func (w *Watcher) offerFirst() {
	for _, s := range w.opened {
		if w.sources[s] {
			s.feed()
			return
		}
	}
}

// Active reports whether a descriptor is watched.
func (w *Watcher) Active() bool { return w.active }

// Pending reports whether a descriptor is ready that nobody was told of.
func (w *Watcher) Pending() bool {
	if w.fed.Pending() {
		return true
	}
	for s := range w.sources {
		if s.pending() {
			return true
		}
	}
	return false
}

// Failed reports whether an error has ended the watching of a descriptor. One on a connection is
// the peer's.
func (w *Watcher) Failed() bool { return w.failed }

// SetPriority takes effect at the next Start.
func (w *Watcher) SetPriority(p loop.Priority) { w.priority = p }

// Unread reports whether a descriptor was told of again from which nothing was read. Of one that is
// written to, and of devices and sockets of datagrams, that can't be known.
func (w *Watcher) Unread() bool { return w.unread }

// Hold keeps the watcher from reading, accepting and telling. Sources notice it when they are next
// ready, so that holding many costs nothing.
func (w *Watcher) Hold(held bool) {
	if w.held == held {
		return
	}
	w.held = held
	if !held {
		waiting := w.waiting
		w.waiting = nil
		w.resume(waiting)
	}
}

// Spare has no more records read than so many: what follows is the next reader's, as after read in
// a shell.
func (w *Watcher) Spare(events int) { w.spare = events }

// resume goes on with those that are still sources.
func (w *Watcher) resume(stopped []source) {
	for _, s := range stopped {
		if w.sources[s] {
			s.resume()
		}
	}
}

// listens reports whether connections are accepted from what form means.
func (w *Watcher) listens(form form) bool {
	return form.listens() || w.opts.Accept && form.passed()
}

func (w *Watcher) open(form form) (source, error) {
	switch {
	case w.opts.Want == loop.Urgent && form.kind == fdPath && isRegular(form.name):
		return w.openUrgent(form)
	case w.listens(form):
		return w.listen(form)
	case form.kind == fdTail:
		return w.openTail(form)
	}
	return w.openStream(form)
}

// matching makes the event of a record, if it is to be let through.
func (w *Watcher) matching(b []byte, partial bool) (event.FD, bool) {
	var at []int
	if match := w.opts.Match; match != nil {
		if at = match.FindSubmatchIndex(b); at == nil {
			return event.FD{}, false
		}
	}
	line := string(b)
	return event.FD{Ready: w.read, Line: &line, Partial: partial, Groups: w.captured(line, at)}, true
}

// captured cuts the groups out of a record by the indices of a match; without one they are unknown.
func (w *Watcher) captured(record string, at []int) []event.Group {
	if len(w.groups) == 0 {
		return nil
	}
	groups := make([]event.Group, len(w.groups))
	for i, g := range w.groups {
		groups[i].Name = g.name
		if at != nil && at[2*g.index] >= 0 {
			text := record[at[2*g.index]:at[2*g.index+1]]
			groups[i].Text = &text
		}
	}
	return groups
}
