package fd

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A tail follows a file by its name. What the notices say is only when to look. Where the name
// leads to another file than before, the one before is read to its end, and any that had the name
// in between; and for a while it is read on, for a writer may have it open longer than it has its
// name.
//
// So what is written is read once and in order if whoever rotates renames, and the writer goes on
// with the new file once it has left the old one. Where the file is truncated instead, what was not
// read by then is lost, which is told.
type tail struct {
	w       *Watcher
	form    form
	notices Notices
	more    *loop.Fed   // reads on
	again   *loop.Timer // to open what could not be opened
	wait    time.Duration
	lingers *loop.Timer
	pause   time.Duration // of lingers; 0: it has not begun
	place   *place        // nil: the place is not remembered
	saves   *loop.Timer
	saved   time.Time
	debts   []*debt // in the order in which they were told
	awaited int     // how many of them there will be an answer to

	files  []*tailed       // oldest first; the last is the one that the name leads to
	real   string          // where that is
	seen   map[fileID]bool // what there is beside it that is not to be read, or was
	sure   time.Time       // when the name led there last
	fault  string          // that was told last
	begun  bool            // it is known where to read from
	first  *sibling        // what had the name at the start, and could not be opened then
	behind bool            // one that had the name in between could not be opened
	closed bool
}

// fileID is what makes a file the same one under another name.
type fileID struct{ dev, ino uint64 }

// A debt is a record that was told, and is not dealt with yet: where it begins.
type debt struct {
	file   *tailed
	offset int64
}

// The pauses after which a file that could not be opened is tried again.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = time.Minute
)

// The pauses after which a file without its name is looked at, and the last of them.
const (
	firstLinger = time.Second
	lastLinger  = 32 * time.Second
)

func (w *Watcher) openTail(form form) (source, error) {
	t := &tail{w: w, form: form, seen: map[fileID]bool{}}
	t.more = loop.NewFed(w.loop, t.read)
	t.more.SetPriority(w.priority)
	t.again = loop.NewTimer(w.loop, 0, 0, t.changed)
	t.lingers = loop.NewTimer(w.loop, 0, 0, t.linger)
	t.saves = loop.NewTimer(w.loop, 0, 0, t.save)
	if info, err := os.Stat(form.name); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New(form.text + ": only a file can be followed: name one, or leave out the tail:")
	}
	var err error
	if t.notices, err = w.opts.Notices(w.loop, form.name, func(event.Detail) { t.changed() }); err != nil {
		return nil, diag.Option("FDs", form.text, err)
	}
	if w.opts.State != "" {
		if t.place, err = openPlace(w.loop, w.opts.State, t.wrote); err != nil {
			return nil, diag.Option("State", w.opts.State, err)
		}
	}
	// What happens between the first notice and the first look is seen twice, which does no harm.
	if err := t.notices.Start(); err != nil {
		t.giveUpPlace()
		return nil, diag.Option("FDs", form.text, err)
	}
	isNew := t.place != nil && !t.place.known
	t.begin()
	t.save()
	if isNew { // what comes from now on is told, whenever ev is killed
		t.place.record.Settle()
	}
	return t, nil
}

// begin finds where to read from, once what has to be opened for that can be.
func (t *tail) begin() {
	f, later := t.open(t.form.name)
	if later {
		t.noteFirst()
		t.openAgain()
		return
	}
	if f != nil {
		t.found(f)
		if !t.w.opts.FromStart && (t.first == nil || t.first.id == fileID{}) { // else open has found the place
			f.skip()
		}
	}
	if t.place != nil && t.place.known && (f == nil || f.id != t.place.id) {
		t.catchUp()
		return
	}
	t.begun = true
	for _, s := range t.siblings() {
		t.seen[s.id] = t.first == nil || s.id != t.first.id
	}
	if t.first != nil {
		t.sure = t.first.modified
		t.between(0)
	}
	if t.place != nil && t.place.known && !f.resume(t.place) {
		t.truncated()
	}
	t.more.Feed()
}

// noteFirst notes what has the name at the start, and how long it is.
func (t *tail) noteFirst() {
	if t.first != nil {
		return
	}
	t.first = &sibling{}
	var st unix.Stat_t
	if unix.Stat(t.form.name, &st) == nil {
		t.first.id, t.first.modified = idOf(&st), time.Now()
		if !t.w.opts.FromStart {
			t.first.size = st.Size
		}
	}
}

// catchUp goes on in the file that was read when ev ended, and has lost its name since.
func (t *tail) catchUp() {
	p := t.place
	for _, f := range t.files {
		f.offset, f.prior = 0, nil
	}
	t.sure = p.until
	found := 0
	for _, s := range t.siblings() {
		t.seen[s.id] = s.modified.Before(p.until)
		if s.id != p.id {
			continue
		}
		f, later := t.open(s.path)
		switch {
		case later:
			t.closeFiles()
			t.openAgain()
			return
		case f != nil && f.id == p.id && f.resume(p):
			t.files = slices.Insert(t.files, 0, f)
			found = 1
		default:
			f.close()
		}
	}
	t.begun = true
	if found == 0 && p.id != (fileID{}) {
		t.w.opts.Report.Noticef("%s: the file that was read last no longer exists: what was written to it since is lost", t.form.text)
	}
	t.between(found)
	t.lingering()
	t.more.Feed()
}

// changed looks where the name leads.
func (t *tail) changed() {
	if !t.begun {
		t.begin()
		t.remember()
		return
	}
	t.look()
	t.more.Feed()
}

func (t *tail) look() {
	var st unix.Stat_t
	err := unix.Stat(t.form.name, &st)
	if n := len(t.files); n > 0 && (err != nil || t.files[n-1].id == idOf(&st)) {
		switch {
		case t.behind:
			t.between(n - 1)
		case err == nil:
			t.sure = time.Now()
		}
		return
	}
	f, later := t.open(t.form.name)
	if later {
		t.openAgain()
	}
	if f == nil {
		return
	}
	n := len(t.files)
	t.seen[f.id] = true // it may have lost the name again by now
	t.between(n)
	t.found(f)
	if n > 0 {
		t.lingering()
	}
}

// found takes a file that has the name now as the newest.
func (t *tail) found(f *tailed) {
	t.files = append(t.files, f)
	t.seen[f.id] = true
	if !t.behind {
		t.sure = time.Now()
	}
	if real, err := filepath.EvalSymlinks(t.form.name); err == nil {
		t.real = real
	}
}

// open opens a file for reading, or says why it can't. Later is whether it is there, and may be opened
// later.
func (t *tail) open(path string) (f *tailed, later bool) {
	f, err := openTailed(path, splitter{sep: t.w.opts.Separator, limit: t.w.opts.Limit, whole: t.w.opts.Reading == ReadData})
	switch {
	case err == nil:
		t.fault, t.wait = "", 0
		if t.first != nil && f.id == t.first.id {
			f.goTo(t.first.size)
		}
		return f, false
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return nil, false
	case err.Error() != t.fault:
		t.fault = err.Error()
		t.w.opts.Report.Errorf("%s: %v: it is tried again", t.form.text, err)
	}
	return nil, true
}

// openAgain tries again after a while to open what could not be opened: nothing has to change for
// that to succeed.
func (t *tail) openAgain() {
	if t.again.Active() {
		return
	}
	t.wait = min(max(2*t.wait, firstWait), longestWait)
	t.again.Set(t.wait, 0)
	t.again.Start()
}

// lingering begins to look after files without their name.
func (t *tail) lingering() {
	t.pause = firstLinger
	t.lingers.Stop()
	t.lingers.Set(t.pause, 0)
	t.lingers.Start()
}

func (t *tail) linger() {
	t.more.Feed()
	if t.pause *= 2; t.pause <= lastLinger {
		t.lingers.Set(t.pause, 0)
		t.lingers.Start()
		return
	}
	t.pause = 0
}

// read reads one chunk of the first file that has any, and comes again for more.
func (t *tail) read() {
	if t.closed {
		return
	}
	for i, f := range t.files {
		if !t.flow(f) {
			return
		}
		switch n, err := f.read(t.w.chunk); {
		case err != nil:
			t.w.opts.Report.Errorf("%s: read: %v", t.form.text, err)
			t.w.failed = true
		case n < 0:
			t.cut(f)
			t.more.Feed()
			return
		case n > 0:
			if t.flow(f) {
				t.more.Feed()
			}
			return
		}
		if next := t.files[i+1:]; len(next) > 0 && next[0].begun() {
			t.last(f, false)
		}
		if t.closed {
			return
		}
	}
	t.forget()
	t.remember()
}

// forget closes what has been without its name for long.
func (t *tail) forget() {
	for t.pause == 0 && len(t.files) > 1 && !t.closed {
		f := t.files[0]
		t.last(f, false)
		if t.closed || t.owes(f) {
			return
		}
		t.files = t.files[1:]
		f.close()
	}
}

// owes reports whether a record of a file is not dealt with yet.
func (t *tail) owes(f *tailed) bool {
	return slices.ContainsFunc(t.debts, func(d *debt) bool { return d.file == f })
}

// cut begins a file anew that was truncated.
func (t *tail) cut(f *tailed) {
	t.last(f, true)
	t.debts = slices.DeleteFunc(t.debts, func(d *debt) bool { return d.file == f }) // it can't be read again
	f.offset, f.prior = 0, nil
	t.truncated()
}

func (t *tail) truncated() {
	t.w.opts.Report.Noticef("%s: the file was truncated: what was written to it just before may be lost; a rotation that renames loses nothing", t.form.text)
}

// flow emits records for as long as there are any and nobody holds the watcher.
func (t *tail) flow(f *tailed) bool {
	for !t.closed {
		if t.w.held {
			f.split.keep()
			t.w.waiting = append(t.w.waiting, t)
			return false
		}
		begin := f.told()
		record, partial, ok := f.split.next()
		if !ok {
			return true
		}
		t.record(f, begin, record, partial)
	}
	return false
}

// last emits the record that a file ends with, if it ends without a separator.
func (t *tail) last(f *tailed, partial bool) {
	begin := f.told()
	if b, ok := f.split.last(); ok {
		t.record(f, begin, b, partial)
	}
}

func (t *tail) record(f *tailed, begin int64, b []byte, partial bool) {
	d, ok := event.FD{Ready: t.w.read}, true
	if t.w.opts.Reading == ReadData {
		data := string(b)
		d.Data = &data
	} else {
		d, ok = t.w.matching(b, partial)
	}
	if !ok {
		return
	}
	d.Source, d.Num = t.form.text, f.fd
	if t.place == nil {
		t.w.emit(d)
		return
	}
	d.Parcel = t.parcel(&debt{f, begin})
	t.w.emit(d)
}

// parcel goes with an event, and settles its debt. What was cut off by the end of ev is told again
// by the next one.
func (t *tail) parcel(d *debt) *watch.Parcel {
	t.debts = append(t.debts, d)
	t.awaited++
	return watch.NewParcel(t.w.loop, func(a event.Answer) {
		t.awaited--
		if !a.Verdict.Again() {
			t.debts = slices.DeleteFunc(t.debts, func(other *debt) bool { return other == d })
			t.remember()
		}
		t.release()
	})
}

func (t *tail) resume() { t.more.Feed() }

func (t *tail) feed() {
	t.w.emit(event.FD{Source: t.form.text, Num: -1, Groups: t.w.captured("", nil)})
}

func (t *tail) pending() bool { return t.more.Pending() }

func (t *tail) close() {
	t.save()
	t.closed = true
	t.notices.Stop()
	t.more.Stop()
	t.again.Stop()
	t.lingers.Stop()
	t.saves.Stop()
	t.release()
}

// release gives all up once nothing is to be remembered any more.
func (t *tail) release() {
	if !t.closed || t.awaited > 0 {
		return
	}
	t.giveUpPlace()
	t.closeFiles()
}

func (t *tail) closeFiles() {
	for _, f := range t.files {
		f.close()
	}
	t.files = nil
}

// giveUpPlace lets others have the file of the place.
func (t *tail) giveUpPlace() {
	if t.place != nil {
		t.place.record.Close()
		t.place = nil
	}
}

// remember has the place saved soon; at the end, now.
func (t *tail) remember() {
	switch {
	case t.closed:
		t.save()
	case t.place != nil && !t.saves.Active():
		t.saves.Set(max(0, saveEvery-time.Since(t.saved)), 0)
		t.saves.Start()
	}
}

// save saves the place: that of the oldest file that is not read, told and dealt with to its end.
func (t *tail) save() {
	if t.place == nil || !t.begun {
		return
	}
	t.saved = time.Now()
	if len(t.files) == 0 {
		t.place.saveNone()
		return
	}
	i := slices.IndexFunc(t.files, func(f *tailed) bool { return f.left() || t.owes(f) })
	if i < 0 {
		i = len(t.files) - 1
	}
	f := t.files[i]
	offset := f.told()
	for _, d := range t.debts {
		if d.file == f {
			offset = min(offset, d.offset)
		}
	}
	t.place.save(f, offset, t.until(i))
}

// until returns when the first of the files that had the name after the i-th was written to at last:
// of those that are open, and of any that is not known yet.
func (t *tail) until(i int) time.Time {
	var st unix.Stat_t
	now := time.Now()
	if err := unix.Stat(t.form.name, &st); err == nil && !t.behind && t.files[len(t.files)-1].id == idOf(&st) {
		t.sure = now
	}
	until := t.sure
	for _, f := range t.files[i+1:] {
		if m := f.modified(); m.Before(until) {
			until = m
		}
	}
	return until
}

// wrote tells why the place can't be saved, once.
func (t *tail) wrote(err error) {
	if err != nil && err.Error() != t.fault {
		t.fault = err.Error()
		t.w.opts.Report.Errorf("%s: the state can't be saved: %v", t.form.text, err)
	}
}
