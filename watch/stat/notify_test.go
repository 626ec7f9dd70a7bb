package stat

import (
	"fmt"
	"testing"

	"github.com/fsnotify/fsnotify"
)

func newTestNotifier(wanted func(base string) bool) (n *notifier, woken *int) {
	woken = new(int)
	n = newNotifier(func(_ *dir, base string, _ fsnotify.Op) bool { return wanted(base) }, func() { *woken++ })
	return n, woken
}

func everything(string) bool { return true }

func TestNotifier_oneNoticeAPathInOrder(t *testing.T) {
	n, woken := newTestNotifier(everything)
	here := &dir{path: "."}
	n.note(here, "b", fsnotify.Write)
	n.note(here, "a", fsnotify.Write)
	n.note(here, "b", fsnotify.Write)
	n.note(&dir{path: "b"}, "", fsnotify.Chmod)
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

// What may be a new directory has to be watched at once.
func TestNotifier_wakesForWhatIsStructural(t *testing.T) {
	n, woken := newTestNotifier(everything)
	here := &dir{path: "."}
	n.note(here, "a", fsnotify.Write)
	n.note(here, "b", fsnotify.Create)
	n.note(here, "b", fsnotify.Create)
	n.note(here, "a", fsnotify.Rename)
	if *woken != 3 {
		t.Errorf("woken %d times", *woken)
	}
}

func TestNotifier_unrelatedNamesWakeNobody(t *testing.T) {
	n, woken := newTestNotifier(func(base string) bool { return base == "mine" })
	for i := range 1000 {
		n.note(&dir{path: "dir"}, fmt.Sprint(i), fsnotify.Create)
	}
	if b := n.take(); *woken != 0 || len(b.notices) != 0 {
		t.Errorf("woken %d times for %d notices", *woken, len(b.notices))
	}
}

func TestNotifier_memoryIsBounded(t *testing.T) {
	n, _ := newTestNotifier(everything)
	for i := range maxNotices + 1 {
		n.note(&dir{path: "."}, fmt.Sprint(i), fsnotify.Write)
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
