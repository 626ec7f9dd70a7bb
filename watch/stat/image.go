package stat

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An image is what is remembered of a tree, from one ev to the next: what was last told of each
// path, and dealt with. It is written in a form of its own, since a tree has a hundred thousand
// files: a line that says what it is, what is watched, a record for each path, in which what the
// path begins with as the one before does is left out, and a checksum. Behind that there are notes
// of what was told since: of these paths it is not known whether that was dealt with.
type image struct {
	roots     []string // the named paths, absolute and sorted
	recursive bool
	named     map[string]record // by path, absolute
	inTree    map[string]record
	notes     map[string]uint32 // by path: what type of file it was, or is
}

// A record is what is remembered of one path.
type record struct {
	file   file
	hash   uint64 // of its content
	hashed bool
	atime  int64 // 0: not known
	met    bool  // the path is still there
}

const (
	imageHead = "ev stat remembers, in format "
	imageForm = "1"
)

// The kinds of a record, and what it has.
const (
	recordInTree byte = 1 << iota
	recordHashed
	recordAtime
)

// A draft is an image that is being written.
type draft struct {
	text []byte
	last string // the path before
}

func newDraft(roots []string, recursive bool) *draft {
	d := &draft{text: []byte(imageHead + imageForm + "\n")}
	if recursive {
		d.text = append(d.text, 1)
	} else {
		d.text = append(d.text, 0)
	}
	d.number(uint64(len(roots)))
	for _, r := range roots {
		d.string(r)
	}
	return d
}

func (d *draft) number(n uint64) { d.text = binary.AppendUvarint(d.text, n) }
func (d *draft) signed(n int64)  { d.text = binary.AppendVarint(d.text, n) }

func (d *draft) string(s string) {
	d.number(uint64(len(s)))
	d.text = append(d.text, s...)
}

func (d *draft) add(path string, inTree bool, r record) {
	var kind byte
	if inTree {
		kind |= recordInTree
	}
	if r.hashed {
		kind |= recordHashed
	}
	if r.atime != 0 {
		kind |= recordAtime
	}
	d.text = append(d.text, kind)
	same := 0
	for same < min(len(path), len(d.last)) && path[same] == d.last[same] {
		same++
	}
	d.number(uint64(same))
	d.string(path[same:])
	d.last = path
	f := r.file
	d.number(f.ino)
	d.signed(f.size)
	d.signed(f.mtime)
	d.number(uint64(f.nsec))
	d.signed(f.ctime)
	for _, n := range []uint32{f.dev, f.mode, f.nlink, f.uid, f.gid} {
		d.number(uint64(n))
	}
	if r.hashed {
		d.text = binary.LittleEndian.AppendUint64(d.text, r.hash)
	}
	if r.atime != 0 {
		d.signed(r.atime)
	}
}

// end returns the whole image, with a checksum at its end.
func (d *draft) end() []byte {
	d.text = append(d.text, math.MaxUint8) // no kind
	return binary.LittleEndian.AppendUint32(d.text, crc32.ChecksumIEEE(d.text))
}

var (
	errNoImage      = errors.New("is no state of ev stat: give --state a file of its own")
	errOtherImage   = errors.New("is a state of another version of ev: remove it to begin anew, without what has changed since it was written")
	errDamagedImage = errors.New("is damaged: remove it to begin anew, without what has changed since it was written")
)

// parseImage reads an image.
func parseImage(text []byte) (*image, error) {
	head, _, ok := strings.Cut(string(text[:min(len(text), 100)]), "\n")
	form, ours := strings.CutPrefix(head, imageHead)
	switch {
	case !ours:
		return nil, errNoImage
	case ok && form != imageForm:
		return nil, errOtherImage
	case !ok:
		return nil, errDamagedImage
	}
	r := reader{text: text[len(head)+1:]}
	m := &image{notes: map[string]uint32{}, named: map[string]record{}, recursive: r.byte() == 1}
	for n := r.count(); n > 0 && !r.failed; n-- {
		m.roots = append(m.roots, r.string())
	}
	m.inTree = make(map[string]record, len(r.text)/50) // about as many as there are
	path := ""
	for kind := r.byte(); kind != math.MaxUint8 && !r.failed; kind = r.byte() {
		same := r.count()
		if same > len(path) {
			return nil, errDamagedImage
		}
		path = path[:same] + r.string()
		into := m.named
		if kind&recordInTree != 0 {
			into = m.inTree
		}
		into[path] = r.record(kind)
	}
	if sum := crc32.ChecksumIEEE(text[:len(text)-len(r.text)]); r.failed || r.sum() != sum {
		return nil, errDamagedImage
	}
	for len(r.text) > 0 { // a loss of power may have cut off the last of them
		note := r.text
		path, format := r.string(), r.number()
		if sum := crc32.ChecksumIEEE(note[:len(note)-len(r.text)]); r.sum() != sum || r.failed {
			break
		}
		m.notes[path] = uint32(format)
	}
	return m, nil
}

// appendNote appends the note of a path to what follows an image.
func appendNote(text []byte, path string, format uint32) []byte {
	begin := len(text)
	text = binary.AppendUvarint(text, uint64(len(path)))
	text = binary.AppendUvarint(append(text, path...), uint64(format))
	return binary.LittleEndian.AppendUint32(text, crc32.ChecksumIEEE(text[begin:]))
}

// A reader takes an image apart.
type reader struct {
	text   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed, r.text = true, nil
}

func (r *reader) byte() byte {
	if len(r.text) == 0 {
		r.fail()
		return 0
	}
	b := r.text[0]
	r.text = r.text[1:]
	return b
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.text)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.text = r.text[size:]
	return n
}

func (r *reader) signed() int64 {
	n, size := binary.Varint(r.text)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.text = r.text[size:]
	return n
}

// count is a number of things that each have a byte at least.
func (r *reader) count() int {
	n := r.number()
	if n > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.text) {
		r.fail()
		return nil
	}
	b := r.text[:n]
	r.text = r.text[n:]
	return b
}

// sum is a checksum.
func (r *reader) sum() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) string() string { return string(r.bytes(r.count())) }

func (r *reader) record(kind byte) record {
	rec := record{file: file{
		ino: r.number(), size: r.signed(), mtime: r.signed(), nsec: uint32(r.number()), ctime: r.signed(),
		dev: uint32(r.number()), mode: uint32(r.number()), nlink: uint32(r.number()),
		uid: uint32(r.number()), gid: uint32(r.number()),
	}}
	if kind&recordHashed != 0 {
		if b := r.bytes(8); b != nil {
			rec.hash, rec.hashed = binary.LittleEndian.Uint64(b), true
		}
	}
	if kind&recordAtime != 0 {
		rec.atime = r.signed()
	}
	return rec
}

// isOf reports why an image is not one of what is watched, if it is not.
func (m *image) isOf(roots []string, recursive bool) error {
	with := map[bool]string{true: "with", false: "without"}
	switch {
	case !slices.Equal(m.roots, roots):
		return fmt.Errorf("is the state of %s, not of %s: give --state a file of its own, or remove it to begin anew", list(m.roots), list(roots))
	case m.recursive != recursive:
		return fmt.Errorf("is the state of %s %s -r: give --state a file of its own, or remove it to begin anew", list(roots), with[m.recursive])
	}
	return nil
}

// list names paths, but not all of many.
func list(paths []string) string {
	const most = 3
	if len(paths) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
	}
	return strings.Join(paths, ", ")
}

// paint writes down what was last told of a tree, but for the paths of which that was not dealt
// with yet: of these it is what was before.
func (t *tree) paint(before map[string]record) []byte {
	d := newDraft(rootsOf(t.o.Paths), t.o.Recursive)
	left := make(map[string]bool, len(before))
	for path := range before {
		left[path] = true
	}
	var below func(dir *dir)
	below = func(dir *dir) {
		for e := range dir.kids.all() {
			s := spot{dir, e.name}
			r := t.recordOf(s, e.file)
			if len(before) > 0 {
				path := s.path()
				if old, ok := before[path]; ok {
					r = old
					delete(left, path)
				}
			}
			if r.file.exists() {
				d.add(s.absolute(), dir.inTree(), r)
			}
			if e.dir != nil {
				below(e.dir)
			}
		}
	}
	below(t.named)
	for path := range left { // they are in a tree: a named path always has an entry
		if r := before[path]; r.file.exists() {
			d.add(absolute(path), true, r)
		}
	}
	text := d.end()
	for s := range t.doubted {
		text = appendNote(text, s.absolute(), cmp.Or(s.format(), unix.S_IFREG))
	}
	return text
}

// format is the type of file that was last told of a spot; 0 if there was none.
func (s spot) format() uint32 {
	if e := s.entry(); e != nil {
		return e.file.format()
	}
	return 0
}

// rootsOf are the named paths, absolute and sorted.
func rootsOf(paths []string) []string {
	list := make([]string, 0, len(paths))
	for _, p := range paths {
		list = append(list, absolute(p))
	}
	slices.Sort(list)
	return list
}

// absolute is the absolute path of a spot.
func (s spot) absolute() string {
	if !s.dir.inTree() {
		return absolute(s.path())
	}
	top := s.dir.top
	if top.absolute == "" {
		top.absolute = absolute(top.path)
	}
	return joinPath(top.absolute, top.rel(s.path()))
}

// recordOf is what is remembered of a spot.
func (t *tree) recordOf(s spot, f file) record {
	hash, hashed := t.hashes[s]
	return record{file: f, hash: hash, hashed: hashed, atime: t.atimes[s]}
}

// recall puts what an image says in the place of what has been found, and marks what is not the
// same.
func (t *tree) recall(m *image) {
	devs := map[uint32]uint32{} // a file system may have another number each time
	for e := range t.named.kids.all() {
		if old, ok := m.named[absolute(e.name)]; ok && old.file.ino == e.file.ino {
			devs[old.file.dev] = e.file.dev
		}
	}
	var below func(d *dir, records map[string]record)
	below = func(d *dir, records map[string]record) {
		for e := range d.kids.all() {
			s := spot{d, e.name}
			path := s.absolute()
			old, ok := records[path]
			if ok && !old.met { // it may be below two named paths
				old.met = true
				records[path] = old
			}
			_, doubted := m.notes[path]
			t.recallEntry(s, e, old, devs, doubted)
			if e.dir != nil {
				below(e.dir, m.inTree)
			}
		}
	}
	below(t.named, m.named)
	for path, format := range m.notes {
		if _, ok := m.inTree[path]; !ok { // it was there for a while, or is a named path
			m.inTree[path] = record{file: something(format)}
		}
	}
	var gone []string
	for path, r := range m.inTree {
		if !r.met {
			gone = append(gone, path)
		}
	}
	slices.Sort(gone) // a directory before what was in it
	for _, path := range gone {
		t.recallGone(path, m.inTree[path], devs)
	}
}

// something is a file of which nothing is known.
func something(format uint32) file { return file{ino: math.MaxUint64, mode: format} }

// recallEntry has an entry be what it was. In doubt it is told, though it seems to be the same:
// something else may have been told of it in between.
func (t *tree) recallEntry(s spot, e *entry, old record, devs map[uint32]uint32, doubted bool) {
	if dev, ok := devs[old.file.dev]; ok {
		old.file.dev = dev
	} else if old.file.ino == e.file.ino && old.file.ctime == e.file.ctime {
		old.file.dev = e.file.dev
	}
	if doubted {
		t.doubted[s] = true
		t.mark(s, e.file)
	} else if t.o.Recursive && old.file.isDir() && t.compare(old.file, e.file) == 0 {
		return // its size and its times are nothing
	}
	found := t.recordOf(s, e.file)
	old.met = false
	if !t.o.Content {
		old.hash, old.hashed = 0, false
	}
	if old.atime == 0 || !t.o.Atime {
		old.atime = found.atime
	}
	if old == found {
		return
	}
	now := e.file
	e.file = old.file
	if old.file.isDir() && !now.isDir() && e.dir == nil { // for what was in it is gone, too
		e.dir = t.goneDir(s, old.file)
	}
	t.unlearn(s)
	if old.hashed {
		t.hashes[s] = old.hash
	}
	if t.o.Atime {
		t.atimes[s] = old.atime
	}
	t.mark(s, now)
	t.wrote(s, false)
}

// recallGone enters what was there, if it was in a directory that is watched, or was in one that is
// gone itself; and would count.
func (t *tree) recallGone(path string, old record, devs map[uint32]uint32) {
	if dev, ok := devs[old.file.dev]; ok {
		old.file.dev = dev
	}
	for _, p := range t.o.Paths {
		if abs := absolute(p); t.o.Recursive && path != abs && isBelow(path, abs) {
			at := spot{t.named, p}
			rest := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, abs), "/"), "/")
			for len(rest) > 0 {
				d := t.dirAt(at)
				if d == nil {
					break
				}
				at, rest = spot{d, rest[0]}, rest[1:]
			}
			if len(rest) == 0 {
				t.recallIn(at, old)
			}
		}
	}
}

// dirAt returns the directory at a spot, also one that is there no more; nil if what is in it does
// not count.
func (t *tree) dirAt(s spot) *dir {
	e := s.entry()
	if e == nil {
		e = s.dir.insert(entry{name: s.name})
		if !s.dir.stale {
			t.mark(s, file{})
		}
	}
	if e.dir == nil {
		if now, err := t.state(s); err != nil || now.isDir() {
			return nil
		}
		e.dir = t.goneDir(s, e.file)
		if !s.dir.stale && !t.isMarked(s) {
			t.mark(s, file{})
		}
	}
	return e.dir
}

func (t *tree) recallIn(s spot, old record) {
	if s.entry() != nil || !s.counts(old.file) {
		return
	}
	e := entry{name: s.name, file: old.file}
	if old.file.isDir() {
		e.dir = t.goneDir(s, old.file)
	}
	s.dir.insert(e)
	if old.hashed && t.o.Content {
		t.hashes[s] = old.hash
	}
	if !s.dir.stale {
		t.mark(s, file{})
	}
}

// goneDir is the directory that was at a spot, and is no more; nil if what was in it does not
// count.
func (t *tree) goneDir(s spot, old file) *dir {
	d := &dir{path: s.path(), parent: s.dir, top: s.dir.top, stale: true}
	d.setID(old)
	switch {
	case !t.o.Recursive || s.dir.inTree() && !s.dir.top.isEntered(d.path):
		return nil
	case !s.dir.inTree():
		top, err := t.newTop(d.path)
		if err != nil {
			return nil // which has been told
		}
		d.top = top
	}
	return d
}
