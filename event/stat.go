package event

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Stat is the detail of stat.
type Stat struct {
	Path   string   // the path that changed first
	Paths  []string // all that changed, in the order in which they did
	Change []string // out of created, removed, moved, replaced, content, mode, owner, links, atime
	From   string   // of what was moved to Path: the path that it had
	Now    File     // of Path
	Prev   File     // of Path, before
	Count  int64    // changes that this event stands for

	Parcel Parcel // nil: nobody waits for the end
}

// File is what lstat(2) says of a path.
type File struct {
	Exists   bool // the rest is meaningless if not
	Type     string
	Size     int64
	Mtime    time.Time
	Mode     uint32 // permission bits, with set-user-ID, set-group-ID and sticky
	UID, GID uint32
	Ino      uint64
	Nlink    uint64
}

// Kind returns KindStat.
func (Stat) Kind() Kind { return KindStat }

// Subject returns the path.
func (d Stat) Subject() string { return d.Path }

// What returns the kinds of change, or how it is where nothing has changed, and how many other
// paths it is about.
func (d Stat) What() string {
	s := strings.Join(d.Change, ",")
	switch {
	case s != "":
	case d.Now.Exists:
		s = "exists"
	default:
		s = "missing"
	}
	if d.From != "" {
		s += " from " + d.From
	}
	if n := len(d.Paths) - 1; n > 0 {
		s += fmt.Sprintf(" (+%d more)", n)
	}
	return s
}

// Fields yields the fields of stat.
func (d Stat) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		_ = yield("path", Text(d.Path)) &&
			yield("paths", Paths(d.Paths)) &&
			yield("change", Words(d.Change)) &&
			yield("from", known(d.From != "", Text(d.From))) &&
			d.Now.fields("", yield) &&
			d.Prev.fields("prev_", yield) &&
			yield("count", Int(d.Count))
	}
}

func (f File) fields(prefix string, yield func(string, Value) bool) bool {
	known := func(v Value) Value { return known(f.Exists, v) }
	return yield(prefix+"type", known(Text(f.Type))) &&
		yield(prefix+"size", known(Int(f.Size))) &&
		yield(prefix+"mtime", known(Time(f.Mtime))) &&
		yield(prefix+"mode", known(Text(fmt.Sprintf("%04o", f.Mode)))) &&
		yield(prefix+"uid", known(Int(int64(f.UID)))) &&
		yield(prefix+"gid", known(Int(int64(f.GID)))) &&
		yield(prefix+"ino", known(Int(int64(f.Ino)))) &&
		yield(prefix+"nlink", known(Int(int64(f.Nlink))))
}

// Tally is [Tallied]'s.
func (d Stat) Tally() Tally { return Tally{Merged: max(d.Count-1, 0)} }

// Merge returns one event for all paths of both, in the order in which they changed. What was
// before is the older one's, what is now is the newer one's.
func (d Stat) Merge(newer Detail) Detail {
	n := newer.(Stat)
	merged := d
	merged.Parcel = mergeParcels(d.Parcel, n.Parcel)
	merged.Count += n.Count
	if n.Path == d.Path {
		merged.Now = n.Now
	}
	seen := make(map[string]bool, len(d.Paths)+len(n.Paths))
	merged.Paths = make([]string, 0, len(d.Paths)+len(n.Paths))
	for _, p := range slices.Concat(d.Paths, n.Paths) {
		if !seen[p] {
			seen[p] = true
			merged.Paths = append(merged.Paths, p)
		}
	}
	merged.Change = slices.Clone(d.Change)
	for _, c := range n.Change {
		if !slices.Contains(merged.Change, c) {
			merged.Change = append(merged.Change, c)
		}
	}
	return merged
}

// Begin is [Call]'s.
func (d Stat) Begin(stop func()) bool { return d.Parcel == nil || d.Parcel.Begin(stop) }

// Answer is [Call]'s.
func (d Stat) Answer(a Answer) {
	if d.Parcel != nil {
		d.Parcel.Answer(a)
	}
}

// Divide parts the paths. What a file is now, and was before, is known of the first alone.
func (d Stat) Divide() (first, second Detail, ok bool) {
	half := len(d.Paths) / 2
	if half == 0 {
		return nil, nil, false
	}
	one, two := d, d
	one.Paths, two.Paths = d.Paths[:half:half], d.Paths[half:]
	one.Count, two.Count = int64(half), max(d.Count-int64(half), 1)
	two.Path, two.From, two.Now, two.Prev = two.Paths[0], "", File{}, File{}
	return one, two, true
}

// Payload is the changed paths, each ended by sep.
func (d Stat) Payload(sep byte) Payload {
	var b []byte
	for _, p := range d.Paths {
		b = append(append(b, p...), sep)
	}
	return Payload{Data: b}
}

// known is a value, or an unknown one.
func known(ok bool, v Value) Value {
	if !ok {
		return Value{}
	}
	return v
}
