package link_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/natstest"
	"github.com/evshell/ev/link"
)

// consume has a host join a group, and returns what is delivered.
func (h *host) consume(o link.ConsumeOptions) (link.Consumer, <-chan *link.Delivery) {
	h.t.Helper()
	if o.AckWait == 0 {
		o.AckWait = 30 * time.Second
	}
	got := make(chan *link.Delivery, 1000)
	c := h.Consume(o, func(d *link.Delivery) { got <- d }, func(err error) { h.t.Error(err) })
	c.Room(1)
	return c, got
}

// Each message goes to one of a group, and to each group.
func TestQueue_oneOfAGroup(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		const n = 30
		hosts := []*host{newHost(t, "a", url), newHost(t, "b", url), newHost(t, "c", url)}
		seen := map[string][]string{} // by group
		all := make(chan [2]string, 1000)
		for i, group := range []string{"g", "g", "other.group"} {
			c, got := hosts[i].consume(link.ConsumeOptions{Subjects: []string{"ev.jobs.*"}, Group: group, From: link.From{All: true}})
			go func() {
				for d := range got {
					all <- [2]string{group, d.ID}
					d.Ack()
					c.Room(1)
				}
			}()
		}
		for i := range n {
			hosts[0].publish(message("ev.jobs.x", fmt.Sprint(i)))
			hosts[0].publish(message("ev.else.x", fmt.Sprint("not", i)))
			hosts[0].publish(message("ev.jobs.x", fmt.Sprint(i))) // once more
		}
		for range 2 * n {
			m := receive(t, all)
			seen[m[0]] = append(seen[m[0]], m[1])
		}
		for group, ids := range seen {
			slices.Sort(ids)
			if len(slices.Compact(ids)) != n {
				t.Errorf("the group %s got %v", group, ids)
			}
		}
	})
}

// A server that has lost all that it had stored is one that has all to come: groups and hosts begin
// with its first event, and locks are free.
func TestQueue_wiped(t *testing.T) {
	s := fake(t)
	a, b := newHost(t, "a", s.URL()), newHost(t, "b", s.URL())
	var all []<-chan *link.Delivery
	for i := range 8 {
		joined := make(chan struct{})
		c, got := a.consume(link.ConsumeOptions{
			Subjects: []string{"ev.jobs"}, Group: fmt.Sprint("g", i), EachHost: i%2 == 1,
			Joined: func() { close(joined) },
		})
		c.Room(100)
		receive(t, joined)
		all = append(all, got)
	}
	arrive := func(ids ...string) {
		t.Helper()
		for i, got := range all {
			var came []string
			for range ids {
				d := receive(t, got)
				came = append(came, d.ID)
				d.Ack()
			}
			if slices.Sort(came); !slices.Equal(came, ids) {
				t.Errorf("g%d: %s came, want %s", i, came, ids)
			}
		}
	}
	b.publish(message("ev.jobs", "1"))
	b.publish(message("ev.jobs", "2"))
	arrive("1", "2")
	s.Stop()
	s.Wipe()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"3", "4", "5"} {
		b.publish(message("ev.jobs", id))
	}
	arrive("3", "4", "5")
	if g := a.claim(link.Claim{Lock: "job", Label: "job", Due: instant(1)}); g.Outcome != link.Won {
		t.Errorf("%+v", g)
	}
}

// What is stored once a new group has been joined is the group's.
func TestQueue_joined(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		a, b := newHost(t, "a", url), newHost(t, "b", url)
		for i := range 20 {
			joined := make(chan struct{})
			c, got := a.consume(link.ConsumeOptions{
				Subjects: []string{"ev.jobs"}, Group: fmt.Sprint("g", i), EachHost: i%2 == 1,
				Joined: func() { close(joined) },
			})
			receive(t, joined)
			b.publish(message("ev.jobs", fmt.Sprint(i)))
			d := receive(t, got)
			if d.ID != fmt.Sprint(i) {
				t.Errorf("%s came, want %d", d.ID, i)
			}
			d.Ack()
			c.Close()
		}
	})
}

// A server that is away is not waited for: it has been told.
func TestQueue_joinedWithoutServer(t *testing.T) {
	s := fake(t)
	s.Stop()
	h := newHost(t, "a", s.URL())
	joined := make(chan string, 1)
	_, got := h.consume(link.ConsumeOptions{
		Subjects: []string{"ev.jobs"}, Group: "g", From: link.From{All: true}, Joined: func() { joined <- h.said.String() },
	})
	if said := receive(t, joined); !strings.Contains(said, "the server is away") {
		t.Errorf("said: %q", said)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	newHost(t, "b", s.URL()).publish(message("ev.jobs", "one"))
	receive(t, got).Ack()
}

func TestQueue_againAndDead(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		a, b := newHost(t, "a", url), newHost(t, "b", url)
		c, got := a.consume(link.ConsumeOptions{Subjects: []string{"ev.>"}, Group: "g", From: link.From{All: true}})
		_, dead := b.consume(link.ConsumeOptions{Subjects: []string{"ev.dead.g.>"}, Group: "d", From: link.From{All: true}})
		m := message("ev.jobs.x", "one")
		m.Time = epoch()
		b.publish(m)
		d := receive(t, got)
		if d.Attempt != 1 || d.ID != "one" || d.Source != "/a/b" || d.Type != "ev.test" || d.Subject != "ev.jobs.x" ||
			!d.Time.Equal(epoch()) || string(d.Data) != `{"n":"one"}` || string(d.Payload) != string(d.Data) {
			t.Errorf("delivered: %+v", d)
		}
		for _, step := range []struct {
			counts  bool
			attempt int
		}{{true, 2}, {false, 2}, {true, 3}} {
			d.Retry(10*time.Millisecond, step.counts)
			c.Room(1)
			if d = receive(t, got); d.Attempt != step.attempt {
				t.Errorf("attempt %d, want %d", d.Attempt, step.attempt)
			}
		}
		d.Dead(link.DeadLetter{Status: 7, Attempt: 3, Reason: "exited 7"})
		d = receive(t, dead)
		if d.Subject != "ev.dead.g.ev.jobs.x" || d.Message.Dead == nil || *d.Message.Dead != (link.DeadLetter{7, 3, "exited 7"}) {
			t.Errorf("the dead letter: %+v, %+v", d.Message, d.Message.Dead)
		}
		d.Ack()
		b.publish(message("ev.jobs.x", "two"))
		c.Room(1)
		if d = receive(t, got); d.ID != "two" {
			t.Errorf("after the dead one came %s %s", d.Subject, d.ID)
		}
		d.Ack()
	})
}

// What was dead is tried again by its own group alone, where it may be dead once more.
func TestLetters(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		h := newHost(t, "a", url)
		o := link.ConsumeOptions{Subjects: []string{"ev.jobs.x"}, Group: "g.h", From: link.From{All: true}}
		c, got := h.consume(o)
		o.Group = "other"
		others, other := h.consume(o)
		h.publish(message("ev.jobs.x", "one"))
		receive(t, other).Ack()
		for round := range 2 {
			receive(t, got).Dead(link.DeadLetter{Status: 65, Attempt: 1, Reason: "exited 65"})
			var letters []link.Letter
			for len(letters) == 0 { // it is moved on another goroutine
				letters = h.letters("g.h")
			}
			l := letters[0]
			if len(letters) > 1 || l.ID != "one" || l.Origin() != "ev.jobs.x" || l.Died.IsZero() || l.Dead.Status != 65 || string(l.Data) != `{"n":"one"}` {
				t.Errorf("round %d: %+v", round, letters)
			}
			if all := h.letters(""); len(all) != 1 || len(h.letters("g")) > 0 {
				t.Errorf("of all groups: %+v", all)
			}
			for range 2 { // to ask twice is to ask once
				h.remove(l, true)
			}
			c.Room(1)
		}
		d := receive(t, got)
		if d.ID != "one" || d.Attempt != 1 {
			t.Errorf("it comes again as %+v", d.Message)
		}
		d.Dead(link.DeadLetter{Status: 65})
		var letters []link.Letter
		for len(letters) == 0 {
			letters = h.letters("g.h")
		}
		h.remove(letters[0], false)
		h.publish(message("ev.jobs.x", "two"))
		c.Room(1)
		others.Room(1)
		for name, got := range map[string]<-chan *link.Delivery{"its own group": got, "another group": other} {
			if d := receive(t, got); d.ID != "two" {
				t.Errorf("%s got %s after it", name, d.ID)
			}
		}
		if left := h.letters(""); len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

func (h *host) letters(group string) []link.Letter {
	h.t.Helper()
	got := make(chan []link.Letter, 1)
	h.Letters(group, func(all []link.Letter, err error) {
		if err != nil {
			h.t.Error(err)
		}
		got <- all
	})
	return receive(h.t, got)
}

func (h *host) remove(l link.Letter, again bool) {
	h.t.Helper()
	got := make(chan error, 1)
	h.Remove(l, again, func(err error) { got <- err })
	if err := receive(h.t, got); err != nil {
		h.t.Error(err)
	}
}

// What a consumer that has died had begins anew at another.
func TestQueue_consumerDies(t *testing.T) {
	s := fake(t)
	a, b := newHost(t, "a", s.URL()), newHost(t, "b", s.URL())
	o := link.ConsumeOptions{Subjects: []string{"ev.jobs"}, Group: "g", From: link.From{All: true}, AckWait: 300 * time.Millisecond}
	_, got := a.consume(o)
	a.publish(message("ev.jobs", "one"))
	receive(t, got)
	a.close()
	_, got = b.consume(o)
	d := receive(t, got)
	if d.ID != "one" || d.Attempt != 2 {
		t.Errorf("%+v", d)
	}
	d.Ack()
}

// A host that could not say that its work goes on is told, before another one may have it.
func TestQueue_lost(t *testing.T) {
	s := fake(t)
	a := newHost(t, "a", s.URL())
	lost := make(chan time.Duration, 1)
	c := a.Consume(link.ConsumeOptions{Subjects: []string{"ev.jobs"}, Group: "g", From: link.From{All: true}, AckWait: time.Second},
		func(d *link.Delivery) {
			d.Lost = func(left time.Duration) { lost <- left }
			s.Stop()
		}, func(err error) { t.Error(err) })
	c.Room(1)
	a.publish(message("ev.jobs", "one"))
	if left := receive(t, lost); left > 250*time.Millisecond {
		t.Errorf("told with %v left", left)
	}
}

func TestQueue_eachHost(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		o := link.ConsumeOptions{Subjects: []string{"ev.config.>"}, Group: "restart", EachHost: true, From: link.From{All: true}}
		a, b := newHost(t, "a", url), newHost(t, "b", url)
		for i := range 3 {
			a.publish(message("ev.config.x", fmt.Sprint(i)))
		}
		for _, h := range []*host{a, b} {
			c, got := h.consume(o)
			for i := range 2 {
				d := receive(t, got)
				if d.ID != fmt.Sprint(i) || d.Attempt != 1 {
					t.Errorf("%s, attempt %d: want %d", d.ID, d.Attempt, i)
				}
				d.Ack()
				if i == 0 {
					c.Room(1)
				}
			}
			h.close()
			h.Link = newHostIn(t, map[*host]string{a: "a", b: "b"}[h], url, h.state).Link
		}
		// What came while it was down.
		c, got := a.consume(o)
		a.publish(message("ev.config.y", "3"))
		for _, want := range []string{"2", "3"} {
			if d := receive(t, got); d.ID != want {
				t.Errorf("%s, want %s", d.ID, want)
			} else {
				d.Ack()
				c.Room(1)
			}
		}
	})
}

// What a host was not told of when it was stored it finds later.
func TestQueue_eachHostNotTold(t *testing.T) {
	s := fake(t, func(s *natstest.Server) { s.Deaf = func(subject string) bool { return subject == "ev.config" } })
	h := newHostIn(t, "a", s.URL(), t.TempDir(), hurry)
	c, got := h.consume(link.ConsumeOptions{Subjects: []string{"ev.config"}, Group: "g", EachHost: true, From: link.From{All: true}})
	for _, id := range []string{"one", "two"} {
		h.publish(message("ev.config", id))
		d := receive(t, got)
		if d.ID != id {
			t.Errorf("%s came, want %s", d.ID, id)
		}
		d.Ack()
		c.Room(1)
	}
}

// A request for messages that was lost with the leader of the group is noticed, and made again.
func TestQueue_pullLost(t *testing.T) {
	s := fake(t)
	h := newHostIn(t, "a", s.URL(), t.TempDir(), hurry)
	c, got := h.consume(link.ConsumeOptions{Subjects: []string{"ev.jobs"}, Group: "g", From: link.From{All: true}})
	for i := range 3 {
		h.publish(message("ev.jobs", fmt.Sprint(i)))
		receive(t, got).Ack()
		c.Room(1)
		s.ForgetPulls()
	}
}

// A server that stands still is left, though its connections do not end.
func TestPing(t *testing.T) {
	s := fake(t)
	h := newHostIn(t, "a", s.URL(), t.TempDir(), hurry)
	h.publish(message("ev.x", "one"))
	s.Freeze()
	late := time.After(20 * time.Second)
	for !strings.Contains(h.said.String(), "the server is away") {
		select {
		case <-late:
			t.Fatalf("nothing was noticed: %s", h.said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// What is accepted while the server is away is stored in order once it is there again.
func TestSpool_inOrder(t *testing.T) {
	s := fake(t)
	state := t.TempDir()
	h := newHostIn(t, "a", s.URL(), state)
	if where := h.publish(message("ev.x", "0")); where != link.Server {
		t.Errorf("at first: %v", where)
	}
	s.Stop()
	for i := 1; i < 5; i++ {
		if where := h.publish(message("ev.x", fmt.Sprint(i))); where != link.Spool {
			t.Errorf("%d: %v", i, where)
		}
	}
	if n := h.State().Spooled; n != 4 {
		t.Errorf("%d are spooled", n)
	}
	h.close() // another ev finds them
	h = newHostIn(t, "a", s.URL(), state)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_, got := h.consume(link.ConsumeOptions{Subjects: []string{"ev.x"}, Group: "last"})
	_ = got
	c, got := h.consume(link.ConsumeOptions{Subjects: []string{"ev.x"}, Group: "all", From: link.From{All: true}})
	for i := range 5 {
		d := receive(t, got)
		if d.ID != fmt.Sprint(i) {
			t.Errorf("%s came at place %d", d.ID, i)
		}
		d.Ack()
		c.Room(1)
	}
	if !strings.Contains(h.said.String()+"the server is", "the server is") {
		t.Error(h.said.String())
	}
}

func TestSpool_full(t *testing.T) {
	s := fake(t)
	s.Stop()
	h := newHost(t, "a", s.URL())
	h.close()
	l, err := link.Open(link.Options{
		Server: s.URL(), StateDir: t.TempDir(), SpoolMax: 1000,
		Post: func(fn func()) { fn() }, Getenv: func(string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 20)
	for i := range 20 {
		l.Publish(message("ev.x", fmt.Sprint(i)), func(_ link.Stored, err error) { results <- err })
	}
	kept := 0
	for range 20 {
		switch err := receive(t, results); {
		case err == nil:
			kept++
		case errors.Is(err, link.ErrSpoolFull):
		default:
			t.Error(err)
		}
	}
	if kept == 0 || kept > 6 {
		t.Errorf("%d were kept in 1000 bytes", kept)
	}
	done := make(chan struct{})
	l.Close(func() { close(done) })
	<-done
}

func TestCheck(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		h := newHost(t, "a", url)
		if err := h.check(link.Need{Locks: []string{"job"}, Subjects: []string{"ev.a", "ev.b.c"}}); err != nil {
			t.Error(err)
		}
		err := h.check(link.Need{Subjects: []string{"orders.new"}})
		if file := strings.HasPrefix(url, "file:"); file != (err == nil) || !file && !strings.Contains(err.Error(), "no stream takes orders.new") {
			t.Errorf("a subject that nobody takes: %v", err)
		}
	})
}
