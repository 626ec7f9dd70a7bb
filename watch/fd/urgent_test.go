package fd

import (
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

func TestFD_outOfBandIsUrgent(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	out, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() { _ = unix.Close(out) })
	defer end()
	to := ln.Addr().(*net.TCPAddr)
	if err := unix.Connect(out, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File() // ev's own: to be taken for inherited it has to say so
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in := int(file.Fd())
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}

	r := newRig(t, Options{FDs: []string{name(in)}, Want: loop.Urgent, Handed: true})
	r.start()
	writeString(t, out, "no news")
	if err := unix.Sendto(out, []byte("!"), unix.MSG_OOB, nil); err != nil {
		t.Fatal(err)
	}
	r.on = func(d event.FD) {
		if len(r.got) > 1 {
			return // it is told until it is read
		}
		if !slices.Equal(d.Ready, []string{"urgent"}) || d.File == nil {
			t.Errorf("ready is %q, the descriptor is handed on: %t", d.Ready, d.File != nil)
		}
		buf := make([]byte, 9)
		if n, _, err := unix.Recvfrom(in, buf, unix.MSG_OOB); err != nil || string(buf[:n]) != "!" {
			t.Errorf("out of band is %q, %v", buf[:n], err)
		}
		end() // and that of the watcher
	}
	r.runLoop()
	if len(r.got) != 1 || r.fd.Failed() {
		t.Errorf("%d events, failed %t; want one event", len(r.got), r.fd.Failed())
	}
}

func TestFD_whatIsNeverUrgent(t *testing.T) {
	in, _ := inheritedPipe(t)
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ fd, say, want string }{
		{name(in), "", "is a pipe"},
		{file, "", "use 'ev stat' to watch files"},
		{os.DevNull, "x", "--say is about files"},
	} {
		r := newRig(t, Options{FDs: []string{tt.fd}, Want: loop.Urgent, Say: tt.say})
		if err := r.fd.Start(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.fd, err, tt.want)
		}
	}
}
