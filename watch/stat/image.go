package stat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
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

func (r *reader) number() uint64 { return take(r, binary.Uvarint) }
func (r *reader) signed() int64  { return take(r, binary.Varint) }

func take[N int64 | uint64](r *reader, decode func([]byte) (N, int)) N {
	n, size := decode(r.text)
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
