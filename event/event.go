// Package event is the value that travels from a watcher to whatever is done about it, and the one
// list of its fields.
//
// A watcher describes what it saw as a [Detail]; the binding that owns the watcher stamps it with a
// name, a number and a time, which makes an [Event]. Text, JSON, a format, a command's placeholders
// and its environment are all written over [Event.Fields], so that a field's name stands in one
// place.
package event

import (
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Kind is the watcher's type, named as its command is.
type Kind string

// The kinds of watchers.
const (
	KindFD      Kind = "watch-fd"
	KindTimer   Kind = "timer"
	KindEvery   Kind = "every"
	KindSignal  Kind = "on-signal"
	KindExit    Kind = "on-exit"
	KindStat    Kind = "stat"
	KindHTTP    Kind = "on-http"
	KindMessage Kind = "on-message"
	KindProbe   Kind = "probe"
)

// A Detail is what one watcher has to say about one event. It is a value: nobody changes it once it
// has been emitted.
type Detail interface {
	Kind() Kind
	// Subject names what was watched, as the user gave it.
	Subject() string
	// What says in a word or two what happened to the subject.
	What() string
	// Fields yields the detail's own fields. Names and order depend on the kind alone, but for
	// those that the user named (groups of a match).
	Fields() iter.Seq2[string, Value]
	// Merge returns the detail that stands for both, this one and a newer one of the same watcher.
	// Nothing that can be counted is lost by it.
	Merge(newer Detail) Detail
}

// An Event is a Detail with its place in the run.
type Event struct {
	Seq    uint64 // 1 for the watcher's first event
	Name   string // the watcher's label
	Time   time.Time
	Detail Detail
	Lock   *Lock // that it has; nil: it needs none
}

// A Lock is what an event has that happens on one of several machines.
type Lock struct {
	Fence  uint64 // grows with each claim
	Holder string
	File   *os.File // that its command inherits, and has the lock with; may be nil
}

// A Finder is a Detail that finds fields by their names itself: such as it does not yield, since
// there is no end to what they could be called (a header that did not come), or without a look at
// all the others. What it does not find may be one that it yields.
type Finder interface {
	Lookup(name string) (Value, bool)
}

// A Quoter is a Detail that may have a text from elsewhere (a line that was read, a reason), which
// stands last in what people read of the event. A text that is there may be empty.
type Quoter interface {
	Content() (text string, ok bool)
}

var (
	_ Finder = FD{}
	_ Finder = HTTP{}
	_ Quoter = FD{}
	_ Quoter = Probe{}
)

// Fields yields every field of the event: the four that all kinds have, then the detail's own.
func (e Event) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if !yield("watcher", Text(string(e.Detail.Kind()))) ||
			!yield("name", Text(e.Name)) ||
			!yield("seq", Int(int64(e.Seq))) ||
			!yield("time", Time(e.Time)) {
			return
		}
		if e.Lock != nil && (!yield("fence", Int(int64(e.Lock.Fence))) || !yield("holder", Text(e.Lock.Holder))) {
			return
		}
		e.Detail.Fields()(yield)
	}
}

// Lookup returns the named field, and whether there is one.
func (e Event) Lookup(name string) (Value, bool) {
	if f, ok := e.Detail.(Finder); ok {
		if v, ok := f.Lookup(name); ok {
			return v, true
		}
	}
	if v, ok := e.field(name); ok {
		return v, true
	}
	if name == "hostname" { // the same for all events of a machine
		host, _ := os.Hostname()
		return Text(host), true
	}
	return Value{}, false
}

// field looks at all fields. It is apart from Lookup, since what a function returns from within a range
// over another one is on the heap, also where it does not come that far.
func (e Event) field(name string) (Value, bool) {
	for n, v := range e.Fields() {
		if n == name {
			return v, true
		}
	}
	return Value{}, false
}

// Names yields the names of the fields.
func (e Event) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range e.Fields() {
			if !yield(name) {
				return
			}
		}
	}
}

// List returns what is in the field of this name, and whether there is one that is a list.
func (e Event) List(name string) ([]string, bool) {
	v, ok := e.Lookup(name)
	return v.list, ok && v.isList()
}

// A Divider is a Detail that can be parted where it has more in its list than one command takes.
type Divider interface {
	// Divide returns the two halves of it. Of one that has a single element ok is false.
	Divide() (first, second Detail, ok bool)
}

// A Tally is what an event stands for besides itself.
type Tally struct {
	Missed int64         // ticks or instants that got no event
	Merged int64         // changes or signals that became part of this event
	Dated  bool          // the event was due at a certain time
	Late   time.Duration // since then, if Dated
}

// A Tallied is a Detail that may stand for more than one thing that has happened, or come late. Its
// Tally says the same as its fields missed, count and late.
type Tallied interface {
	Tally() Tally
}

// Merge returns the event that stands for both: the newer one, with what the older one's detail
// adds to it.
func Merge(older, newer Event) Event {
	newer.Detail = older.Detail.Merge(newer.Detail)
	return newer
}

// A Payload is what a command that is started for an event reads on its standard input, and where
// it writes. The zero Payload is nothing: /dev/null, and ev's own output.
type Payload struct {
	File *os.File // the descriptor itself, if not nil
	Path string   // otherwise the file of this name, if not empty
	Data []byte   // otherwise these bytes
	Out  *os.File // its standard output, if not nil; the same as File of a connection
}

// A Carrier is a Detail that brings a Payload. Records in it end with sep.
type Carrier interface {
	Payload(sep byte) Payload
}

// A Setter is a Detail that has more to say in a command's environment than its fields.
type Setter interface {
	// Variables yields it as NAME=value.
	Variables() iter.Seq[string]
	// Owns reports whether a variable of this name is the event's to set, or to leave out: one that
	// ev has inherited would pass for the event's.
	Owns(name string) bool
}

// Environ returns the event's fields as NAME=value, each named as [Variable] has it. A field with
// several values has the first of them there, and all as NAME_1, NAME_2 and so on.
func (e Event) Environ() (env []string) {
	var b []byte // one for all
	for name, v := range e.Fields() {
		b = appendVariable(b[:0], name)
		if len(b) == 0 {
			continue
		}
		end := len(b)
		b = v.AppendText(append(b, '='))
		env = append(env, string(b))
		for i, s := range v.several() {
			b = strconv.AppendInt(append(b[:end], '_'), int64(i+1), 10)
			env = append(env, string(append(append(b, '='), s...)))
		}
	}
	if d, ok := e.Detail.(Setter); ok {
		env = slices.AppendSeq(env, d.Variables())
	}
	return env
}

// Variable names the environment variable that a field is in: EV_ and the field's name in upper
// case, with '_' for what no variable may hold. It is empty for a header that would be taken for
// another one: X_User for X-User, which a proxy that passes both may have vouched for.
func Variable(field string) string { return string(appendVariable(nil, field)) }

func appendVariable(b []byte, field string) []byte {
	if header, ok := strings.CutPrefix(field, headerPrefix); ok && strings.Trim(header, headerBytes) != "" {
		return b
	}
	b = append(b, "EV_"...)
	for _, r := range field {
		switch {
		case 'a' <= r && r <= 'z':
			b = append(b, byte(r)-'a'+'A')
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			b = append(b, byte(r))
		default:
			b = append(b, '_')
		}
	}
	return b
}
