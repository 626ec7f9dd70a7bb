package event

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/internal/sig"
)

// FD is the detail of watch-fd.
type FD struct {
	Source  string   // the descriptor as given
	Num     int      // its number in ev
	Ready   []string // out of read, write, hup, urgent, eof, connect
	Line    *string  // a record without its end, if read by records
	Data    *string  // a chunk, if read by chunks; all that is in a file that told by POLLPRI
	Partial bool     // Line is a piece of a record over the limit
	Groups  []Group  // what the match captured
	Peer    string   // the other end's address, of a connection
	File    *os.File // what the command gets as its input, if nothing was read
	Merged  []FD     // what was read before, and is part of this event

	Parcel Parcel // nil: nobody waits for the end
}

// A Group is one capture of a match: its number or its name, and its text. Text is nil where the
// group took no part in the match.
type Group struct {
	Name string
	Text *string
}

// Kind returns KindFD.
func (FD) Kind() Kind { return KindFD }

// Subject returns the descriptor as given.
func (d FD) Subject() string { return d.Source }

// What returns what the descriptor is ready for.
func (d FD) What() string { return strings.Join(d.Ready, ",") }

// Content returns what was read, for the text line.
func (d FD) Content() (string, bool) {
	switch {
	case d.Line != nil:
		return *d.Line, true
	case d.Data != nil:
		return *d.Data, true
	case d.Peer != "":
		return d.Peer, true
	}
	return "", false
}

// Fields yields the fields of watch-fd, then the groups of the match.
func (d FD) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		ok := yield("fd", Int(int64(d.Num))) &&
			yield("source", Text(d.Source)) &&
			yield("ready", Words(d.Ready)) &&
			yield("line", optional(d.Line)) &&
			yield("data", optional(d.Data)) &&
			yield("partial", Bool(d.Partial)) &&
			yield("peer", Word(d.Peer)) &&
			yield("lines", d.lines()) &&
			yield("count", Int(int64(len(d.Merged)+1)))
		for _, g := range d.Groups {
			if !ok {
				return
			}
			ok = yield(g.Name, optional(g.Text))
		}
	}
}

// Lookup returns the field that is asked for at each line, without a look at the others.
func (d FD) Lookup(name string) (Value, bool) {
	return optional(d.Line), name == "line"
}

// lines is every record that the event stands for.
func (d FD) lines() Value {
	var list []string
	if d.Merged == nil && d.Line != nil {
		return Paths([]string{*d.Line})
	}
	for _, one := range d.each() {
		if one.Line != nil {
			list = append(list, *one.Line)
		}
	}
	if list == nil {
		return unknownList()
	}
	return Paths(list)
}

// each is what the event stands for, in the order in which it came.
func (d FD) each() []FD { return append(slices.Clip(d.Merged), d) }

// Tally is [Tallied]'s.
func (d FD) Tally() Tally { return Tally{Merged: int64(len(d.Merged))} }

// Merge adds to newer what was read before it. Mere readiness has no sum.
func (d FD) Merge(newer Detail) Detail {
	n := newer.(FD)
	n.Parcel = mergeParcels(d.Parcel, n.Parcel)
	if d.Line == nil && d.Data == nil && d.Merged == nil {
		return n
	}
	earlier := d.Merged
	d.Merged = nil
	n.Merged = append(append(earlier, d), n.Merged...)
	return n
}

// Payload is what was read, records with their ends given back; else the descriptor itself.
func (d FD) Payload(sep byte) Payload {
	var read []byte
	for _, one := range d.each() {
		switch {
		case one.Line != nil:
			read = append(read, *one.Line...)
			if !one.Partial {
				read = append(read, sep)
			}
		case one.Data != nil:
			read = append(read, *one.Data...)
		}
	}
	if read != nil || d.Line != nil || d.Data != nil {
		return Payload{Data: read}
	}
	p := Payload{File: d.File}
	if d.Peer != "" {
		p.Out = d.File
	}
	return p
}

// Begin is [Call]'s.
func (d FD) Begin(stop func()) bool { return d.Parcel == nil || d.Parcel.Begin(stop) }

// Answer is [Call]'s.
func (d FD) Answer(a Answer) {
	if d.Parcel != nil {
		d.Parcel.Answer(a)
	}
}

// Release closes the descriptor.
func (d FD) Release() {
	if d.File != nil {
		_ = d.File.Close()
	}
}

func optional(s *string) Value {
	if s == nil {
		return Value{}
	}
	return Text(*s)
}

// Timer is the detail of timer.
type Timer struct {
	After  time.Duration
	Repeat time.Duration // 0: none
	Due    time.Time
	Late   time.Duration // from Due to the event
	Missed int64         // ticks before this one that nobody got
}

// Kind returns KindTimer.
func (Timer) Kind() Kind { return KindTimer }

// Subject returns the span that has passed.
func (d Timer) Subject() string { return Span(d.After).String() }

// What says that the time is up, and what was missed.
func (d Timer) What() string { return "elapsed" + missed(d.Missed) }

// Fields yields the fields of timer.
func (d Timer) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		repeat := Value{}
		if d.Repeat > 0 {
			repeat = Span(d.Repeat)
		}
		_ = yield("after", Span(d.After)) &&
			yield("repeat", repeat) &&
			yield("due", Time(d.Due)) &&
			yield("late", Took(d.Late)) &&
			yield("missed", Int(d.Missed))
	}
}

// Tally is [Tallied]'s.
func (d Timer) Tally() Tally { return Tally{Missed: d.Missed, Dated: true, Late: d.Late} }

// Merge counts this tick among those that the newer one missed.
func (d Timer) Merge(newer Detail) Detail {
	n := newer.(Timer)
	n.Missed += d.Missed + 1
	return n
}

func missed(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d missed", n)
}

// Every is the detail of every.
type Every struct {
	Schedule string // as given
	Due      time.Time
	Next     time.Time // zero: never again
	Late     time.Duration
	Missed   int64 // instants before this one that nobody got
	Attempt  int   // 1, and more if a run for it was cut off before

	Parcel Parcel // nil: nobody waits for the end
}

// Kind returns KindEvery.
func (Every) Kind() Kind { return KindEvery }

// Subject returns the scheduled instant.
func (d Every) Subject() string { return Time(d.Due).String() }

// What says that the instant has come, or comes again, and what was missed.
func (d Every) What() string {
	what := "due"
	if d.Attempt > 1 {
		what = "due again"
	}
	return what + missed(d.Missed)
}

// Fields yields the fields of every.
func (d Every) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		_ = yield("schedule", Text(d.Schedule)) &&
			yield("due", Time(d.Due)) &&
			yield("next", Time(d.Next)) &&
			yield("late", Took(d.Late)) &&
			yield("missed", Int(d.Missed)) &&
			yield("attempt", Int(int64(d.Attempt)))
	}
}

// Tally is [Tallied]'s.
func (d Every) Tally() Tally { return Tally{Missed: d.Missed, Dated: true, Late: d.Late} }

// Merge counts this instant among those that the newer one missed, and has it be dealt with when
// that one is.
func (d Every) Merge(newer Detail) Detail {
	n := newer.(Every)
	n.Missed += d.Missed + 1
	n.Attempt = max(n.Attempt, d.Attempt)
	n.Parcel = mergeParcels(d.Parcel, n.Parcel)
	return n
}

// Begin is [Call]'s.
func (d Every) Begin(stop func()) bool { return d.Parcel == nil || d.Parcel.Begin(stop) }

// Recorded is [Recorder]'s.
func (d Every) Recorded(then func()) {
	if r, ok := d.Parcel.(Recorder); ok {
		r.Recorded(then)
		return
	}
	then()
}

// Began is [Tracer]'s.
func (d Every) Began(pid int) {
	if t, ok := d.Parcel.(Tracer); ok {
		t.Began(pid)
	}
}

// Answer is [Call]'s.
func (d Every) Answer(a Answer) {
	if d.Parcel != nil {
		d.Parcel.Answer(a)
	}
}

// Signal is the detail of on-signal.
type Signal struct {
	Signal string // its name, without SIG
	Number int
	Count  int64 // how many came since the last event, as far as is known
	Info   *SignalInfo
}

// SignalInfo is what the kernel tells of one signal's origin (sigaction(2), siginfo_t).
type SignalInfo struct {
	Sender int
	UID    int
	Value  int
}

// Kind returns KindSignal.
func (Signal) Kind() Kind { return KindSignal }

// Subject returns the signal's name.
func (d Signal) Subject() string { return d.Signal }

// What says that it came, and how often.
func (d Signal) What() string {
	if d.Count > 1 {
		return fmt.Sprintf("received %d times", d.Count)
	}
	return "received"
}

// Fields yields the fields of on-signal.
func (d Signal) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		var sender, uid, value Value
		if i := d.Info; i != nil {
			sender, uid, value = Int(int64(i.Sender)), Int(int64(i.UID)), Int(int64(i.Value))
		}
		_ = yield("signal", Text(d.Signal)) &&
			yield("number", Int(int64(d.Number))) &&
			yield("count", Int(d.Count)) &&
			yield("sender", sender) &&
			yield("uid", uid) &&
			yield("value", value)
	}
}

// Tally is [Tallied]'s.
func (d Signal) Tally() Tally { return Tally{Merged: max(d.Count-1, 0)} }

// Merge adds this signal's count to the newer one's.
func (d Signal) Merge(newer Detail) Detail {
	n := newer.(Signal)
	n.Count += d.Count
	return n
}

// Exit is the detail of on-exit.
type Exit struct {
	PID     int    // 0: there was no process of that Command
	Command string // its name (comm), if known
	Running bool   // it has not ended: nothing has happened
	Known   bool   // Status, Signal and Core are known
	Status  int    // exit status, if Signal is empty
	Signal  string // the name of the signal that killed it
	Core    bool
	Elapsed time.Duration // since the process began; 0: unknown
	Usage   *Usage        // of a child
	Run     uint64        // the number of the event whose command it was; 0: it was none's
	Output  string        // the last of what that wrote
}

// Usage is what a child used, as getrusage(2) gives it.
type Usage struct {
	MaxRSS       int64 // bytes
	User, System time.Duration
}

// Kind returns KindExit.
func (Exit) Kind() Kind { return KindExit }

// Subject returns the PID, or the name of a command that there was no process of.
func (d Exit) Subject() string {
	if d.PID == 0 {
		return d.Command
	}
	return strconv.Itoa(d.PID)
}

// What says how the process ended.
func (d Exit) What() string {
	switch {
	case d.Running:
		return "running"
	case !d.Known:
		return "ended, status unknown"
	case d.Core:
		return "killed by " + d.Signal + " (core dumped)"
	case d.Signal != "":
		return "killed by " + d.Signal
	}
	return "exited " + strconv.Itoa(d.Status)
}

// Fields yields the fields of on-exit.
func (d Exit) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		var pid, status, core, elapsed, rss, user, system, run, output Value
		if d.PID != 0 {
			pid = Int(int64(d.PID))
		}
		if d.Known && d.Signal == "" {
			status = Int(int64(d.Status))
		}
		if d.Known {
			core = Bool(d.Core)
		}
		if d.Elapsed > 0 {
			elapsed = Took(d.Elapsed)
		}
		if d.Run != 0 {
			run, output = Int(int64(d.Run)), Text(d.Output)
		}
		if u := d.Usage; u != nil {
			rss, user, system = Size(u.MaxRSS), Took(u.User), Took(u.System)
		}
		_ = yield("pid", pid) &&
			yield("command", Word(d.Command)) &&
			yield("status", status) &&
			yield("signal", Word(d.Signal)) &&
			yield("core", core) &&
			yield("elapsed", elapsed) &&
			yield("maxrss", rss) &&
			yield("utime", user) &&
			yield("stime", system) &&
			yield("run", run) &&
			yield("output", output)
	}
}

// Payload is what the command of another line has written.
func (d Exit) Payload(byte) Payload { return Payload{Data: []byte(d.Output)} }

// Tested is [Tester]'s: of what a signal has killed the status is that which a shell has.
func (d Exit) Tested(name string) (Value, bool) {
	if name != "status" || d.Signal == "" {
		return Value{}, false
	}
	by, err := sig.Parse(d.Signal)
	return Int(128 + int64(by)), err == nil
}

// Merge returns newer: one process's end says nothing of another's.
func (Exit) Merge(newer Detail) Detail { return newer }
