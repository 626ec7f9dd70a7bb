package link

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/durable"
)

// A fileConsumer is one of a group. What the group has taken is in a file that they change under a
// lock; each message that is at work is a file that its consumer has locked, so that the kernel
// tells when that has died.
type fileConsumer struct {
	link   *fileLink
	o      ConsumeOptions
	name   string // of the group, in subjects
	got    func(*Delivery)
	failed func(error)
	events *spool
	ctx    context.Context //nolint:containedctx // it is the consumer's life
	cancel func()
	wake   chan struct{}
	fifo   *os.File

	mu      sync.Mutex
	room    int
	waits   int64
	glance  glance
	watched bool // a goroutine waits for the end of another's work
}

// A group is what the file of a group has in it.
type group struct {
	Next    uint64           `json:"next"` // the first message that nobody has taken
	Pending map[uint64]*item `json:"pending,omitempty"`
	// Subjects are what those who share it get.
	Subjects []string `json:"subjects,omitempty"`
}

// An item is a message that was taken and is not done.
type item struct {
	Attempt int       `json:"attempt"`
	Started bool      `json:"started"`
	Due     time.Time `json:"due,omitzero"` // when it comes again
}

// Consume joins a group.
func (l *fileLink) Consume(o ConsumeOptions, got func(*Delivery), failed func(error)) Consumer {
	o.Subjects = slices.Sorted(slices.Values(o.Subjects)) // as others have them
	name := FileName(o.Group)
	if o.EachHost {
		o.Group += "." + l.o.Host
	}
	c := &fileConsumer{link: l, o: o, name: name, got: got, failed: failed, wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	ready := make(chan struct{})
	l.work.Go(func() {
		err := c.open()
		close(ready)
		if err != nil {
			l.post(func() { failed(faultf("%v", err)) })
			return
		}
		if o.Joined != nil {
			l.post(o.Joined)
		}
		c.serve()
	})
	<-ready // what is published from now on is for a group that is new
	return c
}

func (c *fileConsumer) open() (err error) {
	if c.events, err = c.link.opened(); err != nil {
		return err
	}
	wakes := filepath.Join(c.link.dir, "wake")
	if err := errors.Join(os.MkdirAll(wakes, 0o700), os.MkdirAll(c.runDir(), 0o700)); err != nil {
		return err
	}
	name := filepath.Join(wakes, fmt.Sprintf("%d-%s", os.Getpid(), rand.Text()))
	// It has its name once it is read: others remove one that nobody reads.
	hidden := filepath.Join(c.link.dir, filepath.Base(name))
	if err := unix.Mkfifo(hidden, 0o600); err != nil {
		return &os.PathError{Op: "mkfifo", Path: hidden, Err: err}
	}
	// Reading and writing, so that it never ends.
	if c.fifo, err = os.OpenFile(hidden, os.O_RDWR|unix.O_NONBLOCK, 0); err != nil {
		return err
	}
	if err := os.Rename(hidden, name); err != nil {
		return err
	}
	context.AfterFunc(c.ctx, func() {
		_ = os.Remove(name)
		_ = c.fifo.Close()
	})
	c.link.work.Go(func() {
		for buf := make([]byte, 512); ; c.stir() {
			if _, err := c.fifo.Read(buf); err != nil {
				return
			}
		}
	})
	return c.change(func(g *group) error {
		if was := g.Subjects; was != nil && !c.o.EachHost && !slices.Equal(was, c.o.Subjects) {
			c.link.o.Report.Noticef("the group %s gets other events from now on: each ev of it needs the same subjects, %s",
				c.o.Group, strings.Join(c.o.Subjects, " "))
		}
		g.Subjects = c.o.Subjects
		return c.count(g)
	})
}

func (c *fileConsumer) groupPath() string {
	return filepath.Join(c.link.dir, "group", FileName(c.o.Group))
}

func (c *fileConsumer) runDir() string { return c.groupPath() + ".run" }

func (c *fileConsumer) runPath(seq uint64) string {
	return filepath.Join(c.runDir(), strconv.FormatUint(seq, 10))
}

// change changes the group's file under its lock. What is to be done once it is written is done under
// the lock, too.
func (c *fileConsumer) change(fn func(*group) error, then ...func()) error {
	lock, err := lockFile(c.groupPath()+".lock", true)
	if err != nil {
		return err
	}
	defer lock.Close()
	g := group{Pending: map[uint64]*item{}}
	text, err := readFile(c.groupPath() + ".json")
	if err != nil {
		return err
	}
	if text == nil {
		g.Next = c.first()
	} else if err := json.Unmarshal(text, &g); err != nil {
		return fmt.Errorf("%s.json is damaged: remove it to begin anew with what comes: %w", c.groupPath(), err)
	}
	if g.Pending == nil {
		g.Pending = map[uint64]*item{}
	}
	if err := fn(&g); err != nil {
		return err
	}
	changed, err := json.Marshal(g)
	if err == nil && string(changed) != string(text) {
		err = durable.WriteFile(c.groupPath()+".json", changed)
	}
	if err == nil {
		for _, do := range then {
			do()
		}
	}
	return err
}

// first is where a new group begins.
func (c *fileConsumer) first() uint64 {
	switch {
	case c.o.From.All:
		return 1
	case !c.o.From.Time.IsZero():
		return c.events.since(c.o.From.Time) + 1
	}
	return c.events.last() + 1
}

func (c *fileConsumer) stir() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Room says how many deliveries more may be had.
func (c *fileConsumer) Room(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room = n
	if n > 0 {
		c.stir()
	}
}

// Pending is how many messages wait, when it was looked at last.
func (c *fileConsumer) Pending() (int64, bool) {
	c.glance.look(c.link.work.Go, func() { _ = c.change(c.count) })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waits, true
}

// count counts what nobody has taken.
func (c *fileConsumer) count(g *group) error {
	var n int64
	for seq, e, ok := c.events.after(g.Next - 1); ok; seq, e, ok = c.events.after(seq) {
		if c.wants(e) {
			n++
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = n
	return nil
}

func (c *fileConsumer) wants(e entry) bool {
	m := Decode(e.Subject, e.Body)
	return matches(c.o.Subjects, e.Subject) && m.isFor(c.name)
}

// Close leaves the group.
func (c *fileConsumer) Close() { c.cancel() }

// serve takes messages until the consumer is closed.
func (c *fileConsumer) serve() {
	for c.ctx.Err() == nil {
		var d *Delivery
		var again time.Duration
		err := c.link.patiently(c.ctx, "the group "+c.o.Group, func() error {
			d, again = nil, forever
			err := c.change(func(g *group) (err error) {
				c.mu.Lock()
				room := c.room
				c.mu.Unlock()
				if room > 0 {
					d, again, err = c.take(g)
				}
				return err
			})
			if err != nil && d != nil {
				d.drop()
			}
			return err
		})
		if err != nil {
			c.link.post(func() { c.failed(err) })
			return
		}
		if d != nil {
			c.mu.Lock()
			c.room--
			c.mu.Unlock()
			c.link.o.Post(func() {
				if c.ctx.Err() != nil {
					d.Retry(0, false)
					return
				}
				c.got(d)
			})
			continue
		}
		timer := time.NewTimer(again)
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.ctx.Done():
		}
		timer.Stop()
	}
}

// take takes what is to be dealt with next; if there is nothing, it returns when to look again
// though nobody wakes the consumer.
func (c *fileConsumer) take(g *group) (*Delivery, time.Duration, error) {
	again := forever
	busy := false
	for _, seq := range slices.Sorted(maps.Keys(g.Pending)) {
		it := g.Pending[seq]
		if wait := time.Until(it.Due); wait > 0 {
			again = min(again, wait)
			busy = true
			if c.o.Ordered {
				break
			}
			continue
		}
		run, err := lockFile(c.runPath(seq), false)
		if errors.Is(err, unix.EWOULDBLOCK) {
			busy = true
			c.watch(seq)
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		e, err := c.events.read(seq)
		if err != nil { // it was pruned
			delete(g.Pending, seq)
			c.close(run)
			continue
		}
		if it.Started {
			it.Attempt++ // who had it is dead
		}
		it.Started = true
		return c.delivery(seq, e, it.Attempt, run), 0, nil
	}
	if busy && c.o.Ordered {
		return nil, again, nil
	}
	for {
		seq, e, ok := c.events.after(g.Next - 1)
		if !ok {
			return nil, again, nil
		}
		g.Next = seq + 1
		if !c.wants(e) {
			continue
		}
		run, err := lockFile(c.runPath(seq), false)
		if err != nil {
			return nil, 0, err
		}
		g.Pending[seq] = &item{Attempt: 1, Started: true}
		c.mu.Lock()
		c.waits = max(c.waits-1, 0) // until it is counted anew
		c.mu.Unlock()
		return c.delivery(seq, e, 1, run), 0, nil
	}
}

// watch has the consumer look again once another's work has ended, whether it was done or has died.
func (c *fileConsumer) watch(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched {
		return
	}
	c.watched = true
	go func() { // flock(2) can't be interrupted
		if f, err := os.OpenFile(c.runPath(seq), os.O_RDWR, 0); err == nil {
			_ = flock(f, unix.LOCK_EX)
			_ = f.Close()
		}
		c.mu.Lock()
		c.watched = false
		c.mu.Unlock()
		c.stir()
	}()
}

// close ends the work on a message. It is called under the group's lock, as take is: otherwise one
// could open the file before it is removed, another make it anew, and both lock it.
func (c *fileConsumer) close(run *os.File) {
	_ = os.Remove(run.Name())
	_ = run.Close()
}

func (c *fileConsumer) delivery(seq uint64, e entry, attempt int, run *os.File) *Delivery {
	d := &Delivery{Message: Decode(e.Subject, e.Body), Seq: seq, Attempt: attempt}
	if d.Time.IsZero() {
		d.Time = e.Time
	}
	settle := func(fn func(*group)) {
		err := c.link.patiently(c.link.ctx, "the group "+c.o.Group, func() error {
			return c.change(func(g *group) error { fn(g); return nil }, func() { c.close(run) })
		})
		if err != nil {
			c.link.o.Report.Errorf("the group %s: the outcome of message %d can't be saved, and it may come again: %v",
				c.o.Group, seq, err)
			_ = run.Close()
		}
	}
	ack := func() { settle(func(g *group) { delete(g.Pending, seq) }) }
	retry := func(after time.Duration, counts bool) {
		settle(func(g *group) {
			it := g.Pending[seq]
			if it == nil {
				return
			}
			it.Started = false
			it.Due = time.Time{}
			if after > 0 {
				it.Due = time.Now().Add(after)
			}
			if counts {
				it.Attempt++
			}
		})
		c.link.wakeAll()
	}
	do := c.link.work.Go
	d.drop = func() { _ = run.Close() }
	d.ack = func() { do(ack) }
	d.retry = func(after time.Duration, counts bool) { do(func() { retry(after, counts) }) }
	d.dead = func(why DeadLetter) {
		do(func() {
			if err := c.link.publish(c.events, deadLetter(d, c.name, why)); err != nil {
				c.link.o.Report.Errorf("%s: message %d can't be moved to the dead letters, and comes again: %v", d.Subject, seq, err)
				retry(time.Minute, false)
				return
			}
			ack()
		})
	}
	return d
}
