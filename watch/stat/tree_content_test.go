package stat

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// A file that is written to between stat(2) and the reading of its content is not told of with the
// one's size and the other's bytes. Nor are those taken for known: the look that follows on the
// write has it whole.
func TestLookInto_contentOfALaterFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	state := func(content string) file {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	tr := newTree(&Options{Content: true}, new(atomic.Bool))
	s := spot{tr.named, path}
	before := state("data\n")
	if tr.learn(s, before) {
		t.Fatal("it has changed")
	}
	between := before
	between.mtime++ // another file of the same bytes, gone by the time that it is read
	later := state("data\nmore\n")
	if what := tr.lookInto(s, before, between, Content); what != 0 {
		t.Errorf("%v of what is no more", what)
	}
	if what := tr.lookInto(s, between, later, Content); what != Content {
		t.Errorf("%v, want the content", what)
	}
	if what := tr.lookInto(s, later, state("data\nmore\n"), Content); what != 0 {
		t.Errorf("%v of the same bytes", what)
	}
}

// What is armed while a file is written to is not taken for the file that was armed.
func TestLearn_contentOfALaterFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("later"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTree(&Options{Content: true}, new(atomic.Bool))
	s := spot{tr.named, path}
	before := f
	before.size--
	if !tr.learn(s, before) {
		t.Error("it was taken for the same")
	}
	if what := tr.lookInto(s, before, f, Content); what != Content {
		t.Errorf("%v, want the content", what)
	}
}
