package onhttp

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
)

// A troubled listener fails to accept as often as is left.
type troubled struct {
	*net.TCPListener
	left atomic.Int32
	err  error
}

func (l *troubled) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: os.NewSyscallError("accept4", l.err)}
	}
	return l.TCPListener.Accept()
}

// TestListener_failuresPass: those errors of accept(2) that pass are told once, and that they
// are over. The server never sees one.
func TestListener_failuresPass(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOMEM, unix.ENOBUFS, unix.EPROTO, unix.EPERM, unix.ENETDOWN, unix.EMFILE} {
		l, said := listening(t, errno, 3)
		for range 2 {
			dial(t, "tcp", l.Addr().String())
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
		}
		s := said.String()
		if strings.Count(s, "new connections wait") != 1 || !strings.Contains(s, errno.Error()) || strings.Count(s, "are accepted again") != 1 {
			t.Errorf("%v: said %q", errno, s)
		}
	}
}

// listening returns a listener that fails to accept n times.
func listening(t *testing.T, err error, n int32) (*listener, *lockedBuffer) {
	t.Helper()
	said := &lockedBuffer{}
	o := defaults()
	o.Report = report.New(said, "ev", report.Plain, report.Notice)
	w, e := New(nil, o, nil)
	if e != nil {
		t.Fatal(e)
	}
	l, e := w.listen()
	if e != nil {
		t.Fatal(e)
	}
	t.Cleanup(func() { _ = l.Close() })
	failing := &troubled{TCPListener: l.Listener.(*net.TCPListener), err: err}
	failing.left.Store(n)
	l.Listener = failing
	return l, said
}

// TestListener_closedWhileItRests ends Accept.
func TestListener_closedWhileItRests(t *testing.T) {
	l, _ := listening(t, unix.ENOMEM, 1<<30)
	over := make(chan error)
	go func() {
		_, err := l.Accept()
		over <- err
	}()
	_ = l.Close()
	if err := <-over; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestListener_errorsThatStay end the watcher, which has failed then.
func TestListener_errorsThatStay(t *testing.T) {
	r := newRig(t, nil)
	r.on(func() { _ = r.http.listener.Listener.Close() })
	for failed := false; !failed; {
		r.on(func() { failed = r.http.Failed() && !r.http.Active() })
	}
	if said := r.said.String(); !strings.Contains(said, "use of closed network connection") {
		t.Errorf("said %q", said)
	}
}
