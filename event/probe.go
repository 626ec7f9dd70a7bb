package event

import (
	"iter"
	"time"
)

// The states of what is probed. Before it is known there is none.
const (
	Up   = "up"
	Down = "down"
)

// Probe is the detail of probe.
type Probe struct {
	Target    string        // as given
	State     string        // Up or Down; "": it is not known yet
	Status    *int          // of an HTTP answer, or the exit status of a command
	Output    string        // what was answered, or printed
	Latency   time.Duration // how long the look took; 0: there was none
	Error     string        // why it is down
	Since     time.Time     // when the state began
	PrevState string        // the state of the event before; "": there was none
}

// Kind returns KindProbe.
func (Probe) Kind() Kind { return KindProbe }

// Subject returns the target.
func (d Probe) Subject() string { return d.Target }

// What returns the state.
func (d Probe) What() string {
	if d.State == "" {
		return "unknown"
	}
	return d.State
}

// Content returns why the target is down, for the text line.
func (d Probe) Content() (string, bool) { return d.Error, d.Error != "" }

// Fields yields the fields of probe.
func (d Probe) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		var status, output, latency Value
		if d.Status != nil {
			status = Int(int64(*d.Status))
		}
		if d.State != "" {
			output, latency = Text(d.Output), Took(d.Latency)
		}
		_ = yield("target", Text(d.Target)) &&
			yield("state", Word(d.State)) &&
			yield("status", status) &&
			yield("output", output) &&
			yield("latency", latency) &&
			yield("error", Word(d.Error)) &&
			yield("since", Time(d.Since)) &&
			yield("prev_state", Word(d.PrevState))
	}
}

// Merge returns newer, which follows the state that this one followed.
func (d Probe) Merge(newer Detail) Detail {
	n := newer.(Probe)
	n.PrevState = d.PrevState
	return n
}

// Payload is the output.
func (d Probe) Payload(byte) Payload { return Payload{Data: []byte(d.Output)} }
