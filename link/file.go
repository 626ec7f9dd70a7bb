package link

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/durable"
)

// A fileLink is the engine of one machine. A lock is a file under flock(2), which the command
// inherits: the kernel is its lease. Stored events are a spool that all groups read, each with a
// cursor of its own.
type fileLink struct {
	dir    string
	o      Options
	ctx    context.Context //nolint:containedctx // it is the link's life
	cancel func()
	work   sync.WaitGroup

	mu     sync.Mutex
	events *spool // nil: not opened
	err    error
	waits  map[string]bool // what waits for the disk, as was told

	outbox   inOrder                  // what is published
	releases map[string]chan struct{} // by lock: closed once the last one is given back
}

var _ Link = (*fileLink)(nil)

const (
	keepFor   = 7 * 24 * time.Hour // as the stream ev has it
	keepBytes = 1 << 30
	knownFor  = time.Hour // an id
)

func newFileLink(dir string, o Options) *fileLink {
	l := &fileLink{dir: dir, o: o, waits: map[string]bool{}, releases: map[string]chan struct{}{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// post has fn called on the loop's goroutine, unless the link is closed.
func (l *fileLink) post(fn func()) {
	l.o.Post(func() {
		if l.ctx.Err() == nil {
			fn()
		}
	})
}

// Check makes the directories: one that can't be is known at the start.
func (l *fileLink) Check(_ Need, then func(error)) {
	_, err := l.opened()
	if err == nil {
		err = os.MkdirAll(l.lockDir(), 0o700)
	}
	if err != nil {
		err = faultf("--server file: %v: name a directory that can be written to, as in --server file:DIR", err)
	}
	l.post(func() { then(err) })
}

func (l *fileLink) lockDir() string { return filepath.Join(l.dir, "lock") }

func (l *fileLink) opened() (*spool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events == nil && l.err == nil {
		l.events, l.err = openSpool(filepath.Join(l.dir, "events"), 0)
		if l.err == nil {
			l.err = os.MkdirAll(filepath.Join(l.dir, "events", "id"), 0o700)
		}
	}
	return l.events, l.err
}

// Claim waits for the lock in the kernel, on a thread of its own.
func (l *fileLink) Claim(c Claim, then func(*Grant)) (cancel func()) {
	ctx, stop := context.WithCancel(l.ctx)
	given := l.releases[c.Lock]
	go func() { // not of work: flock(2) can't be interrupted
		if given != nil {
			<-given
		}
		g := l.claim(ctx, c)
		l.o.Post(func() {
			if ctx.Err() != nil { // cancelled meanwhile
				if g.undo != nil {
					g.undo()
				}
				return
			}
			stop()
			then(g)
		})
	}()
	return stop
}

func (l *fileLink) recordPath(lock string) string {
	return filepath.Join(l.lockDir(), FileName(lock)+".json")
}

func (l *fileLink) record(lock string) (record, error) {
	text, err := readFile(l.recordPath(lock))
	if err != nil {
		return record{}, err
	}
	r, err := parseRecord(text)
	if err != nil {
		return r, fmt.Errorf("%s is damaged: remove it to begin anew: %w", l.recordPath(lock), err)
	}
	return r, nil
}

func (l *fileLink) claim(ctx context.Context, c Claim) *Grant {
	var g *Grant
	err := l.patiently(ctx, "the lock "+c.Lock, func() (err error) {
		g, err = l.try(ctx, c)
		return err
	})
	if err != nil {
		return &Grant{Outcome: Failed, Err: err}
	}
	return g
}

func (l *fileLink) try(ctx context.Context, c Claim) (*Grant, error) {
	if err := os.MkdirAll(l.lockDir(), 0o700); err != nil {
		return nil, err
	}
	r, err := l.record(c.Lock)
	if err != nil {
		return nil, err
	}
	if r.dealtWith(c) && !r.cutOff(c) || c.Rescue && !r.cutOff(c) {
		return &Grant{Outcome: Elsewhere}, nil
	}
	f, err := lockFile(filepath.Join(l.lockDir(), FileName(c.Lock)), !c.Skip)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return &Grant{Outcome: Busy, Holder: r.Holder}, nil
	}
	if err != nil {
		return nil, err
	}
	if r, err = l.record(c.Lock); err == nil && ctx.Err() == nil {
		again := r.cutOff(c)
		if !again && (r.dealtWith(c) || c.Rescue) {
			_ = f.Close()
			return &Grant{Outcome: Elsewhere}, nil
		}
		n := r.taken(c, l.holder())
		n.Fence = r.Fence + 1
		if err = durable.WriteFile(l.recordPath(c.Lock), n.encode()); err == nil {
			return &Grant{
				Outcome: Won, Due: n.At, Settled: r.Due[c.Label], Again: again, Missed: n.Missed, Fence: n.Fence, Holder: n.Holder, File: f,
				Released: func(settled time.Time) { l.giveBack(c.Lock, f, n.released(settled)) },
				undo:     func() { l.giveBack(c.Lock, f, n.undone(r, c)) },
			}, nil
		}
	}
	_ = f.Close()
	return nil, errors.Join(err, ctx.Err())
}

// patiently tries until it succeeds, or fails in a way that does not pass. That it waits is told once,
// and when that is over.
func (l *fileLink) patiently(ctx context.Context, what string, try func() error) error {
	for pause := retryIn; ; pause = min(2*pause, time.Minute) {
		err := try()
		waits := ebbs(err) && ctx.Err() == nil
		l.mu.Lock()
		told := l.waits[what]
		l.waits[what] = waits || told && err != nil
		l.mu.Unlock()
		switch {
		case waits && !told:
			l.o.Report.Errorf("%s: %v: waiting until that is over", what, err)
		case told && err == nil:
			l.o.Report.Noticef("%s: that is over", what)
		}
		if !waits {
			return err
		}
		wait(ctx, pause)
	}
}

// giveBack ends a run, with what the record is after it.
func (l *fileLink) giveBack(lock string, f *os.File, r record) {
	given := make(chan struct{})
	l.releases[lock] = given
	l.work.Go(func() {
		defer close(given)
		err := l.patiently(l.ctx, "the lock "+lock, func() error { return durable.WriteFile(l.recordPath(lock), r.encode()) })
		if err != nil {
			l.o.Report.Errorf("the lock %s: the end of its run can't be saved: %v", lock, err)
		}
		_ = f.Close()
	})
}

func (l *fileLink) holder() string { return fmt.Sprintf("%s/%d", l.o.Host, os.Getpid()) }

// Settled reads the record of the lock.
func (l *fileLink) Settled(lock, label string, then func(time.Time, error)) {
	l.work.Go(func() {
		r, err := l.record(lock)
		l.post(func() { then(r.Due[label], err) })
	})
}

// Publish adds to the spool, and wakes who reads it.
func (l *fileLink) Publish(m Message, then func(Stored, error)) {
	l.outbox.do(l.work.Go, func() {
		events, err := l.opened()
		if err == nil {
			err = l.publish(events, m)
		}
		l.post(func() { then(Server, err) })
	})
}

func (l *fileLink) publish(events *spool, m Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := sha256.Sum256([]byte(m.key()))
	id := filepath.Join(events.dir, "id", hex.EncodeToString(sum[:16]))
	if err := os.MkdirAll(filepath.Dir(id), 0o700); err != nil { // somebody may have tidied up
		return err
	}
	if info, err := os.Stat(id); err == nil && time.Since(info.ModTime()) < knownFor {
		return nil
	}
	seq, err := events.add(entry{Subject: m.Subject, ID: m.key(), Time: time.Now(), Body: m.Encode()})
	if err != nil {
		return err
	}
	if seq%256 == 0 {
		events.prune(keepFor, keepBytes)
		pruneIDs(filepath.Dir(id))
	}
	_ = os.WriteFile(id, nil, 0o600) // without it the same one may be stored again
	l.wakeAll()
	return nil
}

func pruneIDs(dir string) {
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if info, err := f.Info(); err == nil && time.Since(info.ModTime()) > knownFor {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}

// Ask fails: the ev of this machine have sockets for that.
func (l *fileLink) Ask(_ string, _ []byte, _ time.Duration, _ func([]byte), asked func(error)) {
	l.post(func() { asked(faultf("%s has nobody who answers", l.State().Server)) })
}

// Answer has nothing to answer: nobody asks.
func (l *fileLink) Answer(string, func(Question)) {}

// State is always connected.
func (l *fileLink) State() State { return State{Server: "file:" + l.dir, Connected: true} }

// LockState asks the kernel.
func (l *fileLink) LockState(lock string) LockState {
	s := LockState{Known: true}
	if isLocked(filepath.Join(l.lockDir(), FileName(lock))) {
		r, _ := l.record(lock)
		s.Holder, s.Since = r.Holder, r.Since
	}
	return s
}

// Close ends it.
func (l *fileLink) Close(done func()) {
	l.cancel()
	go func() {
		l.work.Wait()
		done()
	}()
}

// wakeAll tells all consumers on this machine that there is something new: each has a FIFO. One
// that nobody reads is what a dead one has left.
func (l *fileLink) wakeAll() {
	fifos, _ := filepath.Glob(filepath.Join(l.dir, "wake", "*"))
	for _, name := range fifos {
		fd, err := unix.Open(name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENXIO) {
			_ = os.Remove(name)
		}
		if err == nil {
			_, _ = unix.Write(fd, []byte{0}) // one that is full has been told
			_ = unix.Close(fd)
		}
	}
}
