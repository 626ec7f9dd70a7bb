package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/evshell/ev/internal/durable"
)

// A spool is a directory of messages in order, each a file named after its number. Several
// processes may add to it. What has been added outlasts a crash and a loss of power; a file that is
// being written has another name until it is whole.
type spool struct {
	dir    string
	max    int64 // bytes; 0: no limit
	counts bool  // bytes and events are known, but for what others do
	bytes  int64
	events int
}

// An entry is a message in a spool.
type entry struct {
	Subject string    `json:"subject"`
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Body    []byte    `json:"-"`
}

const lastName = "last" // of the file that has the highest number yet given

func openSpool(dir string, most int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &spool{dir: dir, max: most}, nil
}

func (s *spool) path(seq uint64) string { return filepath.Join(s.dir, fmt.Sprintf("%020d", seq)) }

// add appends an entry, and returns its number.
func (s *spool) add(e entry) (uint64, error) {
	lock, err := lockFile(filepath.Join(s.dir, "lock"), true)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	head, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	text := slices.Concat(head, []byte("\n"), e.Body)
	if s.max > 0 {
		if !s.counts || s.bytes+int64(len(text)) > s.max {
			s.count()
		}
		if s.bytes+int64(len(text)) > s.max {
			return 0, ErrSpoolFull
		}
	}
	seq := s.last() + 1
	for exists(s.path(seq)) { // the number was not written down before a crash
		seq++
	}
	if err := durable.WriteFile(s.path(seq), text); err != nil {
		return 0, err
	}
	s.bytes += int64(len(text))
	s.events++
	if err := s.setLast(seq); err != nil {
		_ = s.remove(seq) // it is not there for those who read, and would be stored twice
		return 0, err
	}
	return seq, nil
}

func (s *spool) setLast(seq uint64) error {
	name := filepath.Join(s.dir, ".last")
	if err := os.WriteFile(name, strconv.AppendUint(nil, seq, 10), 0o600); err != nil {
		return err
	}
	return os.Rename(name, filepath.Join(s.dir, lastName))
}

// last is the highest number that was ever given.
func (s *spool) last() uint64 {
	text, _ := os.ReadFile(filepath.Join(s.dir, lastName))
	if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		return n
	}
	if all := s.list(); len(all) > 0 {
		return all[len(all)-1]
	}
	return 0
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// list returns the numbers of all entries, the oldest first.
func (s *spool) list() []uint64 {
	var all []uint64
	files, _ := os.ReadDir(s.dir)
	for _, f := range files {
		if seq, err := strconv.ParseUint(f.Name(), 10, 64); err == nil && len(f.Name()) == 20 {
			all = append(all, seq)
		}
	}
	return all
}

// after returns the first entry with a number above seq.
func (s *spool) after(seq uint64) (uint64, entry, bool) {
	for next := seq + 1; next <= s.last(); next++ {
		e, err := s.read(next)
		if err == nil {
			return next, e, true
		}
		i, _ := slices.BinarySearch(s.list(), next+1)
		if all := s.list(); i < len(all) {
			next = all[i] - 1
			continue
		}
		break
	}
	return 0, entry{}, false
}

func (s *spool) read(seq uint64) (e entry, err error) {
	text, err := os.ReadFile(s.path(seq))
	if err != nil {
		return e, err
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	if err := json.Unmarshal(head, &e); err != nil {
		return e, fmt.Errorf("%s is damaged: %w", s.path(seq), err)
	}
	e.Body = body
	return e, nil
}

func (s *spool) remove(seq uint64) error {
	info, err := os.Stat(s.path(seq))
	if err == nil {
		err = os.Remove(s.path(seq))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		s.bytes, s.events = max(s.bytes-info.Size(), 0), max(s.events-1, 0)
	}
	return err
}

// count looks how much there is.
func (s *spool) count() {
	s.counts, s.bytes, s.events = true, 0, 0
	for _, seq := range s.list() {
		if info, err := os.Stat(s.path(seq)); err == nil {
			s.bytes += info.Size()
			s.events++
		}
	}
}

// prune removes what is older than age, and the oldest beyond a number of bytes.
func (s *spool) prune(age time.Duration, most int64) {
	s.count()
	for _, seq := range s.list() {
		info, err := os.Stat(s.path(seq))
		if err != nil {
			continue
		}
		if time.Since(info.ModTime()) < age && s.bytes <= most {
			return
		}
		_ = s.remove(seq)
	}
}

// since is the number before the first entry that was stored at or after a time.
func (s *spool) since(at time.Time) uint64 {
	for _, seq := range s.list() {
		if e, err := s.read(seq); err == nil && !e.Time.Before(at) {
			return seq - 1
		}
	}
	return s.last()
}

const forever = time.Duration(math.MaxInt64)
