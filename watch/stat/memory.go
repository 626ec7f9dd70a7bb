package stat

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/durable"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A memory is the --state of a Watcher: a file with what was last told of each path, and dealt
// with. Of what is told, but not dealt with, it has what was before: whenever ev is killed, the
// next one tells it again.
//
// To paint a large tree takes a while, and to write for good takes as long as the disk does. So
// that is done beside the loop, and not for each event. After a crash what was dealt with since
// then is told once more.
type memory struct {
	file  *durable.File
	debts []*debt // in the order in which they were made
	open  int     // how many of them there will be an answer to
	dirty bool    // the file is behind
	idle  bool    // the Watcher is stopped
	tree  *tree   // what is to be painted then; nil: nothing
	busy  bool    // it is being written beside the loop
	told  bool    // that it can't be
	saves *loop.Timer
	every time.Duration // saveEvery; a test is in a hurry

	writing sync.Mutex      // held by who writes the file
	mu      sync.Mutex      // held for what follows, and for what becomes of the file itself
	painted int             // how often
	fresh   []byte          // notes of what was under way then, and was told since
	noted   map[string]bool // of which paths
}

// A debt is what an event tells that is not dealt with yet.
type debt struct {
	before map[string]record // by path
	types  map[string]uint32 // of file, by absolute path
	told   bool
}

const (
	saveEvery = time.Second // how much later than an event the file may be, mostly
	saveShare = 20          // of all time no more than this part goes into writing
)

// openMemory opens the file, and returns what is in it; nil if it is new.
func (s *Watcher) openMemory() (m *image, err error) {
	if s.memory == nil {
		s.memory = &memory{saves: loop.NewTimer(s.loop, 0, 0, s.save), every: saveEvery, noted: map[string]bool{}}
		s.memory.saves.KeepAlive(false)
	}
	if s.memory.file == nil { // otherwise what was told before the last Stop is not yet dealt with
		file, err := durable.Open(s.o.State)
		if err != nil {
			return nil, diag.Option("State", s.o.State, fmt.Errorf("the state can't be opened: %w", err))
		}
		s.memory.writing.Lock() // a write from before the last Stop may come late
		s.memory.file = file
		s.memory.writing.Unlock()
	}
	s.memory.idle, s.memory.tree = false, nil
	text, err := s.memory.file.Read(math.MaxInt64 - 1)
	switch {
	case err != nil:
		err = fmt.Errorf("the state can't be read: %w", err)
	case len(text) > 0:
		if m, err = parseImage(text); err == nil {
			err = m.isOf(rootsOf(s.o.Paths), s.o.Recursive)
		}
		if err != nil {
			err = fmt.Errorf("%s %w", s.o.State, err)
		}
	}
	if err != nil {
		s.memory.close()
		return nil, diag.Option("State", s.o.State, err)
	}
	return m, nil
}

// recall begins with what has changed while nobody watched. If nothing is remembered yet, all is as
// it is now.
func (s *Watcher) recall(t *tree, m *image) error {
	if m != nil {
		t.recall(m)
		return nil
	}
	if err := s.saveNow(t); err != nil {
		return diag.Option("State", s.o.State, err)
	}
	return nil
}

// owe makes the debt of an event: of what was found, what it tells.
func (m *memory) owe(found map[string]change, told []change) *debt {
	if m == nil {
		return nil
	}
	d := &debt{before: map[string]record{}, types: map[string]uint32{}}
	for _, c := range told {
		for _, path := range []string{c.path, c.from} {
			if f, ok := found[path]; ok {
				path = f.spot.path()
				d.before[path] = *f.was
				d.types[absolute(path)] = cmp.Or(f.now.format(), f.before.format())
			}
		}
	}
	m.debts = append(m.debts, d)
	return d
}

// byPath returns changes by what they are called.
func byPath(changes []change) map[string]change {
	m := make(map[string]change, len(changes))
	for _, c := range changes {
		m[c.path] = c
	}
	return m
}

// parcel goes with an event, and settles its debt.
func (s *Watcher) parcel(d *debt) *watch.Parcel {
	m := s.memory
	m.open++
	return watch.NewParcel(s.loop, func(a event.Answer) {
		m.open--
		if !a.Verdict.Again() {
			m.settle(d)
			s.remember()
		}
		m.release()
	})
}

// settle takes in that what was owed was dealt with.
func (m *memory) settle(d *debt) {
	m.debts = slices.DeleteFunc(m.debts, func(other *debt) bool { return other == d })
}

// note writes down, before news is told, what it is about. The file does not know yet what was told
// of a path and dealt with a moment ago; and a path that is again as the file has it would look to
// the next ev as if nothing had been told of it. It may take as long as the disk does.
func (m *memory) note(list []news) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	var notes []byte
	for _, n := range list {
		if n.debt != nil {
			n.debt.told = true
			notes = m.appendNotes(notes, n.debt)
		}
	}
	m.fresh = append(m.fresh, notes...)
	if err := m.file.Append(notes); err != nil {
		return fmt.Errorf("the state can't be saved: %w", err)
	}
	return nil
}

// appendNotes appends the notes of a debt that are not there yet.
func (m *memory) appendNotes(text []byte, d *debt) []byte {
	for path, format := range d.types {
		if !m.noted[path] {
			m.noted[path] = true
			text = appendNote(text, path, format)
		}
	}
	return text
}

// remember has the file written soon.
func (s *Watcher) remember() {
	m := s.memory
	m.dirty = true
	switch {
	case m.tree != nil: // the Watcher is stopped
		s.saved(s.saveNow(m.tree))
	case s.tree != nil && !m.busy && !m.saves.Active():
		m.saves.Set(0, 0)
		m.saves.Start()
	}
}

// save writes the file beside the loop.
func (s *Watcher) save() {
	m := s.memory
	if !m.dirty || s.postpone(saveState) {
		return
	}
	began := time.Now()
	before, number := m.begin()
	m.busy = true
	var text []byte
	s.errand(func(t *tree) { text = t.paint(before) }, func() {
		s.loop.Ref()
		go func() {
			err := m.write(text, number)
			s.loop.Post(func() {
				s.loop.Unref()
				m.busy = false
				s.saved(err)
				if s.tree != nil {
					m.saves.Set(max(m.every, saveShare*time.Since(began)), 0)
					m.saves.Start()
				}
			})
		}()
	})
}

// saveNow writes the file while everybody waits.
func (s *Watcher) saveNow(t *tree) error {
	before, number := s.memory.begin()
	return s.memory.write(t.paint(before), number)
}

// saved tells if the file could not be written.
func (s *Watcher) saved(err error) {
	m := s.memory
	if err == nil {
		m.told = false
		return
	}
	m.dirty = true
	if !m.told {
		s.o.Report.Errorf("%v: changes may be reported again after a restart", err)
	}
	m.told = true
}

// begin begins to paint: what is owed, and which painting that is.
func (m *memory) begin() (before map[string]record, number int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.painted++
	m.fresh, m.noted = nil, map[string]bool{}
	for _, d := range m.debts {
		if d.told {
			m.fresh = m.appendNotes(m.fresh, d)
		}
	}
	m.dirty = false
	return m.before(), m.painted
}

// before is what all debts together say.
func (m *memory) before() map[string]record {
	all := map[string]record{}
	for _, d := range slices.Backward(m.debts) { // the oldest counts
		maps.Copy(all, d.before)
	}
	return all
}

// write writes the file, unless it was painted anew meanwhile.
func (m *memory) write(text []byte, number int) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	if m.file == nil {
		return nil
	}
	draft, err := m.file.Draft(text)
	if err != nil {
		return fmt.Errorf("the state can't be saved: %w", err)
	}
	m.mu.Lock()
	if number < m.painted {
		draft.Discard()
	} else {
		err = draft.Commit(m.fresh)
	}
	m.mu.Unlock()
	if err == nil {
		err = m.file.SyncName()
	}
	if err != nil {
		return fmt.Errorf("the state can't be saved: %w", err)
	}
	return nil
}

// stop writes what is to be remembered of a tree, and gives the file up as soon as no answer is to
// come any more. Of a tree that an errand has the file is left as it is.
func (s *Watcher) stopMemory() {
	m := s.memory
	if m == nil {
		return
	}
	m.saves.Stop()
	m.saves.ClearPending()
	m.dirty = m.dirty || m.busy
	m.busy, m.idle = false, true
	if !s.tree.away {
		if m.tree = s.tree; m.dirty {
			s.saved(s.saveNow(m.tree))
		}
	}
	m.release()
}

// release gives the file up once it is not needed any more.
func (m *memory) release() {
	if m.idle && m.open == 0 {
		m.close()
	}
}

func (m *memory) close() {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		_ = m.file.Close()
	}
	m.file, m.tree, m.debts = nil, nil, nil
}
