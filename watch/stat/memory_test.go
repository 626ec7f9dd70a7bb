package stat

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// Whenever ev is killed, the next one tells of all that has changed since it was last dealt with.
func TestMemory_killedAtAnyMoment(t *testing.T) {
	for seed := range 6 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(seed), 4))
			root := filepath.Join(t.TempDir(), "root")
			mkdir(t, filepath.Join(root, "a/b"))
			write(t, filepath.Join(root, "a/b/f"), "first")
			state := filepath.Join(t.TempDir(), "state")
			o := Options{
				Paths: []string{root}, Recursive: true, Each: true, Ignore: all(),
				Settle: time.Millisecond, State: state,
			}
			d := &dealer{t: t, r: r, dealt: truthOf(t, root), at: map[string]int{}}
			d.watched = watchFiles(t, o)
			d.do(func() { d.stat.memory.every = time.Millisecond })
			o.Paths = d.stat.o.Paths
			m := &model{r: r, root: root, other: t.TempDir(), outside: t.TempDir(), behind: filepath.Join(root, "n"), seeNames: func() {}}
			var log []string
			for i := range 200 {
				log = append(log, m.operate())
				d.deal()
				if i%40 != 39 {
					continue
				}
				text, err := os.ReadFile(state)
				check(t, err)
				o.State = filepath.Join(t.TempDir(), "copy")
				check(t, os.WriteFile(o.State, text, 0o600))
				told := maps.Clone(d.dealt)
				next := &watched{t: t, events: make(chan event.Stat, 10000), fence: d.fence}
				next.start(o)
				next.tellAll(told)
				if list := untrue(told, truthOf(t, root)); len(list) > 0 {
					t.Errorf("after %s\n%s", strings.Join(log, "\n"), strings.Join(list, "\n"))
				}
				next.do(next.stat.Stop)
			}
		})
	}
}

// A dealer is what commands do with events: it deals with some of them, in any order.
type dealer struct {
	*watched
	t     *testing.T
	r     *rand.Rand
	dealt map[string]event.File
	at    map[string]int // which event was the last
	seq   int
	owed  []owed
}

type owed struct {
	event.Stat
	seq int
}

func (d *dealer) deal() {
	d.t.Helper()
	for len(d.events) > 0 {
		d.seq++
		d.owed = append(d.owed, owed{<-d.events, d.seq})
	}
	if d.r.IntN(20) == 0 { // ctl stop, ctl start
		d.do(func() {
			d.loop.Ref()
			d.stat.Stop()
			check(d.t, d.stat.Start())
			d.stat.memory.every = time.Millisecond
			d.loop.Unref()
		})
	}
	for len(d.owed) > 0 && d.r.IntN(3) > 0 {
		i := d.r.IntN(len(d.owed))
		e := d.owed[i]
		d.owed = append(d.owed[:i], d.owed[i+1:]...)
		d.do(func() { e.Answer(event.Answer{Verdict: event.Ran}) })
		for path, f := range map[string]event.File{e.Path: e.Now, e.From: {}} {
			if d.at[path] > e.seq || path == "" || path == d.fence {
				continue
			}
			d.at[path] = e.seq
			if delete(d.dealt, path); f.Exists {
				d.dealt[path] = f
			}
		}
	}
}

// tellAll adds to what was told what is told until a fence.
func (w *watched) tellAll(told map[string]event.File) {
	w.t.Helper()
	for fences := 0; fences < 2; {
		remove(w.t, w.fence)
		write(w.t, w.fence, fmt.Sprint(time.Now()))
		now, _ := lstat(w.fence)
		for {
			d := looptest.Receive(w.t, w.events, "the fence is not told")
			delete(told, d.From)
			if d.Path == w.fence {
				if d.Now == now.event() {
					fences++
					break
				}
				continue
			}
			if delete(told, d.Path); d.Now.Exists {
				told[d.Path] = d.Now
			}
		}
	}
}

func TestMemory_whatItSays(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	mkdir(t, filepath.Join(root, "d"))
	state := filepath.Join(t.TempDir(), "state")
	o := Options{Paths: []string{root}, Recursive: true, State: state}
	w := watchFiles(t, o)
	w.do(w.stat.Stop)
	o.Paths = w.stat.o.Paths
	good, err := os.ReadFile(state)
	check(t, err)
	for _, tc := range []struct{ text, want string }{
		{"mine\n", "is no state of ev stat: give --state a file of its own"},
		{"ev stat remembers, in format 0\nwhatever", "of another version of ev: remove it to begin anew"},
		{string(good[:len(good)-1]), "is damaged: remove it to begin anew"},
		{string(good[:3]), "is no state of ev stat"},
		{strings.Replace(string(good), "d", "e", 1), "is damaged"},
		{"", ""},
		{string(good), ""},
	} {
		check(t, os.WriteFile(state, []byte(tc.text), 0o600))
		s, err := New(looptest.NewLoop(t), o, func(event.Detail) {})
		check(t, err)
		switch err := s.Start(); {
		case err == nil && tc.want != "":
			t.Errorf("%.40q: no error", tc.text)
		case err != nil && (tc.want == "" || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%.40q: %v", tc.text, err)
		}
		s.Stop()
	}
	for _, tc := range []struct {
		paths     []string
		recursive bool
		want      string
	}{
		{o.Paths[:1], true, "is the state of "},
		{o.Paths, false, " with -r: "},
	} {
		s, err := New(looptest.NewLoop(t), Options{Paths: tc.paths, Recursive: tc.recursive, State: state}, func(event.Detail) {})
		check(t, err)
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v", err)
			s.Stop()
		}
	}
}

func FuzzParseImage(f *testing.F) {
	d := newDraft([]string{"/a", "/b"}, true)
	d.add("/a", false, record{file: file{ino: 1, mode: 1}})
	d.add("/a/b", true, record{file: file{ino: 1, size: -1, mtime: -1, nsec: 7, mode: 1}, hash: 7, hashed: true, atime: 3})
	f.Add(d.end())
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, text := range [][]byte{text, sealed(text)} {
			m, err := parseImage(text)
			if err != nil {
				continue
			}
			d := newDraft(m.roots, m.recursive)
			for path, r := range m.named {
				d.add(path, false, r)
			}
			for path, r := range m.inTree {
				d.add(path, true, r)
			}
			again, err := parseImage(d.end())
			if err != nil || len(again.roots) != len(m.roots) || again.recursive != m.recursive ||
				!maps.Equal(m.named, again.named) || !maps.Equal(m.inTree, again.inTree) {
				t.Errorf("%v: %v, then %v", err, m, again)
			}
		}
	})
}

// sealed is what would be an image of the right checksum.
func sealed(text []byte) []byte {
	d := draft{text: append([]byte(imageHead+imageForm+"\n"), text...)}
	return d.end()
}
