package fd

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// listening returns the address that the rig's first FD listens on.
func (r *rig) listening() string {
	r.Helper()
	at, err := socket.Address(r.fd.opened[0].(*listener).FD)
	if err != nil {
		r.Fatal(err)
	}
	return at.String()
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestListen_eachConnectionIsAnEventThatBringsIt(t *testing.T) {
	for _, addr := range []string{"tcp-listen:127.0.0.1:0", "tcp-listen:localhost:0", "tcp-listen::0", "tcp-listen:[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			r := newRig(t, Options{FDs: []string{addr}, Handed: true})
			if err := r.fd.Start(); err != nil && strings.Contains(addr, "::1") {
				t.Skip("needs IPv6: ", err)
			}
			r.start()
			a, b := dial(t, "tcp", r.listening()), dial(t, "tcp", r.listening())
			r.on = func(d event.FD) {
				p := d.Payload('\n')
				if p.File == nil || p.Out != p.File || d.What() != "connect" {
					t.Errorf("%+v", d)
				}
				_, _ = p.File.WriteString("hello " + d.Peer)
				_ = p.File.Close()
				if len(r.got) == 2 {
					r.fd.Stop()
				}
			}
			r.runLoop()
			for _, c := range []net.Conn{a, b} {
				if got, _ := io.ReadAll(c); string(got) != "hello "+c.LocalAddr().String() {
					t.Errorf("%s got %q", c.LocalAddr(), got)
				}
			}
		})
	}
}

func TestListen_printedAConnectionIsClosed(t *testing.T) {
	r := newRig(t, Options{FDs: []string{"tcp-listen:127.0.0.1:0"}})
	r.start()
	c := dial(t, "tcp", r.listening())
	r.on = func(event.FD) { r.loop.Break() }
	r.runLoop()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client reads %v, want EOF", err)
	}
	if !r.fd.Active() {
		t.Error("not active after the first connection")
	}
}

func TestListen_linesOfAllConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	r := newRig(t, Options{FDs: []string{"unix-listen:" + path}, Reading: ReadRecords, EOF: true, MaxConnections: 2})
	r.start()
	a, b := dial(t, "unix", path), dial(t, "unix", path)
	c := dial(t, "unix", path) // waits in the backlog until one of the others goes
	for i, conn := range []net.Conn{a, b, c} {
		if _, err := io.WriteString(conn, strings.Repeat(string(rune('a'+i)), 3)+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	r.on = func(d event.FD) {
		if r.fd.connections > 2 {
			t.Errorf("%d connections at once, want at most 2", r.fd.connections)
		}
		if !strings.HasPrefix(d.Peer, "uid=") && runtime.GOOS == "linux" {
			t.Errorf("peer is %q", d.Peer)
		}
		switch strings.Join(r.lines(), " ") {
		case "aaa bbb":
			_ = a.Close()
		case "aaa bbb EOF ccc":
			r.fd.Stop()
		}
	}
	r.runLoop()
	if got := r.lines(); !slices.Equal(got, []string{"aaa", "bbb", "EOF", "ccc"}) {
		t.Errorf("%q", got)
	}
}

func TestListen_heldNothingIsAccepted(t *testing.T) {
	r := newRig(t, Options{FDs: []string{"tcp-listen:127.0.0.1:0"}, Handed: true})
	r.start()
	for range 3 {
		dial(t, "tcp", r.listening())
	}
	held := false
	r.on = func(d event.FD) {
		_ = d.File.Close()
		if held {
			t.Error("accepted while held")
		}
		held = true
		r.fd.Hold(true)
		r.loop.Post(func() {
			held = false
			if r.fd.Hold(false); len(r.got) == 3 {
				r.fd.Stop()
			}
		})
	}
	r.runLoop()
}

func TestListen_unixSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	start := func() (*rig, error) {
		r := newRig(t, Options{FDs: []string{"unix-listen:" + path}})
		return r, r.fd.Start()
	}
	// One that a process left behind.
	l, err := socket.Listen(&unix.SockaddrUnix{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(l.FD)
	r, err := start()
	if err != nil {
		t.Fatalf("a stale socket file is not replaced: %v", err)
	}
	if _, err := start(); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("a live socket: %v", err)
	}
	r.fd.Stop()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the file is still there after Stop: %v", err)
	}
	if r, err = start(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.fd.Stop()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("somebody else's file is removed: %v", err)
	}
}

func TestListen_withoutDescriptorsItPausesAndSaysSo(t *testing.T) {
	var stderr bytes.Buffer
	r := newRig(t, Options{
		FDs: []string{"tcp-listen:127.0.0.1:0"}, Handed: true,
		Report: report.New(&stderr, "ev", report.Plain, report.Error),
	})
	r.start()
	dial(t, "tcp", r.listening())
	var taken []*os.File
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }()
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		taken = append(taken, f)
	}
	stop := r.loop.After(250*time.Millisecond, func() {
		for _, f := range taken {
			_ = f.Close()
		}
	})
	defer stop()
	r.on = func(d event.FD) {
		_ = d.File.Close()
		r.fd.Stop()
	}
	r.runLoop()
	if turns := r.loop.Stats().Turns; turns > 20 {
		t.Errorf("%d turns: a busy loop", turns)
	}
	if s := stderr.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "too many open files") || !strings.Contains(s, "ulimit -n") {
		t.Errorf("said %q", s)
	}
}

// TestListen_leavesDescriptorsForCommands accepts no more connections than leave enough to start a
// command.
func TestListen_leavesDescriptorsForCommands(t *testing.T) {
	var stderr bytes.Buffer
	r := newRig(t, Options{
		FDs: []string{"tcp-listen:127.0.0.1:0"}, Handed: true,
		Report: report.New(&stderr, "ev", report.Plain, report.Error),
	})
	const spared, pause = 16, 100 * time.Millisecond
	const clients = 3 * spared
	top, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(top)
	most := top + clients + spared // some of them are the clients'
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Max: old.Max}
	for range most + spared {
		limit.Cur++ // uint64 here, int64 on FreeBSD
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	r.start()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	for range clients {
		dial(t, "tcp", r.listening())
	}
	var open []*os.File
	r.on = func(d event.FD) {
		open = append(open, d.File)
		if int(d.File.Fd()) >= most {
			t.Errorf("descriptor %d is to be spared", d.Num)
		}
		if len(r.got) == clients {
			r.fd.Stop()
		}
	}
	var release func()
	release = func() {
		for _, f := range open {
			_ = f.Close()
		}
		if open = nil; r.fd.Active() {
			r.loop.After(pause, release)
		}
	}
	r.loop.After(pause, release)
	r.runLoop()
	if n := strings.Count(stderr.String(), "new connections wait"); n != 1 {
		t.Errorf("said %d times: %q", n, stderr.String())
	}
}

// TestListen_manyConnections holds as many connections as the limit of descriptors allows, up to
// 10,000, and looks at what each costs.
func TestListen_manyConnections(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := 10000
	if uint64(limit.Cur) < uint64(2*n+100) { //nolint:unconvert // int64 on FreeBSD
		n = int(limit.Cur)/2 - 100
	}
	if testing.Short() {
		n = min(n, 500)
	}
	path := filepath.Join(t.TempDir(), "sock")
	r := newRig(t, Options{FDs: []string{"unix-listen:" + path}, Handed: true})
	r.got = make([]event.FD, 0, n)
	clients := make([]int, 0, n)
	defer func() {
		for _, fd := range clients {
			_ = unix.Close(fd)
		}
	}()
	r.start()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	r.on = func(event.FD) {
		if len(r.got) == n {
			r.fd.Stop()
		}
	}
	for range n {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, fd)
		if err := r.loop.Run(t.Context(), loop.RunNoWait); err != nil {
			t.Fatal(err)
		}
	}
	r.runLoop()
	each := int64(heap()-before) / int64(n)
	if len(r.got) != n || each > 1<<10 {
		t.Errorf("%d connections at %d bytes each, want %d at less than 1 KiB", len(r.got), each, n)
	}
	for _, d := range r.got {
		_ = d.File.Close()
	}
}

// TestListen_itsFileIsMadeAnew after somebody has removed it.
func TestListen_itsFileIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := looptest.New()
		l, err := loop.New(loop.WithBackend(backend))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "s")
		w, err := New(l, Options{FDs: []string{"unix-listen:" + path}, Want: loop.Read, Handed: true}, nil)
		if err == nil {
			err = w.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		l.After(3*socket.LookEvery/2, l.Break)
		if err := l.Run(t.Context(), loop.RunDefault); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil || backend.Wanted(w.opened[0].(*listener).FD) != loop.Read {
			t.Error("it does not listen there:", err)
		}
	})
}

// TestListen_passed: connections are accepted from a socket that ev was started with, and it stays as
// it was.
func TestListen_passed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	passed, err := socket.ListenAt(path, socket.Access{})
	if err == nil {
		err = unix.SetNonblock(passed.FD, false)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(passed.FD), unix.F_SETFD, 0) // as an inherited one
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(passed.FD)
	flags := func() int {
		n, err := unix.FcntlInt(uintptr(passed.FD), unix.F_GETFL, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := flags()
	r := newRig(t, Options{FDs: []string{name(passed.FD)}, Accept: true, Handed: true})
	r.start()
	a, b := dial(t, "unix", path), dial(t, "unix", path)
	r.on = func(d event.FD) {
		if d.Source != name(passed.FD) || d.What() != "connect" || d.Peer == "" || flags() != before {
			t.Errorf("%+v; flags %#x, were %#x", d, flags(), before)
		}
		_, _ = d.File.WriteString("hello")
		_ = d.File.Close()
		if len(r.got) == 2 {
			// With nobody left to be accepted, it must not wait.
			r.loop.Post(r.fd.opened[0].(*listener).io.Feed)
			r.loop.Post(func() { r.loop.Post(r.fd.Stop) })
		}
	}
	r.runLoop()
	for _, c := range []net.Conn{a, b} {
		if got, _ := io.ReadAll(c); string(got) != "hello" {
			t.Errorf("got %q", got)
		}
	}
	if _, err := os.Lstat(path); err != nil || flags() != before {
		t.Errorf("it is not as it was: %v, flags %#x, were %#x", err, flags(), before)
	}
	dial(t, "unix", path)
}

func TestListen_onlyASocketThatListensIsAcceptedFrom(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	r := newRig(t, Options{FDs: []string{name(pair[0])}, Accept: true})
	if err := r.fd.Start(); err == nil || !strings.Contains(err.Error(), "is not a listening socket") {
		t.Error(err)
	}
}
