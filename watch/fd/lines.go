package fd

import "bytes"

// A splitter cuts a stream into records. It is given the stream in chunks of any size; how it was
// cut makes no difference to the records, and none is lost.
//
// A record longer than the limit comes in pieces of that length, each but the last marked as
// partial, so that the end of the record can be told.
type splitter struct {
	sep   byte
	limit int
	whole bool // each chunk is one record: no separator, no limit

	head []byte // how a record begins whose end has not come; without sep, not over the limit
	rest []byte // what follows it in the last chunk
}

// keepHead is the size up to which the memory of a record that came in more than one chunk is kept
// for the next one.
const keepHead = 4 << 10

// add gives it the next chunk. All of the last one must have been taken. The chunk is the caller's
// again once next has returned false, or after keep.
func (s *splitter) add(chunk []byte) { s.rest = chunk }

// next returns the next record or piece of one, good until the following call; or false if there is
// none before the next chunk.
func (s *splitter) next() (record []byte, partial, ok bool) {
	if len(s.rest) == 0 {
		return nil, false, false
	}
	if s.whole {
		return s.take(len(s.rest)), false, true
	}
	room := s.limit - len(s.head)
	if i := bytes.IndexByte(s.rest[:min(len(s.rest), room+1)], s.sep); i >= 0 {
		record = s.take(i)
		s.rest = s.rest[1:]
		return record, false, true
	}
	if len(s.rest) > room {
		return s.take(room), true, true
	}
	s.head = append(s.head, s.rest...)
	s.rest = nil
	return nil, false, false
}

// reach returns how many bytes of a chunk that is yet to be added belong to so many records and
// pieces.
func (s *splitter) reach(chunk []byte, records int) int {
	at, room := 0, s.limit-len(s.head)
	for ; records > 0 && at < len(chunk); records-- {
		rest := chunk[at:]
		if i := bytes.IndexByte(rest[:min(len(rest), room+1)], s.sep); i >= 0 {
			at += i + 1
		} else {
			at += min(len(rest), max(room, 1))
		}
		room = s.limit
	}
	return at
}

// last returns the record that the stream ends with, if it ends without a separator.
func (s *splitter) last() (record []byte, ok bool) {
	ok = len(s.head) > 0
	return s.take(0), ok
}

// take returns head and n bytes of rest as one.
func (s *splitter) take(n int) []byte {
	record := s.rest[:n]
	if len(s.head) > 0 {
		record = append(s.head, record...)
		s.head = record[:0]
		if cap(record) > keepHead {
			s.head = nil
		}
	}
	s.rest = s.rest[n:]
	return record
}

// keep moves what is left of the chunk into memory of its own.
func (s *splitter) keep() { s.rest = bytes.Clone(s.rest) }

// left returns how many bytes it holds that were not given out.
func (s *splitter) left() int { return len(s.head) + len(s.rest) }
