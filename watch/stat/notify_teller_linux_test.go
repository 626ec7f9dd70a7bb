package stat

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/evshell/ev/internal/looptest"
)

// A teller tells what fsnotify does, though it lets notices gather.
func TestTeller_tellsWhatFsnotifyTells(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	mkdir(t, path("d"))
	mkdir(t, path("e"))
	write(t, path("own"), "")
	ours, err := newTeller(burst)
	check(t, err)
	theirs, err := fsnotify.NewBufferedWatcher(burst)
	check(t, err)
	for _, name := range []string{dir, path("d"), path("e"), path("own")} {
		check(t, ours.Add(name))
		check(t, theirs.Add(name))
	}
	check(t, ours.Remove(path("e")))
	check(t, theirs.Remove(path("e")))
	write(t, path("e/unheard"), "")
	for i := range 5 * flurry {
		write(t, path(fmt.Sprint("new", i)), "x")
	}
	write(t, path("d/file"), "x")
	check(t, os.Chmod(path("own"), 0o600))
	rename(t, path("d/file"), path("file"))
	rename(t, path("d"), path("e/d"))
	remove(t, path("file"))
	remove(t, path("own"))
	write(t, path("last"), "")
	got, want := toldUntil(t, ours.Events, path("last")), toldUntil(t, theirs.Events, path("last"))
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	check(t, ours.Close())
	check(t, theirs.Close())
	for range ours.Events { // it is closed
	}
}

// toldUntil returns what is told of each path until one is there.
func toldUntil(t *testing.T, events <-chan fsnotify.Event, last string) map[string]fsnotify.Op {
	t.Helper()
	told := map[string]fsnotify.Op{}
	for enough := time.After(looptest.Patience); told[last] == 0; {
		select {
		case e := <-events:
			told[e.Name] |= e.Op
		case <-enough:
			t.Fatalf("not told of %s, but %v", last, told)
		}
	}
	return told
}
