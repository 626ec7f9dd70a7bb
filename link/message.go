package link

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// A Message is an event as it is stored: a CloudEvent (1.0, structured JSON), or, of other senders,
// any bytes.
type Message struct {
	Subject string // it is stored under this
	ID      string // stored once within the window in which the server knows it
	Source  string
	Type    string
	About   string // the event's own subject
	Time    time.Time
	Data    json.RawMessage // an object, or any other JSON value; nil: Payload is all there is
	Payload []byte          // for a command's standard input
	Dead    *DeadLetter     // of a dead letter
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

	// Extension attributes of a dead letter.
	Status  *int   `json:"status,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Encode returns what is stored.
func (m *Message) Encode() []byte {
	c := cloudEvent{SpecVersion: "1.0", ID: m.ID, Source: m.Source, Type: m.Type, Subject: m.About, Data: m.Data}
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
	m.ID, m.Source, m.Type, m.About = c.ID, c.Source, c.Type, c.Subject
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

// deadLetter is a message as it is among the dead.
func deadLetter(m Message, group string, l DeadLetter) Message {
	if m.ID == "" { // of another sender
		m.ID, m.Source, m.Type = rand.Text(), "/"+group, "ev.message"
	}
	m.Subject = deadPrefix + group + "." + m.Subject
	m.ID += "/dead/" + group
	m.Dead = &l
	return m
}
