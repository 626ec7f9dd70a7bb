package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

const (
	// maxRequest is how long a request may be.
	maxRequest = 1 << 20
	// maxEvents is how many bytes of events wait for a client that does not read them.
	maxEvents = 1 << 20
)

// A Server is a control socket.
type Server struct {
	listener *listener
	serve    func(Request) Reply
	readers  map[*stream]int // of events, and how many each has lost
}

// Listen makes the socket, for its owner only, in place of one that has been left behind. serve
// answers requests, all but Events.
func Listen(l *loop.Loop, path string, serve func(Request) Reply, r *report.Reporter) (*Server, error) {
	at, err := socket.ListenAt(path, socket.Access{})
	if err != nil {
		return nil, err
	}
	at.Name, at.Report = path, r
	s := &Server{serve: serve, readers: map[*stream]int{}}
	s.listener = newListener(l, at, s.connected)
	s.listener.crowded = func(c *stream) {
		reply(c, Reply{Error: fmt.Sprintf("there are more than %d connections: this one, the oldest, makes room", mostStreams)})
	}
	return s, nil
}

// Close closes the socket and its connections.
func (s *Server) Close() { s.listener.close() }

// connected begins with a client, if it is the owner, or root.
func (s *Server) connected(c *stream) {
	c.take = func() { s.take(c) }
	gone := c.gone
	c.gone = func() {
		delete(s.readers, c)
		gone()
	}
	if socket.CheckPeer(c.fd) != nil {
		reply(c, Reply{Error: "only the user who has started ev may speak to it"})
		c.finish()
	}
}

// take answers the requests that have come, one after the other, as long as the client reads the
// answers.
func (s *Server) take(c *stream) {
	for !c.closed && len(c.unsent) == 0 {
		if lost, reading := s.readers[c]; reading {
			c.unread = nil // it has nothing to say any more
			if lost > 0 {
				reply(c, Reply{Error: fmt.Sprintf("too slow: %d events are lost, and no more will come", lost)})
				c.finish()
			}
			return
		}
		line, rest, ok := bytes.Cut(c.unread, []byte{'\n'})
		if !ok && len(c.unread) > maxRequest {
			reply(c, Reply{Error: fmt.Sprintf("a request has %d bytes at most", maxRequest)})
			c.finish()
		}
		if !ok {
			return
		}
		c.unread = rest
		s.answer(c, line)
	}
}

func (s *Server) answer(c *stream, line []byte) {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		why := err.Error()
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			why = "got " + wrong.Value
			if wrong.Field != "" {
				why += " for " + wrong.Field
			}
		}
		reply(c, Reply{Error: `a request is a JSON object in one line, as in {"command":"fire","names":["build"]}: ` + why})
		return
	}
	if r.Command == Events {
		reply(c, Reply{OK: true})
		s.readers[c] = 0
		return
	}
	reply(c, s.serve(r))
}

func reply(c *stream, r Reply) {
	line, err := json.Marshal(r)
	if err != nil {
		line, _ = json.Marshal(Reply{Error: err.Error()})
	}
	c.send(append(line, '\n'))
}

// Publish sends an event to those who have asked for events.
func (s *Server) Publish(e event.Event) {
	if len(s.readers) == 0 {
		return
	}
	line := append(e.AppendJSON(nil), '\n')
	for c, lost := range s.readers {
		if lost > 0 || len(c.unsent)+len(line) > maxEvents {
			s.readers[c] = lost + 1 // take tells it
		} else {
			c.send(line)
		}
	}
}
