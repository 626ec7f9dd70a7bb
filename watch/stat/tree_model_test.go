package stat

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// After any sequence of operations, what was last told of each path is what lstat says of it.
func TestStat_endsUpWithTheTruth(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			testTruth(t, rand.New(rand.NewPCG(uint64(seed), 1)), 300, true)
		})
	}
}

// Each call may fail now and then: that makes nothing blind.
func TestStat_endsUpWithTheTruthThoughCallsFail(t *testing.T) {
	var failed atomic.Int64
	real := system
	t.Cleanup(func() {
		system = real
		if failed.Load() == 0 {
			t.Error("no call has failed")
		}
	})
	fail := func() error {
		if rand.IntN(50) > 0 {
			return nil
		}
		failed.Add(1)
		return []error{unix.EIO, unix.ENOMEM, unix.ENFILE}[rand.IntN(3)]
	}
	system.lstat = func(path string, st *unix.Stat_t) error { return cmp.Or(fail(), real.lstat(path, st)) }
	system.stat = func(path string, st *unix.Stat_t) error { return cmp.Or(fail(), real.stat(path, st)) }
	system.fstatat = func(fd int, name string, st *unix.Stat_t, flags int) error {
		return cmp.Or(fail(), real.fstatat(fd, name, st, flags))
	}
	system.open = func(path string, flags int, mode uint32) (int, error) {
		if err := fail(); err != nil {
			return -1, err
		}
		return real.open(path, flags, mode)
	}
	system.readDirent = func(fd int, buf []byte) (int, error) {
		if err := fail(); err != nil {
			return -1, err
		}
		return real.readDirent(fd, buf)
	}
	for seed := range 6 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			testTruth(t, rand.New(rand.NewPCG(uint64(seed), 3)), 300, false)
		})
	}
}

func FuzzStatTruth(f *testing.F) {
	f.Add(uint64(1), uint16(50))
	f.Fuzz(func(t *testing.T, seed uint64, operations uint16) {
		testTruth(t, rand.New(rand.NewPCG(seed, 2)), int(operations%500), true)
	})
}

// testTruth does so many operations and looks what has been told in the end. With kinds it looks as
// well whether of some more the kind is told, which lstat does not show.
func testTruth(t *testing.T, r *rand.Rand, operations int, kinds bool) {
	t.Helper()
	root, other, outside := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "other"), t.TempDir()
	mkdir(t, filepath.Join(root, "a/b"))
	mkdir(t, other)
	write(t, filepath.Join(root, "a/b/f"), "first")
	links := t.TempDir()
	link, down := filepath.Join(links, "link"), filepath.Join(links, "down")
	symlink(t, root, link)
	symlink(t, filepath.Join(root, "a/b"), down)
	behind := down + "/../n"
	paths := []string{root, link, root, link}
	options := make([]Options, len(paths))
	for i, path := range paths {
		options[i] = Options{
			Paths: []string{path, other, behind}, Recursive: true, Each: true, Initial: true,
			Ignore: all(),
			Settle: time.Duration(1+r.IntN(20)) * time.Millisecond,
		}
	}
	hub := &Hub{}
	watchers := watchTogether(t, hub, options...)
	m := &model{r: r, root: root, other: other, outside: outside, behind: behind, seeNames: func() {
		for _, w := range watchers[:2] {
			w.seeNames(root, other)
		}
	}}
	var log []string
	for i := range operations {
		log = append(log, m.operate())
		if i%10 == 0 { // the latter two come and go
			w := watchers[2+r.IntN(2)].stat
			watchers[0].do(func() {
				if w.Active() {
					w.Stop()
				} else {
					check(t, w.Start())
				}
			})
		}
	}
	for i, w := range watchers[:2] {
		checkTruth(t, w, behind, paths[i], other)
	}
	if kinds && !t.Failed() {
		for range 3 {
			log = append(log, m.checkQuietWrite(t, watchers[:2], paths), m.checkMove(t, watchers[:2], paths))
		}
	}
	watchers[0].do(func() {
		for _, w := range watchers[1:] {
			w.stat.Stop()
		}
		checkHub(t, hub, watchers[0].stat.tree)
	})
	if t.Failed() {
		for _, line := range log {
			t.Log(line)
		}
	}
}

// checkHub looks whether all that a Hub still has belongs to the one who has stayed.
func checkHub(t *testing.T, hub *Hub, stayed *tree) {
	t.Helper()
	asked := 0
	for _, p := range hub.places {
		for d := p.first; d != nil; d = d.next {
			asked++
			if d.n != stayed.n || d.forgotten {
				t.Errorf("%s: whoever asked for it has left", d.path)
			}
		}
	}
	if asked != stayed.watched {
		t.Errorf("%d directories are asked for, not %d", asked, stayed.watched)
	}
	for _, name := range hub.source.(kernel).WatchList() {
		if hub.names[name] == nil {
			t.Errorf("the kernel watches %s, and nobody has asked for it", name)
		}
	}
}

// checkTruth compares what has been told of trees, and of a file, with what is there. A look may find more to look
// at, of which is told after the fence; what has not been told when patience ends never will.
func checkTruth(t *testing.T, w *watched, named string, roots ...string) {
	t.Helper()
	told, truth := map[string]event.File{}, map[string]event.File{}
	for _, root := range roots {
		maps.Copy(truth, truthOf(t, root))
	}
	if f, _ := look(named, unix.Stat); f.exists() {
		truth[named] = f.event()
	}
	enough := time.After(looptest.Patience)
	write(t, w.fence, "")
	for fences := 0; fences < 2 || len(untrue(told, truth)) > 0; {
		var d event.Stat
		select {
		case d = <-w.events:
			delete(told, d.From)
		case <-enough:
			t.Errorf("%d of 2 fences\n%s", fences, strings.Join(untrue(told, truth), "\n"))
			return
		}
		switch {
		case d.Path == w.fence && d.Now.Exists:
			remove(t, w.fence) // so that the rest of the same look is in as well
			fences++
		case d.Path == w.fence:
			fences += len(d.Change) // 0 is the fence as it was at first
		case d.Now.Exists:
			told[d.Path] = d.Now
		default:
			delete(told, d.Path)
		}
	}
}

// truthOf returns all that is in a tree.
func truthOf(t *testing.T, root string) map[string]event.File {
	t.Helper()
	truth := map[string]event.File{}
	check(t, filepath.WalkDir(root+"/", func(path string, _ fs.DirEntry, err error) error {
		path = filepath.Clean(path)
		f, _ := look(path, unix.Lstat)
		if path == root {
			f, _ = look(path, unix.Stat)
		}
		truth[path] = f.event()
		return err
	}))
	return truth
}

// untrue tells where two pictures of a tree differ.
func untrue(told, truth map[string]event.File) (list []string) {
	for path, want := range truth {
		got, ok := told[path]
		if want.Type == "directory" { // its entries tell of its size, times and links
			got.Size, got.Mtime, got.Nlink = want.Size, want.Mtime, want.Nlink
		}
		if !ok || got != want {
			list = append(list, fmt.Sprintf("%s\n told %+v\n is   %+v", path, got, want))
		}
	}
	for path := range told {
		if _, ok := truth[path]; !ok {
			list = append(list, path+" is not there any more, and nobody was told")
		}
	}
	return list
}

// A model does at random what may be done to a tree.
type model struct {
	r           *rand.Rand
	root, other string // the trees
	outside     string
	behind      string // a file, by a ".." behind a symbolic link
	linked      bool   // files have got further names since seeNames was called
	moves       int    // that checkMove has made
	seeNames    func() // waits until all names of all files have been seen
}

// seeNames waits until as many names of each file have been seen as it has.
func (w *watched) seeNames(roots ...string) {
	w.t.Helper()
	for enough := time.Now().Add(looptest.Patience); time.Now().Before(enough); {
		names := map[fileID]int{}
		for _, root := range roots {
			for _, f := range w.names(root) {
				names[f]++
			}
		}
		seen, known := map[fileID]int{}, true
		w.do(func() {
			if known = !w.stat.tree.away; known {
				countNames(w.stat.tree.named, seen)
			}
		})
		for id, n := range names {
			known = known && seen[id] >= n
		}
		if known {
			return
		}
	}
	w.t.Error("a further name has not been seen")
}

// names returns what file each name in a tree stands for.
func (w *watched) names(root string) (ids []fileID) {
	check(w.t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if f, _ := look(path, unix.Lstat); f.isFile() {
			ids = append(ids, f.id())
		}
		return err
	}))
	return ids
}

func countNames(d *dir, names map[fileID]int) {
	for e := range d.kids.all() {
		names[e.file.id()]++
		if e.dir != nil {
			countNames(e.dir, names)
		}
	}
}

// something returns one of the files of the tree, or directories, by its path relative to the root;
// or "" if there is none.
func (m *model) something(t *testing.T, counts func(file) bool) string {
	t.Helper()
	var list []string
	check(t, filepath.WalkDir(m.root, func(path string, _ fs.DirEntry, err error) error {
		if f, _ := look(path, unix.Lstat); path != m.root && counts(f) {
			list = append(list, strings.TrimPrefix(path, m.root))
		}
		return err
	}))
	if len(list) == 0 {
		return ""
	}
	return list[m.r.IntN(len(list))]
}

// below returns a path and all that is below it, and those that stand for the same file.
func (m *model) below(t *testing.T, rel string) (list []string) {
	t.Helper()
	f, err := look(m.root+rel, unix.Lstat)
	check(t, err)
	check(t, filepath.WalkDir(m.root, func(path string, _ fs.DirEntry, err error) error {
		now, _ := look(path, unix.Lstat)
		if isBelow(path, m.root+rel) || f.isFile() && now.id() == f.id() {
			list = append(list, strings.TrimPrefix(path, m.root))
		}
		return err
	}))
	return list
}

// checkQuietWrite looks whether it is told by each name of a file that it has other bytes, though
// as many, and the time that it had.
func (m *model) checkQuietWrite(t *testing.T, watchers []*watched, roots []string) string {
	t.Helper()
	rel := m.something(t, func(f file) bool { return f.isFile() && f.size > 0 })
	if rel == "" {
		return "no file to be written"
	}
	m.seeNames()
	names := m.below(t, rel)
	f, err := look(m.root+rel, unix.Lstat)
	check(t, err)
	passes(t, f.ctime)
	check(t, quietWrite(m.root+rel, byte('a'+m.r.IntN(26))))
	what := "write, quietly, " + rel
	for i, w := range watchers {
		w.expectEach(what, roots[i], names, func(d event.Stat, _ string) bool { return slices.Contains(d.Change, "content") })
	}
	return what
}

// checkMove looks whether a rename is told of all that is below it.
func (m *model) checkMove(t *testing.T, watchers []*watched, roots []string) string {
	t.Helper()
	rel := m.something(t, file.exists)
	if rel == "" {
		return "nothing to be moved"
	}
	m.seeNames()
	f, err := look(m.root+rel, unix.Lstat)
	check(t, err)
	passes(t, f.ctime)
	named, _ := look(m.behind, unix.Stat) // which has another name then
	m.moves++
	to, across := fmt.Sprintf("/moved%d", m.moves), m.r.IntN(2) == 0
	tree := m.root
	if across {
		tree = m.other
	}
	rename(t, m.root+rel, tree+to)
	var names []string
	check(t, filepath.WalkDir(tree+to, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, tree))
		return err
	}))
	what := "rename " + m.root + rel + " " + tree + to
	for i, w := range watchers {
		if !across {
			tree = roots[i]
		}
		w.expectEach(what, tree, names, func(d event.Stat, name string) bool {
			from := d.From == roots[i]+rel+strings.TrimPrefix(name, to) || d.From == m.behind && d.Now.Ino == named.event().Ino
			return from && slices.Contains(d.Change, "moved")
		})
	}
	return what
}

// expectEach waits until of each of these names an event has been told that is as it should be.
func (w *watched) expectEach(what, root string, names []string, right func(event.Stat, string) bool) {
	w.t.Helper()
	missing := map[string]bool{}
	for _, name := range names {
		missing[name] = true
	}
	var got []string
	enough := time.After(looptest.Patience)
	for len(missing) > 0 {
		select {
		case d := <-w.events:
			got = append(got, fmt.Sprintf("%s of %s from %q, type %s", d.Change, d.Path, d.From, d.Now.Type))
			if name := strings.TrimPrefix(d.Path, root); missing[name] && right(d, name) {
				delete(missing, name)
			}
		case <-enough:
			w.t.Errorf("%s: in %s it is not told of %v, but\n%s", what, root, slices.Sorted(maps.Keys(missing)), strings.Join(got, "\n"))
			return
		}
	}
}

// quietWrite gives a file other bytes, and no other size nor time of modification.
func quietWrite(path string, with byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(bytes.Repeat([]byte{with}, int(min(info.Size(), 100)))); err != nil {
		return err
	}
	at := unix.NsecToTimeval(info.ModTime().UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{at, at})
}

// operate does something to a tree, or fails to.
func (m *model) operate() string {
	r, root, outside := m.r, m.root, m.outside
	name := func() string {
		p := root
		switch r.IntN(16) {
		case 0, 1:
			p = outside
		case 2, 3:
			p = m.other
		}
		for range 1 + r.IntN(3) {
			p = filepath.Join(p, string("abcf"[r.IntN(4)]))
		}
		return p
	}
	p, q := name(), name()
	var err error
	var what string
	operation := r.IntN(19)
	// Nobody can know what a name has stood for that is gone before anybody has looked at it.
	if m.linked && operation >= 5 && operation <= 9 {
		m.seeNames()
		m.linked = false
	}
	switch operation {
	case 0, 1:
		what, err = "mkdir "+p, os.MkdirAll(p, 0o755)
	case 2, 3, 4:
		what, err = "write "+p, os.WriteFile(p, make([]byte, r.IntN(100)), 0o644)
	case 5:
		what, err = "remove "+p, os.Remove(p)
	case 6:
		what, err = "remove all "+p, os.RemoveAll(p)
	case 7, 8, 9:
		what, err = "rename "+p+" "+q, os.Rename(p, q)
	case 10, 11:
		what, err = "symlink "+p+" "+q, os.Symlink(p, q)
	case 12:
		what, err = "chmod "+p, os.Chmod(p, os.FileMode(0o700|r.IntN(0o100)))
	case 13:
		<-time.After(time.Duration(r.IntN(3)) * time.Millisecond) // gives a look the chance to come in between
		return "pause"
	case 14, 15: // nobody tells of a first further name outside
		in, _ := filepath.EvalSymlinks(filepath.Dir(q))
		if f, _ := look(p, unix.Lstat); f.isFile() && (isBelow(in, root) || isBelow(in, m.other)) {
			what, err = "link "+p+" "+q, os.Link(p, q)
			m.linked = m.linked || err == nil
		}
	case 16:
		what, err = "write, quietly, "+p, quietWrite(p, byte(r.IntN(256)))
	case 17:
		what, err = "write "+m.behind, os.WriteFile(m.behind, make([]byte, r.IntN(100)), 0o644)
	case 18:
		what, err = "remove "+m.behind, unix.Unlink(m.behind)
	}
	return fmt.Sprint(what, " ", err)
}
