package loop_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// pipe returns a pipe whose ends don't block, and which is closed in the end.
func pipe(tb testing.TB) (r, w *os.File) {
	tb.Helper()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		tb.Fatal(err)
	}
	return file(tb, p[0]), file(tb, p[1])
}

// file returns the file of a descriptor, unknown to Go's own poller.
func file(tb testing.TB, fd int) *os.File {
	tb.Helper()
	f := os.NewFile(uintptr(fd), "")
	tb.Cleanup(func() { _ = f.Close() })
	if err := unix.SetNonblock(fd, true); err != nil {
		tb.Fatal(err)
	}
	return f
}

func fd(f *os.File) int { return int(f.Fd()) }

// duplicate returns a second descriptor of f.
func duplicate(tb testing.TB, f *os.File) *os.File {
	tb.Helper()
	dup, err := unix.Dup(fd(f))
	if err != nil {
		tb.Fatal(err)
	}
	return file(tb, dup)
}

func write(tb testing.TB, w *os.File) {
	tb.Helper()
	if _, err := w.Write([]byte{0}); err != nil {
		tb.Fatal(err)
	}
}

func drain(r *os.File) {
	var b [64]byte
	for n := 1; n > 0; {
		n, _ = r.Read(b[:])
	}
}

func TestPipeReaderSeesTheWriterGo(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		for _, asked := range []loop.Ops{loop.Read, loop.Hangup, loop.Read | loop.Hangup} {
			reader, writer := pipe(t)
			w.modify(t, fd(reader), 0, asked)
			w.now(t, fd(reader), asked, 0)
			_ = writer.Close()
			w.now(t, fd(reader), asked, asked)
			w.modify(t, fd(reader), asked, 0)
		}
	})
}

func TestPipeWriterSeesTheReaderGo(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		reader, writer := pipe(t)
		for err := error(nil); !errors.Is(err, unix.EAGAIN); {
			_, err = writer.Write(make([]byte, 4096))
		}
		const asked = loop.Write | loop.Hangup
		w.modify(t, fd(writer), 0, asked)
		w.now(t, fd(writer), asked, 0)
		_ = reader.Close()
		w.now(t, fd(writer), asked, asked)
	})
}

func TestHalfCloseIsNoHangup(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("poll(2) tells it as Read alone here")
	}
	inEachKernel(t, func(t scene, w world) {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		one, other := fd(file(t, p[0])), fd(file(t, p[1]))
		const asked = loop.Read | loop.Write | loop.Hangup | loop.Shut
		w.modify(t, one, 0, asked)
		w.now(t, one, asked, loop.Write)
		if err := unix.Shutdown(other, unix.SHUT_WR); err != nil {
			t.Fatal(err)
		}
		w.now(t, one, asked, asked&^loop.Hangup)
		w.modify(t, one, asked, loop.Shut)
		w.now(t, one, loop.Shut, loop.Shut)
		w.modify(t, one, loop.Shut, loop.Hangup)
		w.now(t, one, loop.Hangup, 0)
		if err := unix.Shutdown(other, unix.SHUT_RD); err != nil {
			t.Fatal(err)
		}
		w.now(t, one, loop.Hangup, loop.Hangup)
	})
}

func TestOutOfBandIsUrgent(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		out, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		port := ln.Addr().(*net.TCPAddr).Port
		if err := unix.Connect(out, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		in, _, err := unix.Accept(int(listening(t, ln).Fd()))
		if err != nil {
			t.Fatal(err)
		}
		one, other := fd(file(t, in)), file(t, out)
		w.modify(t, one, 0, loop.Urgent)
		write(t, other)
		w.now(t, one, loop.Urgent, 0)
		if err := unix.Sendto(out, []byte("!"), unix.MSG_OOB, nil); err != nil {
			t.Fatal(err)
		}
		if got := w.wait(t, -1); len(got) != 1 || got[0].Ops != loop.Urgent {
			t.Errorf("got %v, want urgent", got)
		}
		if _, _, err := unix.Recvfrom(in, make([]byte, 1), unix.MSG_OOB); err != nil {
			t.Fatal(err)
		}
		w.now(t, one, loop.Urgent, 0)
	})
}

// listening returns the socket of a listener, blocking.
func listening(t scene, ln net.Listener) *os.File {
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestRegularFileIsAlwaysReady(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		f := regular(t)
		const both = loop.Read | loop.Write
		w.modify(t, fd(f), 0, loop.Read)
		for range 3 {
			if got := w.wait(t, -1); len(got) != 1 || got[0].Ops&loop.Read == 0 {
				t.Errorf("got %v", got)
			}
		}
		w.modify(t, fd(f), loop.Read, both)
		w.now(t, fd(f), both, both)
		w.modify(t, fd(f), both, loop.Hangup)
		w.now(t, fd(f), loop.Hangup, 0)
		w.sleeps(t) // for a file can't hang up
		w.modify(t, fd(f), loop.Hangup, 0)
		w.now(t, fd(f), loop.Read, 0)
	})
}

func TestClosedFileIsNotReady(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		f := regular(t)
		n := fd(f)
		w.modify(t, n, 0, loop.Read)
		_ = f.Close()
		if w.Modify(n, loop.Read, loop.Read|loop.Write) != nil {
			w.now(t, n, loop.Read|loop.Write, 0)
		} else {
			w.now(t, n, loop.Error, loop.Error)
		}
	})
}

// A loop that is never idle does not wait as one that is does.
func TestWaitIsStillWokenAfterManyThatFoundSomething(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		n, fill, drain := w.open(t)
		w.modify(t, n, 0, loop.Read)
		for range 3 {
			fill()
			for range 200 {
				if ready := w.wait(t, time.Hour); len(ready) != 1 {
					t.Fatalf("ready: %v", ready)
				}
			}
			drain()
			go func() { _ = w.Wake() }()
			if ready := w.wait(t, time.Hour); len(ready) != 0 {
				t.Fatalf("ready: %v", ready)
			}
			w.sleeps(t)
		}
	})
}

func regular(tb testing.TB) *os.File {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "file"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

// A duplicate keeps the open file alive, so that epoll goes on to report it under a number that is
// closed.
func TestGhostOfADuplicateDoesNotSpin(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		n := haunt(t, w)
		w.now(t, n, loop.Read, 0)
		w.sleeps(t)
	})
}

// The number of a ghost may become one of the backend's own.
func TestGhostIsNotTakenForTheClock(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		n := haunt(t, w)
		c, ok := w.Backend.(loop.ClockWatcher)
		if !ok || c.WatchClock() != nil {
			t.Skip("no clock to be watched")
		}
		w.now(t, n, loop.Read, 0)
		w.sleeps(t)
	})
}

// haunt returns the number of a closed pipe that the kernel may go on to report as ready.
func haunt(tb testing.TB, w world) int {
	tb.Helper()
	reader, writer := pipe(tb)
	n := fd(reader)
	duplicate(tb, reader)
	w.modify(tb, n, 0, loop.Read)
	write(tb, writer)
	_ = reader.Close()
	w.modify(tb, n, loop.Read, 0)
	return n
}

func TestGhostIsNotTakenForItsSuccessor(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		reader, writer := pipe(t)
		successor, successorWriter := pipe(t)
		other, otherWriter := pipe(t)
		n := fd(reader)
		duplicate(t, reader)
		w.modify(t, fd(other), 0, loop.Read)
		w.modify(t, n, 0, loop.Read)
		write(t, writer)
		if err := unix.Dup2(fd(successor), n); err != nil {
			t.Fatal(err)
		}
		w.modify(t, n, 0, loop.Read)
		w.now(t, n, loop.Read, 0)
		write(t, successorWriter)
		w.now(t, n, loop.Read, loop.Read)
		drain(reader)
		write(t, otherWriter)
		w.now(t, fd(other), loop.Read, loop.Read)
	})
}
