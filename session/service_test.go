package session

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A manager is the service manager that has started ev.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	env  map[string]string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn, map[string]string{"NOTIFY_SOCKET": path}}
}

func (m *manager) getenv(name string) string { return m.env[name] }

// told checks what the manager has been told since the last call.
func (m *manager) told(want ...string) {
	m.t.Helper()
	raw, err := m.conn.SyscallConn()
	if err != nil {
		m.t.Fatal(err)
	}
	var got []string
	_ = raw.Control(func(fd uintptr) {
		for b := make([]byte, 1000); ; {
			n, err := syscall.Read(int(fd), b) // what is there, and no more: it does not block
			if err != nil {
				return
			}
			text, _, _ := strings.Cut(string(b[:n]), "\nMONOTONIC_USEC=")
			got = append(got, text)
		}
	})
	if !slices.Equal(got, want) {
		m.t.Errorf("told was %q, not %q", got, want)
	}
}

func TestService_isTold(t *testing.T) {
	m := newManager(t)
	fail := errors.New("faulty")
	var reload func(*Session) error
	perform(t, Config{Getenv: m.getenv, Reload: func(s *Session) error { return reload(s) }}, func(s *stage) {
		s.run(s.line("a"), s.line("b", runs))
		m.told("READY=1", "STATUS=watching: a, b")
		reload = func(*Session) error { return fail }
		s.signal(syscall.SIGHUP)
		m.told("RELOADING=1", "READY=1", "STATUS=watching: a, b")
		reload = func(*Session) error { _ = s.bind(s.line("b"), s.line("c")); return nil }
		s.signal(syscall.SIGHUP)
		m.told("RELOADING=1", "READY=1", "STATUS=watching: b, c")
		s.emit("b")
		s.signal(syscall.SIGTERM)
		m.told("STOPPING=1") // though a command runs
		s.end("b", failed(0))
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
		m.told()
	})
}

func TestService_isToldOfAnEndByItself(t *testing.T) {
	m := newManager(t)
	perform(t, Config{Getenv: m.getenv}, func(s *stage) {
		s.run(s.line("a"))
		m.told("READY=1", "STATUS=watching: a")
		s.on(s.props["a"].Stop)
		s.ended(End{})
		m.told("STOPPING=1")
	})
}

func TestService_isToldOfAFewNames(t *testing.T) {
	m := newManager(t)
	perform(t, Config{Getenv: m.getenv}, func(s *stage) {
		var lines []Line
		for i := range 12 {
			lines = append(lines, s.line(strconv.Itoa(i)))
		}
		s.run(lines...)
		m.told("READY=1", "STATUS=watching: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more")
	})
}

// The manager is told again and again that the loop turns, which does not keep it alive.
func TestService_watchdog(t *testing.T) {
	m := newManager(t)
	m.env["WATCHDOG_USEC"], m.env["WATCHDOG_PID"] = "2000000", strconv.Itoa(os.Getpid())
	perform(t, Config{Getenv: m.getenv}, func(s *stage) {
		s.run(s.line("a"))
		m.told("READY=1", "STATUS=watching: a", "WATCHDOG=1")
		s.pass(3 * time.Second)
		m.told("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
		s.on(s.props["a"].Stop)
		s.ended(End{})
	})
	m.env["WATCHDOG_USEC"] = "soon"
	perform(t, Config{Getenv: m.getenv}, func(s *stage) {
		s.run(s.line("a"))
		if !strings.HasPrefix(s.said.String(), "ev: the service manager's watchdog gets no messages: ") {
			t.Errorf("%q", s.said.String())
		}
		s.on(s.End)
	})
}
