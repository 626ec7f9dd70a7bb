package stat

import (
	"fmt"
	"testing"

	"github.com/fsnotify/fsnotify"
)

func newTestNotifier() (n *notifier, woken *int) {
	woken = new(int)
	return newNotifier(func() { *woken++ }), woken
}

// treeDir is a directory of a tree, in which every name matters.
func treeDir(path string) *dir { return &dir{path: path, top: &top{path: path}} }

func TestNotifier_oneNoticeAPathInOrder(t *testing.T) {
	n, woken := newTestNotifier()
	here := treeDir(".")
	n.note(here, "b", fsnotify.Write)
	n.note(here, "a", fsnotify.Write)
	n.note(here, "b", fsnotify.Write)
	n.note(treeDir("b"), "", fsnotify.Chmod)
	if *woken != 1 {
		t.Errorf("woken %d times", *woken)
	}
	want := []notice{{"b", fsnotify.Write | fsnotify.Chmod}, {"a", fsnotify.Write}}
	if b := n.take(); fmt.Sprint(b.notices) != fmt.Sprint(want) || b.lost != "" {
		t.Errorf("got %+v", b)
	}
	if b := n.take(); len(b.notices) != 0 {
		t.Errorf("taken twice: %+v", b)
	}
}

// Whoever has been woken takes all that has come until then.
func TestNotifier_wakesOnceUntilItIsTaken(t *testing.T) {
	n, woken := newTestNotifier()
	here := treeDir(".")
	for want := range 3 {
		if n.take(); *woken != want {
			t.Errorf("woken %d times, not %d", *woken, want)
		}
		n.note(here, "a", fsnotify.Write)
		n.note(here, "b", fsnotify.Create)
		n.note(here, "a", fsnotify.Rename)
		n.lose(overflow)
	}
	n.take()
	n.lose(overflow)
	n.note(here, "a", fsnotify.Write)
	if *woken != 4 {
		t.Errorf("woken %d times for what is lost", *woken)
	}
}

func TestNotifier_unrelatedNamesWakeNobody(t *testing.T) {
	n, woken := newTestNotifier()
	post, mine := &dir{path: "dir"}, spot{&dir{}, "dir/mine"}
	n.await(post, "mine", mine)
	for i := range 1000 {
		n.note(post, fmt.Sprint(i), fsnotify.Create)
	}
	if b := n.take(); *woken != 0 || len(b.notices) != 0 {
		t.Errorf("woken %d times for %d notices", *woken, len(b.notices))
	}
	n.note(post, "mine", fsnotify.Write)
	if b := n.take(); *woken != 1 || len(b.notices) != 1 {
		t.Errorf("woken %d times for %d notices of what is waited for", *woken, len(b.notices))
	}
	if !n.forgo(post, "mine", mine) {
		t.Error("something is waited for yet")
	}
	n.note(post, "mine", fsnotify.Write)
	if b := n.take(); len(b.notices) != 0 {
		t.Error("told of what is not waited for any more")
	}
}

func TestNotifier_memoryIsBounded(t *testing.T) {
	n, _ := newTestNotifier()
	for i := range maxNotices + 1 {
		n.note(treeDir("."), fmt.Sprint(i), fsnotify.Write)
	}
	if b := n.take(); len(b.notices) != maxNotices || b.lost == "" {
		t.Errorf("%d notices, lost %q", len(b.notices), b.lost)
	}
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][2]string{
		"a":       {".", "a"},
		"a/b":     {"a", "b"},
		"/a":      {"/", "a"},
		"/a/b":    {"/a", "b"},
		"../a":    {"..", "a"},
		"../../a": {"../..", "a"},
	} {
		dir, base := splitPath(path)
		if dir != want[0] || base != want[1] {
			t.Errorf("%q: got %q, %q", path, dir, base)
		}
		if back := joinPath(dir, base); back != path {
			t.Errorf("%q: joined again it is %q", path, back)
		}
	}
	for _, self := range []string{".", "/"} {
		if dir, base := splitPath(self); dir != self || base != "" {
			t.Errorf("%q: got %q, %q", self, dir, base)
		}
	}
}
