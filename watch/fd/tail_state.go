package fd

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/evshell/ev/internal/durable"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A place is how far a file was read, in a file of one line.
type place struct {
	record *watch.Record
	known  bool

	id     fileID
	offset int64
	prior  uint64    // a hash of what is before it
	until  time.Time // what was last written before, in other files, is dealt with
}

// saveEvery is how much later a place is saved than it has changed, at most.
const saveEvery = time.Second

const placeFormat = "ev watch-fd has read device %d inode %d to byte %d after %016x at %d\n"

// openPlace reads a place, which nobody else has until it is closed. One that does not exist, or is
// empty, is new. Wrote is told what has become of each place that is saved.
func openPlace(l *loop.Loop, path string, wrote func(error)) (*place, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the state can't be opened: %w", err)
	}
	p := &place{record: watch.NewRecord(l, f, wrote)}
	if err := p.read(f, path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return p, nil
}

func (p *place) read(f *durable.File, path string) error {
	text, err := f.Read(1 << 10)
	switch {
	case err != nil:
		return fmt.Errorf("the state can't be read: %w", err)
	case len(text) == 0: // whether it can be saved is known at the start
		if err := f.Replace(nil); err != nil {
			return fmt.Errorf("the state can't be saved: %w", err)
		}
		return nil
	}
	var until int64
	n, err := fmt.Sscanf(string(text), placeFormat, &p.id.dev, &p.id.ino, &p.offset, &p.prior, &until)
	if err != nil || n < 5 || p.offset < 0 {
		return fmt.Errorf("%s is not a state of ev watch-fd, or is damaged: give --state a file of its own, or remove it to begin anew", path)
	}
	p.known, p.until = true, time.Unix(0, until)
	return nil
}

func hashOf(prior []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(prior)
	return h.Sum64()
}

// resume goes to a place, if the file is still what it was before it.
func (f *tailed) resume(p *place) bool {
	if f.goTo(p.offset) && hashOf(f.prior) == p.prior {
		return true
	}
	f.offset, f.prior = 0, nil
	return false
}

// save saves a place in a file.
func (p *place) save(f *tailed, offset int64, until time.Time) {
	at := *f
	if offset < f.offset && !at.goTo(offset) {
		return // it was truncated, which is not known yet
	}
	p.id, p.offset, p.prior = at.id, at.offset, hashOf(at.prior)
	p.mark(until)
}

// saveNone saves that there is no file yet: one that comes is read from its beginning. What is known
// of a file that has gone stays.
func (p *place) saveNone() {
	if !p.known {
		p.mark(time.Now())
	}
}

func (p *place) mark(until time.Time) {
	p.known, p.until = true, until
	p.record.Replace(fmt.Appendf(nil, placeFormat, p.id.dev, p.id.ino, p.offset, p.prior, until.UnixNano()))
}
