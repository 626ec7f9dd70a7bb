package link

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A natsConsumer is one of a group: what it has room for it asks for, and it waits for that at the
// server, which says each half minute that it still knows.
type natsConsumer struct {
	link   *natsLink
	o      ConsumeOptions
	group  string // as the server has it
	got    func(*Delivery)
	failed func(error)
	ctx    context.Context //nolint:containedctx // it is the consumer's life
	cancel func()

	mu      sync.Mutex
	room    int
	asked   int              // for so many
	changed chan struct{}    // closed when there is more room
	pending map[string]int64 // by stream
	glance  glance
}

const (
	pullFor   = 10 * time.Minute
	heartbeat = 30 * time.Second
	joinIn    = 10 * time.Second // while a cluster chooses its leader, too
	firstFor  = time.Second      // a pull: a group that was just made may not hear of it
)

// Consume joins a group.
func (l *natsLink) Consume(o ConsumeOptions, got func(*Delivery), failed func(error)) Consumer {
	o.Subjects = slices.Sorted(slices.Values(o.Subjects)) // as others have them
	c := &natsConsumer{
		link: l, o: o, group: FileName(o.Group), got: got, failed: failed, changed: make(chan struct{}),
		pending: map[string]int64{},
	}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	checked := l.checks()
	joined := make(chan struct{})
	l.goes(func() {
		defer close(joined)
		await(c.ctx, checked)
		err := c.begin()
		if err != nil && c.ctx.Err() == nil {
			l.post(func() { failed(err) })
		}
	})
	if o.Joined != nil {
		l.goes(func() { c.tellJoined(joined) })
	}
	return c
}

// tellJoined tells that the group is there, or that there is nothing to be had now but patience.
func (c *natsConsumer) tellJoined(joined <-chan struct{}) {
	l := c.link
	ctx, cancel := context.WithTimeout(c.ctx, joinIn)
	defer cancel()
	connecting, cancel := context.WithTimeout(ctx, tellAway)
	defer cancel()
	if l.ready(connecting) == nil {
		select {
		case <-joined:
		case <-l.lost():
		case <-ctx.Done():
			if c.ctx.Err() == nil {
				l.o.Report.Noticef("%s: the server does not let ev join the group %s yet: waiting for it", l.name(), c.o.Group)
			}
		}
	}
	l.mu.Lock()
	if !l.isUp() {
		l.tellAwayOnce(nil)
	}
	l.mu.Unlock()
	l.post(func() {
		if c.ctx.Err() == nil {
			c.o.Joined()
		}
	})
}

// begin finds the streams, and consumes each. It returns once the group is there in all of them.
func (c *natsConsumer) begin() error {
	filters := map[string][]string{} // by stream
	for _, s := range c.o.Subjects {
		err := c.link.until(c.ctx, func() error {
			streams, err := c.link.streamsOf(c.ctx, s)
			for _, name := range streams {
				if !slices.Contains(filters[name], s) {
					filters[name] = append(filters[name], s)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	var joining sync.WaitGroup
	for stream, subjects := range filters {
		consume := c.pull
		if c.o.EachHost {
			consume = c.follow
		}
		joining.Add(1)
		joined := sync.OnceFunc(joining.Done)
		c.link.goes(func() {
			defer joined()
			err := consume(stream, subjects, joined)
			if err != nil && c.ctx.Err() == nil {
				c.link.post(func() { c.failed(err) })
			}
		})
	}
	joining.Wait()
	return nil
}

// Room says how many deliveries more may be had.
func (c *natsConsumer) Room(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	more := n > c.room
	c.room = n
	if more {
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// Pending is how many messages wait in the group. Of each host's own cursor the server knows nothing.
func (c *natsConsumer) Pending() (n int64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for stream, waits := range c.pending {
		n += waits
		if c.link.State().Connected {
			c.glance.look(c.link.goes, func() { _, _ = c.info(stream) })
		}
	}
	return n, len(c.pending) > 0
}

// info asks how the group is.
func (c *natsConsumer) info(stream string) (consumerConfig, error) {
	var a struct {
		Config  consumerConfig `json:"config"`
		Pending int64          `json:"num_pending"`
	}
	err := c.link.api(c.ctx, "CONSUMER.INFO."+stream+"."+c.group, nil, &a)
	if err == nil {
		c.waiting(stream, a.Pending)
	}
	return a.Config, err
}

func (c *natsConsumer) waiting(stream string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[stream] = n
}

// Close leaves the group.
func (c *natsConsumer) Close() { c.cancel() }

// vacancy returns how much is to be asked for, and what is closed when it is more.
func (c *natsConsumer) vacancy() (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room - c.asked, c.changed
}

func (c *natsConsumer) ask(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = max(c.asked+n, 0)
}

// waits reports whether something that was asked for has not come.
func (c *natsConsumer) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked > 0
}

func (c *natsConsumer) askedNothing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = 0
}

type consumerConfig struct {
	Name      string        `json:"name"`
	Durable   string        `json:"durable_name"`
	Deliver   string        `json:"deliver_policy"`
	StartTime *time.Time    `json:"opt_start_time,omitempty"`
	Ack       string        `json:"ack_policy"`
	AckWait   time.Duration `json:"ack_wait"`
	Tries     int           `json:"max_deliver"`
	Filters   []string      `json:"filter_subjects,omitempty"`
	Filter    string        `json:"filter_subject,omitempty"`
	Unacked   int           `json:"max_ack_pending"`
	Replay    string        `json:"replay_policy"`
}

// join makes the group, or has an old one be as it is described now, but for its beginning. It
// returns when the stream was created: where it is another than before, the group that is gone with
// that is one of all that the new one has.
func (c *natsConsumer) join(stream string, filters []string, created time.Time) (time.Time, error) {
	s, err := c.link.streamState(c.ctx, stream)
	if err != nil {
		return created, err
	}
	config := consumerConfig{
		Name: c.group, Durable: c.group, Deliver: "new", Ack: "explicit", AckWait: c.o.AckWait, Tries: -1,
		Unacked: 1000, Replay: "instant",
	}
	if c.o.Ordered {
		config.Unacked = 1
	}
	if config.Filters = filters; len(filters) == 1 {
		config.Filter, config.Filters = filters[0], nil
	}
	switch from := c.o.From; {
	case from.All:
		config.Deliver = "all"
	case !from.Time.IsZero():
		config.Deliver, config.StartTime = "by_start_time", &from.Time
	}
	was, err := c.info(stream)
	switch {
	case err == nil && was.AckWait == config.AckWait && was.Unacked == config.Unacked &&
		was.Filter == config.Filter && slices.Equal(was.Filters, config.Filters):
		return s.Created, nil
	case err == nil:
		config.Deliver, config.StartTime = was.Deliver, was.StartTime
		if was.Filter != config.Filter || !slices.Equal(was.Filters, config.Filters) {
			c.link.o.Report.Noticef("the group %s gets other events from now on: each ev of it needs the same subjects, %s",
				c.o.Group, strings.Join(filters, " "))
		}
	case !isAPI(err, errNoConsumer):
		return created, err
	case !created.IsZero() && !created.Equal(s.Created):
		c.link.tellAnew(stream, s.Created)
		config.Deliver, config.StartTime = "all", nil
	}
	err = c.link.api(c.ctx, "CONSUMER.CREATE."+stream+"."+c.group, map[string]any{"stream_name": stream, "config": config}, nil)
	if err == nil {
		_, err = c.info(stream)
	}
	if err != nil {
		return created, err
	}
	return s.Created, nil
}

// pull asks the group for messages until the consumer is closed.
func (c *natsConsumer) pull(stream string, filters []string, joined func()) error {
	pulse := c.link.pulse(c.ctx, heartbeat*3/2)
	var created time.Time
	for c.ctx.Err() == nil {
		err := c.link.onStream(c.ctx, stream, func() (err error) {
			created, err = c.join(stream, filters, created)
			return err
		})
		if e, ok := errors.AsType[*apiError](err); ok {
			err = faultf("the group %s of %s can't be used: %v", c.o.Group, stream, e)
		}
		if err != nil {
			return err
		}
		joined()
		c.askedNothing()
		c.receive(stream, pulse)
	}
	return nil
}

// receive asks and takes what comes, until something is amiss: the server is away, is silent, or
// does not know the group any more. The first pull is to be answered within three seconds; later no
// two pulses come without a heartbeat between them.
func (c *natsConsumer) receive(stream string, pulse <-chan struct{}) {
	nc := c.link.nc
	lost := c.link.lost()
	inbox := nc.NewInbox()
	came := make(chan *nats.Msg, 1024)
	sub, err := nc.ChanSubscribe(inbox, came)
	if err != nil {
		wait(c.ctx, retryIn)
		return
	}
	defer func() { _ = sub.Unsubscribe() }()
	first := time.NewTimer(3 * firstFor)
	defer first.Stop()
	answered, heard := false, true
	for {
		n, more := c.vacancy()
		if n > 0 {
			what := map[string]any{"batch": n, "expires": firstFor}
			if answered {
				what["expires"], what["idle_heartbeat"] = pullFor, heartbeat
			}
			question, _ := json.Marshal(what)
			pull := &nats.Msg{Subject: c.link.apiPrefix() + "CONSUMER.MSG.NEXT." + stream + "." + c.group, Reply: inbox, Data: question}
			if nc.PublishMsg(pull) != nil {
				wait(c.ctx, retryIn)
				return
			}
			c.ask(n)
			if heard = true; !answered {
				first.Reset(3 * firstFor)
			}
		}
		silent := false
		select {
		case <-more:
		case m := <-came:
			answered, heard = true, true
			first.Stop()
			if !c.take(m, stream) {
				wait(c.ctx, retryIn)
				return
			}
		case <-first.C:
			silent = true
		case <-pulse:
			silent, heard = !heard, false
		case <-lost:
			return
		case <-c.ctx.Done():
			return
		}
		if silent && c.waits() {
			return
		}
	}
}

// take takes what has come for a pull: a message, or a word of the server's. It reports whether the
// pulls go on.
func (c *natsConsumer) take(m *nats.Msg, stream string) bool {
	if len(m.Data) == 0 && m.Header.Get("Status") != "" {
		switch status := m.Header.Get("Status"); status {
		case "100": // heartbeat
			return true
		case "408", "409": // the end of a pull: what of it was left
			left, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
			c.ask(-left)
			return err == nil && status == "408"
		}
		return false
	}
	c.ask(-1)
	a, ok := parseAck(m.Reply)
	if !ok {
		return true
	}
	w := &work{consumer: c, stream: stream, reply: m.Reply, tries: a.delivered, seq: a.seq, sent: time.Now()}
	c.mu.Lock()
	c.room--
	c.pending[stream] = a.pending
	c.mu.Unlock()
	d := &Delivery{Message: Decode(m.Subject, m.Data), Seq: a.seq, Attempt: a.delivered}
	if !matches(c.o.Subjects, m.Subject) || !d.isFor(c.group) { // a dead letter that nobody has asked for, or another group's
		c.mu.Lock()
		c.room++
		c.mu.Unlock()
		w.say("+ACK")
		return true
	}
	if d.Time.IsZero() {
		d.Time = a.time
	}
	w.delivery = d
	d.ack, d.retry, d.dead = w.ack, w.retry, w.dead
	c.link.goes(w.begin)
	return true
}

// An ackSubject is what the reply subject of a message tells.
type ackSubject struct {
	delivered int
	seq       uint64
	time      time.Time
	pending   int64
}

// parseAck reads $JS.ACK.STREAM.GROUP.DELIVERED.SEQ.GROUPSEQ.TIME.PENDING, which newer servers
// write with two words more before the stream and one after.
func parseAck(reply string) (a ackSubject, ok bool) {
	words := strings.Split(reply, ".")
	if len(words) < 9 || words[0] != "$JS" || words[1] != "ACK" {
		return a, false
	}
	words = words[2:]
	if len(words) > 7 {
		words = words[2:]
	}
	var number [5]int64
	for i := range number {
		n, err := strconv.ParseInt(words[2+i], 10, 64)
		if err != nil {
			return a, false
		}
		number[i] = n
	}
	return ackSubject{int(number[0]), uint64(number[1]), time.Unix(0, number[3]), number[4]}, true
}
