package socket

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
)

// at makes a listener at a path, and what it has said.
func at(t *testing.T, path string) (*Listener, *bytes.Buffer) {
	t.Helper()
	l, err := ListenAt(path, Access{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(l.FD) })
	said := &bytes.Buffer{}
	l.Name, l.Report = "s", report.New(said, "ev", report.Plain, report.Notice)
	return l, said
}

func dial(t *testing.T, path string) {
	t.Helper()
	fd, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
}

// TestRest: every error of accept(2) passes but those by which FD is no socket that listens.
func TestRest(t *testing.T) {
	for _, errno := range []unix.Errno{
		unix.EAGAIN, unix.ECONNABORTED, unix.EINTR, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EPROTO, unix.EPERM, unix.ENETDOWN,
		unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.ETIMEDOUT, unix.EACCES, unix.EIO,
	} {
		l := &Listener{}
		err := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", errno)}
		if pause, passes := l.Rest(err); !passes || pause <= 0 || pause > 100*time.Millisecond {
			t.Errorf("%v: %v, %t", errno, pause, passes)
		}
	}
	for _, err := range []error{unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTSOCK, net.ErrClosed} {
		if _, passes := (&Listener{}).Rest(err); passes {
			t.Errorf("%v is said to pass", err)
		}
	}
}

func TestRest_longerEachTimeUpToASecond(t *testing.T) {
	l := &Listener{}
	before := time.Duration(0)
	for range 100 {
		pause, _ := l.Rest(unix.ENOMEM)
		if pause < before || pause > time.Second {
			t.Errorf("%v after %v", pause, before)
		}
		before = pause
	}
	if before != time.Second {
		t.Errorf("in the end %v", before)
	}
}

// TestRest_toldOnceAndWhenItIsOver: it is over when nobody waits any more.
func TestRest_toldOnceAndWhenItIsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, said := at(t, path)
	dial(t, path)
	dial(t, path)
	accept := func() {
		t.Helper()
		fd, _, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fd)
	}
	for range 3 {
		l.Rest(unix.EMFILE)
	}
	const waits = "ev: s: accept: too many open files; new connections wait, and it is tried again: " +
		"raise the limit (ulimit -n), or have fewer connections at once\n"
	if said.String() != waits {
		t.Errorf("said %q", said)
	}
	accept() // one still waits
	l.Rest(unix.EMFILE)
	if said.String() != waits {
		t.Errorf("said %q", said)
	}
	accept()
	const over = "ev: s: connections are accepted again\n"
	if said.String() != waits+over {
		t.Errorf("said %q", said)
	}
	// The next time it is told anew, and is over, too, if nobody waits at all.
	l.Rest(unix.ENOMEM)
	if _, _, err := l.Accept(); err != unix.EAGAIN { //nolint:errorlint // the number itself
		t.Error(err)
	}
	if s := said.String(); strings.Count(s, "new connections wait") != 2 || !strings.HasSuffix(s, over) {
		t.Errorf("said %q", said)
	}
	if pause, _ := l.Rest(unix.EMFILE); pause != minPause {
		t.Errorf("the first pause is %v", pause)
	}
}

func TestAccept_sparesTheLastDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, _ := at(t, path)
	dial(t, path)
	top, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(top)
	l.most = top
	if _, _, err := l.Accept(); err != unix.EMFILE { //nolint:errorlint // the number itself
		t.Error(err)
	}
	l.most = top + 1
	fd, _, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(fd)
}

// TestRemove leaves a file alone that is not the listener's.
func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, _ := at(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.Remove() // nothing
	other, _ := at(t, path)
	l.Remove()
	if _, err := os.Lstat(path); err != nil {
		t.Error("the other's file is gone:", err)
	}
	other.Remove()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is left")
	}
}

// TestListen_leavesNoFileBehind when it fails after the file was made.
func TestListen_leavesNoFileBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := listen(&unix.SockaddrUnix{Name: path}, func(l *Listener) (err error) {
		l.path = path
		if l.file, err = os.Lstat(path); err != nil {
			return err
		}
		return fmt.Errorf("chmod")
	})
	if err == nil || err.Error() != "chmod" {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is left")
	}
}

// TestListenAt_asksWithoutConnecting: whoever looks whether a socket is used is no client.
func TestListenAt_asksWithoutConnecting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, _ := at(t, path)
	if _, err := ListenAt(path, Access{}); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Error(err)
	}
	if _, _, err := l.Accept(); err != unix.EAGAIN { //nolint:errorlint // the number itself
		t.Errorf("somebody has connected: %v", err)
	}
}

// TestListenAt_boundIsUsed: one that does not listen yet is about to.
func TestListenAt_boundIsUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := open(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenAt(path, Access{}); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Error(err)
	}
}

// TestListenAt_oneOfManyWins, be the file that they find nobody's, or none there.
func TestListenAt_oneOfManyWins(t *testing.T) {
	const rounds, many = 30, 8
	for round := range rounds {
		path := filepath.Join(t.TempDir(), "s")
		if round%2 == 0 {
			l, err := ListenAt(path, Access{})
			if err != nil {
				t.Fatal(err)
			}
			_ = unix.Close(l.FD)
		}
		start := make(chan struct{})
		results := make(chan error)
		for range many {
			go func() {
				<-start
				l, err := ListenAt(path, Access{})
				if err == nil {
					defer func() { _ = unix.Close(l.FD) }()
				}
				results <- err
				<-start // until all have tried
			}()
		}
		for range many {
			start <- struct{}{}
		}
		won := 0
		for range many {
			if err := <-results; err == nil {
				won++
			} else if !strings.Contains(err.Error(), "another process listens there") {
				t.Error(err)
			}
		}
		close(start)
		if won != 1 {
			t.Errorf("round %d: %d have won", round, won)
		}
	}
}

func TestRenew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, said := at(t, path)
	if l.Renew() {
		t.Error("renewed though its file is there")
	}
	// Who has connected is accepted first.
	dial(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if l.Renew() {
		t.Error("renewed though somebody waits")
	}
	fd, _, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(fd)

	// As long as it can't be made, that is told once.
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if l.Renew() {
			t.Error("renewed without a directory")
		}
	}
	if s := said.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "there is no directory") {
		t.Errorf("said %q", s)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := l.FD
	if !l.Renew() || l.FD == old {
		t.Fatalf("not renewed: %s", said)
	}
	defer func() { _ = unix.Close(old) }()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	dial(t, path)
	if fd, _, err = l.Accept(); err != nil {
		t.Error(err)
	}
	_ = unix.Close(fd)
	if !strings.HasSuffix(said.String(), "ev: s: the socket's file was removed, and is made again\n") {
		t.Errorf("said %q", said)
	}
	l.Remove()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is left")
	}
}

// TestRenew_anothersSocket is left alone.
func TestRenew_anothersSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, said := at(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, _ := at(t, path)
	if l.Renew() || !other.there() || !strings.Contains(said.String(), "another process listens there") {
		t.Errorf("said %q", said)
	}
}
