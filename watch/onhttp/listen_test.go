package onhttp

import (
	"cmp"
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// failing has the listener fail to accept n times.
func (r *rig) failing(err error, n int) {
	r.on(func() {
		l := r.http.server.listener
		accept := l.accept4
		l.accept4 = func() (int, string, error) {
			if n--; n >= 0 {
				return -1, "", err
			}
			return accept()
		}
	})
}

// TestListener_failuresPass: those errors of accept(2) that pass are told once, and that they are
// over.
func TestListener_failuresPass(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOMEM, unix.ENOBUFS, unix.EPROTO, unix.EPERM, unix.ENETDOWN, unix.EMFILE} {
		r := newRig(t, func(o *Options) { o.Handed = false })
		r.failing(errno, 3)
		for range 2 {
			if got := read(r.send(get), "GET"); got.status != 204 {
				t.Errorf("%v: %+v", errno, got)
			}
		}
		s := r.said.String()
		if strings.Count(s, "new connections wait") != 1 || !strings.Contains(s, errno.Error()) || strings.Count(s, "are accepted again") != 1 {
			t.Errorf("%v: said %q", errno, s)
		}
	}
}

// TestListener_closedWhileItRests ends without waiting for that.
func TestListener_closedWhileItRests(t *testing.T) {
	r := newRig(t, nil)
	r.failing(unix.ENOMEM, 1<<30)
	r.dial()
	r.until(func() bool { return strings.Contains(r.said.String(), "new connections wait") }, "it rests")
}

// TestListener_errorsThatStay end the watcher, which has failed then.
func TestListener_errorsThatStay(t *testing.T) {
	r := newRig(t, nil)
	r.failing(unix.EINVAL, 1)
	if c, err := new(net.Dialer).DialContext(t.Context(), r.network, r.address); err == nil {
		defer c.Close() // it may be too late by now
	}
	r.until(func() (failed bool) {
		r.on(func() { failed = r.http.Failed() && !r.http.Active() })
		return failed
	}, "it has failed")
	if said := r.said.String(); !strings.Contains(said, "invalid argument") {
		t.Errorf("said %q", said)
	}
}

// TestListener_passedSocketStaysAsItIs: others have it, too, and what they do to it may block.
func TestListener_passedSocketStaysAsItIs(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := cmp.Or(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 10)); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(o *Options) { o.Addr, o.Handed = fmt.Sprintf("fd:%d", fd), false })
	for range 2 {
		if got := read(r.send(get), "GET"); got.status != 204 {
			t.Errorf("%+v", got)
		}
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}
