package cmd

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// allSubjects is where ctl --all asks: below it stands the command, so that a server can permit some
// and not others. No stream takes it.
const allSubjects = "_EV.ctl."

// A remoteRequest is what ctl --all asks for, but for the command.
type remoteRequest struct {
	Hosts string   `json:"hosts"` // a pattern
	Names []string `json:"names,omitempty"`
}

// A remoteReply is an answer to it, or an event.
type remoteReply struct {
	Host string `json:"host"`
	control.Reply
	Event json.RawMessage `json:"event,omitempty"`
}

const (
	eventsAskedEvery = 20 * time.Second
	eventsSentFor    = 3 * eventsAskedEvery // to one who does not ask again
)

// A remote answers ctl --all for a session.
type remote struct {
	session.Unobserved
	loop    *loop.Loop
	session *session.Session
	allowed bool // more than to look
	readers map[string]*remoteReader
}

type remoteReader struct {
	reply func(remoteReply)
	until time.Time
}

// answerAll has a session answer ctl --all by all links that are opened from now on.
func (p *program) answerAll(l *loop.Loop, s *session.Session, allowed bool) {
	r := &remote{loop: l, session: s, allowed: allowed, readers: map[string]*remoteReader{}}
	s.Observe(r)
	p.Links.Opened = func(shared link.Link, host string) {
		shared.Answer(allSubjects+"*", func(q link.Question) { r.answer(host, q) })
	}
}

func (r *remote) answer(host string, q link.Question) {
	var asked remoteRequest
	if json.Unmarshal(q.Data, &asked) != nil {
		return
	}
	if meant, err := path.Match(asked.Hosts, host); err != nil || !meant {
		return
	}
	reply := func(a remoteReply) {
		a.Host = host
		text, _ := json.Marshal(a)
		q.Reply(text)
	}
	command := strings.TrimPrefix(q.Subject, allSubjects)
	switch {
	case command != control.List && !slices.Contains(control.Remote(), command):
		reply(remoteReply{Reply: control.Reply{Error: fmt.Sprintf("%s is not for other hosts to ask for", command)}})
	case command != control.List && !r.allowed:
		reply(remoteReply{Reply: control.Reply{Error: fmt.Sprintf("%s is not allowed here: ev run --control-remote allows it", command)}})
	case command == control.Events:
		if r.readers[q.From] == nil {
			r.readers[q.From] = &remoteReader{reply: reply}
			reply(remoteReply{Reply: control.Reply{OK: true}})
		}
		r.readers[q.From].until = r.loop.Now().Add(eventsSentFor)
	default:
		reply(remoteReply{Reply: r.session.Serve(control.Request{Command: command, Names: asked.Names})})
	}
}

// Happened implements session.Observer.
func (r *remote) Happened(e event.Event) {
	for from, reader := range r.readers {
		if r.loop.Now().After(reader.until) {
			delete(r.readers, from)
			continue
		}
		reader.reply(remoteReply{Reply: control.Reply{OK: true}, Event: e.AppendJSON(nil)})
	}
}
