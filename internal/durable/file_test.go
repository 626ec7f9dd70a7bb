package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func mustOpen(t *testing.T, path string) *File {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFile_isOnes: also once it was replaced, by its name or by a link to it.
func TestFile_isOnes(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "state"), filepath.Join(dir, "link")
	if err := os.Symlink("state", link); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	for _, write := range []func([]byte) error{d.Write, d.Replace} {
		if err := write([]byte("text")); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			taken, ok := errors.AsType[*TakenError](func() error { _, err := Open(name); return err }())
			if !ok {
				t.Fatal("it was had twice")
			}
			if _, err := os.Stat("/proc/locks"); err == nil && taken.PID != os.Getpid() {
				t.Error("who has it: ", taken.PID)
			}
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, link)
	defer d.Close()
	if text, err := d.Read(4); string(text) != "text" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := d.Read(3); err == nil {
		t.Error("more than the limit was read")
	}
	if to, err := os.Readlink(link); err != nil || to != "state" {
		t.Error("the link was replaced")
	}
}

// TestFile_append while a draft is made: nothing is lost.
func TestFile_append(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d := mustOpen(t, path)
	defer d.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.Append([]byte("a")))
	n, err := d.Draft([]byte("new"))
	must(err)
	must(d.Append([]byte("b")))
	if text, err := os.ReadFile(path); string(text) != "ab" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	must(n.Commit([]byte("b")))
	must(d.SyncName())
	must(d.Append([]byte("c")))
	if text, err := d.Read(100); string(text) != "newbc" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	n, err = d.Draft([]byte("newer"))
	must(err)
	n.Discard()
	if text, err := os.ReadFile(path); string(text) != "newbc" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// TestFile_leavesNothing of what a crash has cut off.
func TestFile_leavesNothing(t *testing.T) {
	dir := t.TempDir()
	d := mustOpen(t, filepath.Join(dir, "state"))
	if err := os.WriteFile(d.draft(), []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Write([]byte("whole")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.draft(), []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	d = mustOpen(t, filepath.Join(dir, "state"))
	defer d.Close()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Error(left)
	}
}

func TestOpen_noFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "no", "such")} {
		if d, err := Open(path); err == nil {
			t.Errorf("%s was opened", path)
			_ = d.Close()
		}
	}
}

// A file that can't be made is not said to be missing.
func TestOpen_shutDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("nothing is shut to root")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "state")); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}
