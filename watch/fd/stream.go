package fd

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// A stream is a descriptor that is watched, and read if so asked.
type stream struct {
	w      *Watcher
	form   form
	peer   string // of a connection
	fd     int
	owned  bool       // opened by ev
	keeper fifoKeeper // of a FIFO that ev opened
	io     *loop.IO
	told   bool // that it is ready, and left to be read
	level  level

	in     Input
	split  splitter
	eof    bool
	closed bool
}

func (w *Watcher) newStream(form form, fd int) *stream {
	s := &stream{w: w, form: form, fd: fd, in: NewInput(fd), keeper: fifoKeeper{fd: -1}}
	s.split = splitter{sep: w.opts.Separator, limit: w.opts.Limit, whole: w.opts.Reading == ReadData}
	want := w.opts.Want
	if want&loop.Urgent != 0 {
		want |= loop.Hangup // nothing more comes then
	}
	if want&loop.Hangup != 0 && s.in.isTCP() {
		want |= loop.Shut
	}
	s.io = loop.NewIO(w.loop, fd, want, s.ready)
	s.io.SetPriority(w.priority)
	return s
}

// resume watches the descriptor, and goes on with what was read of it. One that a command has had
// and that has come to its end is watched no more: it would be ready for ever.
func (s *stream) resume() {
	if err := s.keeper.open(); err != nil {
		s.w.lose(s, s.form, err)
		return
	}
	if s.told && s.over() {
		s.w.drop(s)
		return
	}
	s.io.Start()
	if s.eof || s.split.left() > 0 {
		s.io.Feed()
	}
}

func (s *stream) over() bool {
	if s.w.opts.Want&loop.Read != 0 {
		return s.in.ended()
	}
	return s.in.broken()
}

// wait stops watching until the watcher is not held any more. The command that has a FIFO for its
// input then comes to the end of it, once the writers have.
func (s *stream) wait() {
	s.io.Stop()
	if s.w.opts.Reading == ReadNothing {
		s.keeper.close()
	}
	s.w.waiting = append(s.w.waiting, s)
}

func (s *stream) feed() {
	if s.w.opts.Reading != ReadNothing {
		s.emit(event.FD{Groups: s.w.captured("", nil)})
		return
	}
	s.offer(0)
}

func (s *stream) pending() bool { return s.io.Pending() }

func (s *stream) close() {
	s.closed = true
	s.giveBack()
	s.keeper.close()
	s.in.Close()
	if s.owned {
		_ = s.io.Close()
	} else {
		s.io.Stop()
	}
	if s.peer != "" {
		s.w.disconnected()
	}
}

// giveBack leaves what was read and not told to the next reader, where a file can be gone back in,
// as POSIX wants of utilities (XCU 1.4, INPUT FILES). Elsewhere the beginning of a record is lost
// whose end has not come.
func (s *stream) giveBack() {
	switch n := s.split.left(); {
	case n == 0:
	case s.in.kind == unix.S_IFREG && s.owned:
	case s.in.kind == unix.S_IFREG:
		_, _ = unix.Seek(s.fd, int64(-n), io.SeekCurrent)
	case n == len(s.split.head) && s.peer == "":
		s.w.opts.Report.Noticef("%s: %d bytes of an unfinished record were read, and are lost", s.form.text, n)
	}
}

func (s *stream) ready(got loop.Ops) {
	if got&loop.Shut != 0 {
		got = got&^loop.Shut | loop.Hangup
	}
	switch {
	case got&loop.Error != 0:
		s.w.lose(s, s.form, errors.New("the descriptor has been closed"))
	case s.w.opts.Want == loop.Urgent && got&loop.Urgent == 0:
		s.w.drop(s)
	case s.w.held:
		s.wait()
	case s.w.opts.Reading == ReadNothing:
		s.tell(got)
	default:
		s.read(got)
	}
}

// tell emits that the descriptor is ready. A hang-up is for good, so it is the last that is told.
func (s *stream) tell(got loop.Ops) {
	s.told = true
	level, known := s.in.level()
	s.w.unread = known && level == s.level && s.w.opts.Want&loop.Write == 0
	s.level = level
	s.offer(got)
	switch {
	case s.closed:
	case got&loop.Hangup != 0, !s.w.opts.Handed:
		s.w.drop(s)
	case s.w.held:
		s.wait()
	}
}

// offer emits an event that leaves the descriptor to whoever is told, if one that uses it is: as a
// duplicate, which is theirs to close.
func (s *stream) offer(got loop.Ops) {
	d := event.FD{Ready: words(got)}
	if s.w.opts.Handed {
		fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			s.w.lose(s, s.form, os.NewSyscallError("dup", err))
			return
		}
		d.File = os.NewFile(uintptr(fd), s.form.text)
	}
	s.emit(d)
}

// read emits what is left of the last chunk, then reads one more.
func (s *stream) read(got loop.Ops) {
	if !s.flow() || got&loop.Read == 0 {
		return
	}
	chunk := s.room()
	switch n, err := s.in.Read(chunk); {
	case n > 0:
		s.split.add(chunk[:n])
	case errors.Is(err, unix.EAGAIN):
		return
	case err == nil && !s.in.stream:
		if s.w.opts.Reading == ReadData {
			s.record(nil, false)
		}
		return
	default:
		gone := errors.Is(err, unix.EIO) && s.in.kind == unix.S_IFCHR // a terminal that is
		if err != nil && !gone {
			s.w.opts.Report.Errorf("%s: read: %v", s.form.text, err)
			s.w.failed = s.w.failed || s.peer == ""
		}
		s.eof = true
	}
	s.flow()
}

// room is where the next bytes go: as many as may be read. What follows the last record that will
// be told is left where it is; of a file, giveBack sees to that.
func (s *stream) room() []byte {
	if s.w.spare == 0 || s.w.opts.Reading != ReadRecords || s.in.kind == unix.S_IFREG || s.peer != "" {
		return s.w.chunk
	}
	n, err := s.in.peek(s.w.chunk)
	if err != nil || n == 0 {
		n = 1 // a byte can't be of the record after the next one
	} else {
		n = s.split.reach(s.w.chunk[:n], s.w.spare)
	}
	return s.w.chunk[:n]
}

// flow emits records for as long as there are any and nobody holds the watcher. It reports whether
// more has to be read.
func (s *stream) flow() bool {
	for !s.closed {
		if s.w.held {
			s.split.keep()
			s.wait()
			return false
		}
		record, partial, ok := s.split.next()
		if !ok && !s.eof {
			return true
		}
		if !ok {
			record, ok = s.split.last()
		}
		if !ok {
			s.end()
			return false
		}
		s.record(record, partial)
	}
	return false
}

func (s *stream) record(b []byte, partial bool) {
	if s.w.opts.Reading == ReadData {
		data := string(b)
		s.emit(event.FD{Ready: s.w.read, Data: &data})
		return
	}
	if d, ok := s.w.matching(b, partial); ok {
		s.emit(d)
	}
}

// end is the end of file.
func (s *stream) end() {
	if s.w.opts.EOF {
		s.emit(event.FD{Ready: []string{"eof"}, Groups: s.w.captured("", nil)})
	}
	if !s.closed {
		s.w.drop(s)
	}
}

func (s *stream) emit(d event.FD) {
	d.Source, d.Num, d.Peer = s.form.text, s.fd, s.peer
	s.w.emit(d)
}

func words(got loop.Ops) []string {
	var list []string
	for _, o := range []struct {
		op   loop.Ops
		word string
	}{{loop.Read, "read"}, {loop.Write, "write"}, {loop.Hangup, "hup"}, {loop.Urgent, "urgent"}} {
		if got&o.op != 0 {
			list = append(list, o.word)
		}
	}
	return list
}
