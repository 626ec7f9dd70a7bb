package fd

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/durable"
)

// A sibling is a file that may have had the name: it is called so, with a number or a date behind
// it, or .old and the like.
type sibling struct {
	path     string
	id       fileID
	modified time.Time
	size     int64
}

// siblings returns them, oldest first, but for what is compressed.
func (t *tail) siblings() []sibling {
	dir, base := filepath.Split(cmp.Or(t.real, t.form.name))
	entries, _ := os.ReadDir(cmp.Or(dir, "."))
	var own []fileID // the file of the place
	for _, name := range durable.Names(t.w.opts.State) {
		var st unix.Stat_t
		if unix.Stat(name, &st) == nil {
			own = append(own, idOf(&st))
		}
	}
	var list []sibling
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), base)
		if !ok || !rotated(rest) {
			continue
		}
		s := sibling{path: filepath.Join(dir, e.Name())}
		var st unix.Stat_t
		if unix.Stat(s.path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		s.id, s.modified = idOf(&st), time.Unix(st.Mtim.Unix())
		if slices.Contains(own, s.id) {
			continue
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b sibling) int { return a.modified.Compare(b.modified) })
	return list
}

// rotated reports whether what follows the name is what a rotation puts there, and the file is as it
// was written: not compressed.
func rotated(rest string) bool {
	return strings.ContainsAny(rest, "0123456789") && !slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".lz4"}, filepath.Ext(rest)) ||
		slices.Contains([]string{".old", ".prev", ".bak", ".save", ".orig", "~"}, rest)
}

// between opens the files that have had the name since it was looked at last, and have lost it
// again. They come at a place in the list.
func (t *tail) between(at int) {
	there := map[fileID]bool{}
	t.behind = false
	for _, s := range t.siblings() {
		there[s.id] = true
		if t.seen[s.id] || s.modified.Before(t.sure.Add(-time.Second)) || t.has(s.id) {
			continue
		}
		f, later := t.open(s.path)
		if later {
			t.behind = true
			t.openAgain()
		}
		if f != nil {
			t.files = slices.Insert(t.files, at, f)
			t.seen[f.id] = true
			at++
		}
	}
	if !t.behind {
		t.first = nil
	}
	for id := range t.seen { // the number of a file that is gone is another's soon
		if !there[id] && !t.has(id) {
			delete(t.seen, id)
		}
	}
}

func (t *tail) has(id fileID) bool {
	return slices.ContainsFunc(t.files, func(f *tailed) bool { return f.id == id })
}
