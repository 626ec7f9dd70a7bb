package socket

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOwnDir(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "ev")
	if err := OwnDir(dir, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none is there: %v", err)
	}
	refused := func(dir, want string) {
		t.Helper()
		if err := OwnDir(dir, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := OwnDir(dir, true); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("it is made as %v, %v", info.Mode(), err)
	}
	if err := OwnDir(dir, true); err != nil {
		t.Errorf("it was there: %v", err)
	}
	if err := os.Chmod(dir, 0o750); err != nil { //nolint:gosec // what is to be refused
		t.Fatal(err)
	}
	refused(dir, "(mode 0750): chmod 700 "+dir)
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	link := filepath.Join(top, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	refused(link, "is not a directory")
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 65534, -1); err != nil {
			t.Fatal(err)
		}
		refused(dir, "belongs to user 65534")
	}
}

func TestCheckPeer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, _ := at(t, path)
	dial(t, path)
	fd, _, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckPeer(fd); err != nil {
		t.Error(err)
	}
	_ = unix.Close(fd)
	if err := CheckPeer(fd); err == nil && runtime.GOOS != "netbsd" && runtime.GOOS != "openbsd" {
		t.Error("a closed descriptor has a peer")
	}
}
