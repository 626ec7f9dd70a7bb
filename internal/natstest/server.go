// Package natstest is a small fake of a nats-server with JetStream, for tests that need nothing but
// Go. It speaks the protocol as far as ev does, keeps everything in memory, and trusts everybody.
package natstest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Server is one fake server. What it has stored outlasts Stop and Start.
type Server struct {
	Version string        // that it says it is
	Cluster string        // of which it says it is one
	Ahead   time.Duration // its clock, of this machine's
	Refuse  bool          // nobody is let in
	// Mute drops a request, unanswered but done, if it reports true.
	Mute func(subject string) bool
	// Deaf reports of which subjects what is stored is not told to those who subscribe to it, as if it
	// had come by a server of the cluster that knows nothing of them yet.
	Deaf func(subject string) bool

	mu      sync.Mutex
	frozen  bool
	addr    string
	ln      net.Listener
	conns   map[*conn]bool
	streams map[string]*stream
}

// New makes a server, changed by what is given, which listens on a port of the loopback's.
func New(changes ...func(*Server)) (*Server, error) {
	s := &Server{Version: "2.10.0", addr: "127.0.0.1:0", conns: map[*conn]bool{}, streams: map[string]*stream{}}
	for _, change := range changes {
		change(s)
	}
	return s, s.Start()
}

// URL is where it is.
func (s *Server) URL() string { return "nats://" + s.addr }

// Start listens, again.
func (s *Server) Start() error {
	ln, err := net.Listen("tcp", s.addr) //nolint:noctx // of the loopback's
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln, s.addr = ln, ln.Addr().String()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return nil
}

// Wipe forgets what it has stored.
func (s *Server) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.streams)
}

// Stop drops all connections, as a server that is killed does.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.ln.Close()
	for c := range s.conns {
		_ = c.net.Close()
	}
	s.forgetPulls()
}

// ForgetPulls has who asked for messages wait in vain, as if the leader of their group had died.
func (s *Server) ForgetPulls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetPulls()
}

func (s *Server) forgetPulls() {
	for _, st := range s.streams {
		for _, g := range st.groups {
			g.pulls = nil
		}
	}
}

// Freeze has it answer no ping from now on, as a process that is stopped.
func (s *Server) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozen = true
}

func (s *Server) isFrozen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen
}

// Stored is what a stream holds, oldest first.
func (s *Server) Stored(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	if st := s.streams[name]; st != nil {
		for _, m := range st.messages {
			all = append(all, m.subject+" "+string(m.data))
		}
	}
	return all
}

type conn struct {
	net  net.Conn
	subs map[string]string // subjects by sid
	out  chan []byte
}

func (s *Server) serve(nc net.Conn) {
	c := &conn{net: nc, subs: map[string]string{}, out: make(chan []byte, 4096)}
	s.mu.Lock()
	s.conns[c] = true
	info, _ := json.Marshal(map[string]any{
		"server_id": "FAKE", "version": s.Version, "proto": 1, "headers": true, "jetstream": true,
		"max_payload": 1 << 20, "cluster": s.Cluster,
	})
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		for {
			select {
			case b := <-c.out:
				if _, err := nc.Write(b); err != nil {
					return
				}
			case <-gone:
				return
			}
		}
	}()
	c.out <- fmt.Appendf(nil, "INFO %s\r\n", info)
	_ = s.read(c, bufio.NewReader(nc))
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	close(gone)
	_ = nc.Close()
}

var errRefused = errors.New("nobody is let in")

func (s *Server) read(c *conn, r *bufio.Reader) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch strings.ToUpper(words[0]) {
		case "CONNECT":
			if s.Refuse {
				_, err := io.WriteString(c.net, "-ERR 'Authorization Violation'\r\n")
				return cmp.Or(err, errRefused)
			}
		case "PING":
			if !s.isFrozen() {
				c.out <- []byte("PONG\r\n")
			}
		case "SUB":
			s.mu.Lock()
			c.subs[words[len(words)-1]] = words[1]
			s.mu.Unlock()
		case "UNSUB":
			s.mu.Lock()
			if len(words) == 2 {
				delete(c.subs, words[1])
			}
			s.mu.Unlock()
		case "PUB", "HPUB":
			if err := s.readMessage(words, r); err != nil {
				return err
			}
		}
	}
}

// readMessage reads PUB SUBJECT [REPLY] SIZE, or HPUB SUBJECT [REPLY] HEADER TOTAL.
func (s *Server) readMessage(words []string, r io.Reader) error {
	sizes := 1
	if strings.EqualFold(words[0], "HPUB") {
		sizes = 2
	}
	if len(words) < 2+sizes {
		return errors.New("too short")
	}
	total, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return err
	}
	header := 0
	if sizes == 2 {
		if header, err = strconv.Atoi(words[len(words)-2]); err != nil {
			return err
		}
	}
	data := make([]byte, total+2)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	m := message{subject: words[1], headers: readHeaders(data[:header]), data: data[header:total]}
	reply := ""
	if len(words) == 3+sizes {
		reply = words[2]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(m, reply)
	return nil
}

func readHeaders(b []byte) map[string]string {
	h := map[string]string{}
	for line := range bytes.SplitSeq(b, []byte("\r\n")) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			h[string(name)] = strings.TrimSpace(string(value))
		}
	}
	return h
}

// publish gives a message to all who want it. It is called under mu, as all that follows.
func (s *Server) publish(m message, reply string) {
	answer := func(a any) {
		text, _ := json.Marshal(a)
		if reply != "" && (s.Mute == nil || !s.Mute(m.subject)) {
			s.send(reply, "", "", text)
		}
	}
	switch {
	case strings.HasPrefix(m.subject, "$JS.API.CONSUMER.MSG.NEXT."):
		s.pull(strings.TrimPrefix(m.subject, "$JS.API.CONSUMER.MSG.NEXT."), m.data, reply)
		return
	case strings.HasPrefix(m.subject, "$JS.API."):
		answer(s.api(strings.TrimPrefix(m.subject, "$JS.API."), m.data))
		return
	case strings.HasPrefix(m.subject, "$JS.ACK."):
		s.ack(m, reply)
		return
	}
	heard := (s.Deaf == nil || !s.Deaf(m.subject)) && s.send(m.subject, reply, "", m.data)
	for _, st := range s.streams {
		if st.takes(m.subject) {
			answer(st.store(m))
			for _, g := range st.groups {
				s.feed(st, g)
			}
			heard = true
		}
	}
	if !heard && reply != "" {
		s.send(reply, "", "NATS/1.0 503\r\n\r\n", nil)
	}
}

// send delivers to the subscribers of a subject, and reports whether there are any.
func (s *Server) send(subject, reply, header string, data []byte) bool {
	heard := false
	for c := range s.conns {
		for sid, filter := range c.subs {
			if !matches(filter, subject) {
				continue
			}
			heard = true
			var b []byte
			if header == "" {
				b = fmt.Appendf(nil, "MSG %s %s %s %d\r\n%s\r\n", subject, sid, reply, len(data), data)
			} else {
				b = fmt.Appendf(nil, "HMSG %s %s %s %d %d\r\n%s%s\r\n", subject, sid, reply, len(header), len(header)+len(data), header, data)
			}
			select {
			case c.out <- b:
			default:
				_ = c.net.Close() // a slow consumer
			}
		}
	}
	return heard
}

func matches(filter, subject string) bool {
	f, w := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, word := range f {
		if word == ">" {
			return i < len(w)
		}
		if i >= len(w) || word != "*" && word != w[i] {
			return false
		}
	}
	return len(f) == len(w)
}
