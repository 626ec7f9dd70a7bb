package link

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Message is an event as it is stored: a CloudEvent (1.0, structured JSON), or, of other senders,
// any bytes.
type Message struct {
	Subject string // it is stored under this
	ID      string // of the event; it is stored once within the window in which the server knows it
	Source  string
	Type    string
	About   string // the event's own subject
	Time    time.Time
	Data    json.RawMessage // an object, or any other JSON value; nil: Payload is all there is
	Payload []byte          // for a command's standard input
	Dead    *DeadLetter     // of a dead letter
	Group   string          // the only one that it is for, as FileName has it; empty: it is for all
	Key     string          // it is stored once by this within that window; empty: by its ID
	NoSpool bool            // it is an error if the server is away
}

type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        string          `json:"time,omitempty"`
	ContentType string          `json:"datacontenttype,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
	Base64      string          `json:"data_base64,omitempty"`

	// Extension attributes, of a dead letter and of one that is tried again.
	Group   string `json:"group,omitempty"`
	Status  *int   `json:"status,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Encode returns what is stored.
func (m *Message) Encode() []byte {
	c := cloudEvent{SpecVersion: "1.0", ID: m.ID, Source: m.Source, Type: m.Type, Subject: m.About, Data: m.Data, Group: m.Group}
	if !m.Time.IsZero() {
		c.Time = m.Time.Format(time.RFC3339Nano)
	}
	switch {
	case m.Data != nil:
		c.ContentType = "application/json"
	case utf8.Valid(m.Payload):
		c.ContentType = "text/plain"
		c.Data, _ = json.Marshal(string(m.Payload))
	default:
		c.ContentType = "application/octet-stream"
		c.Base64 = base64.StdEncoding.EncodeToString(m.Payload)
	}
	if m.Dead != nil {
		c.Status, c.Attempt, c.Reason = &m.Dead.Status, m.Dead.Attempt, m.Dead.Reason
	}
	text, _ := json.Marshal(c)
	return text
}

// Decode reads what was stored under a subject. What is no CloudEvent is all payload.
func Decode(subject string, text []byte) Message {
	m := Message{Subject: subject, Payload: text}
	var c cloudEvent
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) || json.Unmarshal(text, &c) != nil ||
		!strings.HasPrefix(c.SpecVersion, "1.") || c.ID == "" || c.Source == "" || c.Type == "" {
		return m
	}
	m.ID, m.Source, m.Type, m.About, m.Group = c.ID, c.Source, c.Type, c.Subject, c.Group
	m.Time, _ = time.Parse(time.RFC3339Nano, c.Time)
	m.Payload, m.Data = nil, nil
	var words string
	switch {
	case c.Base64 != "":
		m.Payload, _ = base64.StdEncoding.DecodeString(c.Base64)
	case strings.HasPrefix(c.ContentType, "text/") && json.Unmarshal(c.Data, &words) == nil:
		m.Payload = []byte(words)
	case c.Data != nil:
		m.Data, m.Payload = c.Data, c.Data
	}
	if c.Status != nil {
		m.Dead = &DeadLetter{Status: *c.Status, Attempt: c.Attempt, Reason: c.Reason}
	}
	return m
}

// key is what the message is stored once by.
func (m *Message) key() string { return cmp.Or(m.Key, m.ID) }

// isFor reports whether a group is meant by the message: what was dead and is tried again is for the
// group in which it was.
func (m *Message) isFor(group string) bool {
	return m.Group == "" || m.Group == group || IsDead(m.Subject)
}

// deadLetter is a message as it is among the dead of a group. It can be among them again, once it
// has been tried again: that has another number.
func deadLetter(d *Delivery, group string, l DeadLetter) Message {
	m := d.Message
	if m.ID == "" { // of another sender
		m.ID, m.Source, m.Type = fmt.Sprintf("%s@%d", d.Subject, d.Seq), "/"+group, "ev.message"
	}
	m.Subject = deadPrefix + group + "." + m.Subject
	m.Key = fmt.Sprintf("%s/dead/%s@%d", m.ID, d.Subject, d.Seq)
	m.Group, m.Dead = group, &l
	return m
}

// A Letter is a dead letter where it is stored.
type Letter struct {
	Message
	Seq  uint64
	Died time.Time
}

// parseLetter reads what is stored under the subject of a dead letter, of whoever has put it there.
func parseLetter(subject string, body []byte, seq uint64, at time.Time) Letter {
	l := Letter{Message: Decode(subject, body), Seq: seq, Died: at}
	if l.Dead == nil {
		l.Dead = &DeadLetter{}
	}
	l.Group, _, _ = strings.Cut(strings.TrimPrefix(subject, deadPrefix), ".")
	return l
}

// Origin is the subject that the message had.
func (l *Letter) Origin() string {
	return strings.TrimPrefix(l.Subject, deadPrefix+l.Group+".")
}

// again is the message as it is tried again, by its group alone: stored once, though it may be asked
// for twice.
func (l *Letter) again() Message {
	m := l.Message
	m.Subject, m.Dead = l.Origin(), nil
	m.Key = fmt.Sprintf("%s/again/%s/%d", m.ID, m.Group, l.Seq)
	return m
}

// deadOf is the filter of the dead letters of a group, or of all.
func deadOf(group string) string {
	if group == "" {
		return deadPrefix + ">"
	}
	return deadPrefix + FileName(group) + ".>"
}
