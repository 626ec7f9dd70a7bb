package natstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

type message struct {
	subject string
	seq     uint64
	time    time.Time
	headers map[string]string
	data    []byte
}

type stream struct {
	config struct {
		Subjects   []string `json:"subjects"`
		PerSubject int      `json:"max_msgs_per_subject"`
	}
	now      func() time.Time
	created  time.Time
	messages []message
	last     uint64
	ids      map[string]uint64
	groups   map[string]*group
}

type group struct {
	Deliver string        `json:"deliver_policy"`
	Start   time.Time     `json:"opt_start_time"`
	AckWait time.Duration `json:"ack_wait"`
	Filter  string        `json:"filter_subject"`
	Filters []string      `json:"filter_subjects"`
	Unacked int           `json:"max_ack_pending"`
	raw     json.RawMessage
	name    string
	next    uint64
	pending map[uint64]*pending
	again   []uint64
	pulls   []*pull
}

type pending struct {
	delivered int
	timer     *time.Timer
}

type pull struct {
	reply string
	batch int
}

type failure struct {
	Error struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

func fail(code, errCode int, what string) (f failure) {
	f.Error.Code, f.Error.ErrCode, f.Error.Description = code, errCode, what
	return f
}

func (st *stream) takes(subject string) bool {
	return slices.ContainsFunc(st.config.Subjects, func(f string) bool { return matches(f, subject) })
}

func (st *stream) lastOf(subject string) (message, bool) {
	for _, m := range slices.Backward(st.messages) {
		if m.subject == subject {
			return m, true
		}
	}
	return message{}, false
}

func (st *stream) store(m message) any {
	if want := m.headers["Nats-Expected-Last-Subject-Sequence"]; want != "" {
		last, _ := st.lastOf(m.subject)
		if strconv.FormatUint(last.seq, 10) != want {
			return fail(400, 10071, fmt.Sprintf("wrong last sequence: %d", last.seq))
		}
	}
	if id := m.headers["Nats-Msg-Id"]; id != "" {
		if seq, known := st.ids[id]; known {
			return map[string]any{"stream": "S", "seq": seq, "duplicate": true}
		}
		st.ids[id] = st.last + 1
	}
	if st.config.PerSubject == 1 {
		st.messages = slices.DeleteFunc(st.messages, func(old message) bool { return old.subject == m.subject })
	}
	st.last++
	m.seq, m.time = st.last, st.now()
	st.messages = append(st.messages, m)
	return map[string]any{"stream": "S", "seq": m.seq}
}

func (s *Server) api(what string, data []byte) any {
	words := strings.Split(what, ".")
	if what == "STREAM.NAMES" {
		return s.names(data)
	}
	if len(words) < 3 {
		return fail(400, 10025, "bad request")
	}
	verb, name := words[0]+"."+words[1], words[2]
	if verb == "STREAM.MSG" {
		name = words[3]
	}
	st := s.streams[name]
	if verb == "STREAM.CREATE" && st == nil {
		st = &stream{ids: map[string]uint64{}, groups: map[string]*group{}, now: func() time.Time { return time.Now().Add(s.Ahead) }}
		st.created = st.now()
		_ = json.Unmarshal(data, &st.config)
		s.streams[name] = st
	}
	if st == nil {
		return fail(404, 10059, "stream not found")
	}
	switch verb {
	case "STREAM.CREATE", "STREAM.INFO":
		first := st.last + 1
		if len(st.messages) > 0 {
			first = st.messages[0].seq
		}
		return map[string]any{"ts": time.Now().Add(s.Ahead), "created": st.created, "state": map[string]any{
			"messages": len(st.messages), "first_seq": first, "last_seq": st.last,
		}}
	case "STREAM.MSG":
		if words[2] == "DELETE" {
			return st.remove(data)
		}
		return st.get(data)
	case "STREAM.PURGE":
		var q struct{ Filter string }
		_ = json.Unmarshal(data, &q)
		st.messages = slices.DeleteFunc(st.messages, func(m message) bool { return q.Filter == "" || matches(q.Filter, m.subject) })
		return map[string]any{"success": true}
	}
	return s.group(st, verb, words[3], data)
}

func (s *Server) names(data []byte) any {
	var q struct{ Subject string }
	_ = json.Unmarshal(data, &q)
	found := []string{}
	for name, st := range s.streams {
		if slices.ContainsFunc(st.config.Subjects, func(f string) bool { return matches(f, q.Subject) || matches(q.Subject, f) }) {
			found = append(found, name)
		}
	}
	return map[string]any{"streams": found}
}

func (st *stream) get(data []byte) any {
	var q struct {
		Last string `json:"last_by_subj"`
		Next string `json:"next_by_subj"`
		Seq  uint64 `json:"seq"`
	}
	_ = json.Unmarshal(data, &q)
	for _, m := range st.messages {
		if last, _ := st.lastOf(q.Last); q.Last != "" && m.seq == last.seq && m.subject == q.Last ||
			q.Next != "" && m.seq >= q.Seq && matches(q.Next, m.subject) || q.Last == "" && q.Next == "" && m.seq == q.Seq {
			return map[string]any{"message": map[string]any{"subject": m.subject, "seq": m.seq, "data": m.data, "time": m.time}}
		}
	}
	return fail(404, 10037, "no message found")
}

func (st *stream) remove(data []byte) any {
	var q struct{ Seq uint64 }
	_ = json.Unmarshal(data, &q)
	before := len(st.messages)
	st.messages = slices.DeleteFunc(st.messages, func(m message) bool { return m.seq == q.Seq })
	if len(st.messages) == before {
		return fail(404, 10043, fmt.Sprintf("sequence %d not found", q.Seq))
	}
	return map[string]any{"success": true}
}

func (s *Server) group(st *stream, verb, name string, data []byte) any {
	g := st.groups[name]
	if verb == "CONSUMER.CREATE" {
		var q struct{ Config json.RawMessage }
		_ = json.Unmarshal(data, &q)
		if g == nil {
			g = &group{name: name, pending: map[uint64]*pending{}}
			_ = json.Unmarshal(q.Config, g)
			switch g.Deliver {
			case "all":
				g.next = 1
			case "by_start_time":
				g.next = 1
				for g.next <= st.last && st.messages[g.next-1].time.Before(g.Start) {
					g.next++
				}
			default:
				g.next = st.last + 1
			}
			st.groups[name] = g
		}
		_ = json.Unmarshal(q.Config, g)
		g.raw = q.Config
	}
	if g == nil {
		return fail(404, 10014, "consumer not found")
	}
	return map[string]any{"name": name, "config": g.raw}
}

func (s *Server) pull(what string, data []byte, reply string) {
	name, groupName, _ := strings.Cut(what, ".")
	st := s.streams[name]
	if st == nil || st.groups[groupName] == nil {
		s.send(reply, "", "NATS/1.0 503\r\n\r\n", nil)
		return
	}
	var q struct {
		Batch   int
		Expires time.Duration
	}
	_ = json.Unmarshal(data, &q)
	g := st.groups[groupName]
	p := &pull{reply, q.Batch}
	g.pulls = append(g.pulls, p)
	time.AfterFunc(q.Expires, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(g.pulls, p); i >= 0 {
			g.pulls = slices.Delete(g.pulls, i, i+1)
			s.send(reply, "", fmt.Sprintf("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: %d\r\n\r\n", p.batch), nil)
		}
	})
	s.feed(st, g)
}

func (g *group) wants(subject string) bool {
	if len(g.Filters) == 0 {
		return g.Filter == "" || matches(g.Filter, subject)
	}
	return slices.ContainsFunc(g.Filters, func(f string) bool { return matches(f, subject) })
}

// feed gives the waiting pulls what there is.
func (s *Server) feed(st *stream, g *group) {
	for len(g.pulls) > 0 {
		p := g.pulls[0]
		m, ok := g.take(st)
		if !ok {
			return
		}
		d := g.pending[m.seq]
		if d == nil {
			d = &pending{}
			g.pending[m.seq] = d
		}
		d.delivered++
		s.arm(st, g, m.seq, g.AckWait)
		ack := fmt.Sprintf("$JS.ACK.S.%s.%d.%d.%d.%d.%d", g.name, d.delivered, m.seq, m.seq, m.time.UnixNano(), st.last-m.seq)
		if !s.deliver(p.reply, m, ack) {
			g.pulls = g.pulls[1:]
			g.again = append(g.again, m.seq)
			d.delivered--
			continue
		}
		if p.batch--; p.batch <= 0 {
			g.pulls = g.pulls[1:]
		}
	}
}

// deliver sends a stored message under its own subject to who waits at an inbox.
func (s *Server) deliver(inbox string, m message, reply string) bool {
	for c := range s.conns {
		for sid, filter := range c.subs {
			if matches(filter, inbox) {
				c.out <- fmt.Appendf(nil, "MSG %s %s %s %d\r\n%s\r\n", m.subject, sid, reply, len(m.data), m.data)
				return true
			}
		}
	}
	return false
}

func (g *group) take(st *stream) (message, bool) {
	if g.Unacked > 0 && len(g.pending)-len(g.again) >= g.Unacked {
		return message{}, false
	}
	if len(g.again) > 0 {
		seq := g.again[0]
		g.again = g.again[1:]
		for _, m := range st.messages {
			if m.seq == seq {
				return m, true
			}
		}
	}
	if g.Unacked > 0 && len(g.pending) >= g.Unacked {
		return message{}, false
	}
	for _, m := range st.messages {
		if m.seq >= g.next {
			g.next = m.seq + 1
			if g.wants(m.subject) {
				return m, true
			}
		}
	}
	return message{}, false
}

// arm has a message come again after a while.
func (s *Server) arm(st *stream, g *group, seq uint64, after time.Duration) {
	d := g.pending[seq]
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer = time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if g.pending[seq] == d {
			g.again = append(g.again, seq)
			s.feed(st, g)
		}
	})
}

func (s *Server) ack(m message, reply string) {
	words := strings.Split(m.subject, ".")
	seq, _ := strconv.ParseUint(words[5], 10, 64)
	for _, st := range s.streams {
		g := st.groups[words[3]]
		if g == nil || g.pending[seq] == nil {
			continue
		}
		word, rest, _ := strings.Cut(string(m.data), " ")
		switch word {
		case "+WPI":
			s.arm(st, g, seq, g.AckWait)
		case "-NAK":
			var q struct{ Delay time.Duration }
			_ = json.Unmarshal([]byte(rest), &q)
			s.arm(st, g, seq, q.Delay)
		default:
			g.pending[seq].timer.Stop()
			delete(g.pending, seq)
			s.feed(st, g)
		}
	}
	if reply != "" && (s.Mute == nil || !s.Mute(m.subject)) {
		s.send(reply, "", "", nil)
	}
}
