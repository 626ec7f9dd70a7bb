package event

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"time"
)

// Message is the detail of on-message: an event that was stored.
type Message struct {
	Filter    string // the subjects that are waited for, as given
	Topic     string // that it is stored under; "": there was no message
	ID        string
	Source    string
	Type      string
	Published time.Time
	Attempt   int
	StreamSeq uint64
	Data      []Param // the sender's fields
	Content   []byte

	Parcel Parcel // nil: nobody waits for the end
}

// A Parcel is what is to be told what has become of a message.
type Parcel interface {
	Call
	// Absorb has the fate of an older one be that of this one.
	Absorb(older Parcel)
}

// mergeParcels returns the parcel of an event that stands for two.
func mergeParcels(older, newer Parcel) Parcel {
	switch {
	case newer == nil:
		return older
	case older != nil:
		newer.Absorb(older)
	}
	return newer
}

const dataPrefix = "data."

// DataFields are the fields of a JSON object, in its order: text as it is, what is no text as JSON
// has it. Of what is no object there are none.
func DataFields(text []byte) []Param {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var fields []Param
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return fields
		}
		p := Param{Name: name.(string)}
		var words string
		switch {
		case json.Unmarshal(value, &words) == nil && string(value) != "null":
			p.Values = []string{words}
		case string(value) != "null":
			p.Values = []string{string(value)}
		}
		fields = append(fields, p)
	}
	return fields
}

// Kind returns KindMessage.
func (Message) Kind() Kind { return KindMessage }

// Subject returns what the message is stored under.
func (d Message) Subject() string {
	if d.Topic == "" {
		return d.Filter
	}
	return d.Topic
}

// What says whose message it is, and if it has come before.
func (d Message) What() string {
	what := ""
	if d.Source != "" {
		what = "from " + d.Source
	}
	if d.Attempt > 1 {
		what = strings.TrimSpace(what + " again")
	}
	return what
}

// Fields yields the fields of on-message, the sender's as data.NAME.
func (d Message) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		var attempt, seq, content Value
		if d.Topic != "" {
			attempt, seq, content = Int(int64(d.Attempt)), Int(int64(d.StreamSeq)), Text(string(d.Content))
		}
		ok := yield("subject", Word(d.Topic)) &&
			yield("id", Word(d.ID)) &&
			yield("source", Word(d.Source)) &&
			yield("type", Word(d.Type)) &&
			yield("published", Time(d.Published)) &&
			yield("attempt", attempt) &&
			yield("stream_seq", seq) &&
			yield("payload", content)
		for _, p := range d.Data {
			ok = ok && yield(dataPrefix+p.Name, Repeated(p.Values))
		}
	}
}

// Lookup knows every field of the sender's: of one that did not come the value is unknown. A name
// that is no field of ev's is the sender's, too.
func (d Message) Lookup(name string) (Value, bool) {
	own, ok := strings.CutPrefix(name, dataPrefix)
	for _, p := range d.Data {
		if ok && p.Name == own {
			return Repeated(p.Values), true
		}
	}
	return Value{}, ok
}

// Merge has the older one be done when the newer one is.
func (d Message) Merge(newer Detail) Detail {
	n := newer.(Message)
	n.Parcel = mergeParcels(d.Parcel, n.Parcel)
	return n
}

// Payload is what the sender has sent.
func (d Message) Payload(byte) Payload { return Payload{Data: d.Content} }

// Begin is [Call]'s.
func (d Message) Begin(stop func()) bool { return d.Parcel == nil || d.Parcel.Begin(stop) }

// Answer is [Call]'s.
func (d Message) Answer(a Answer) {
	if d.Parcel != nil {
		d.Parcel.Answer(a)
	}
}
