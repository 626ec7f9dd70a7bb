package fd

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/internal/term"
)

// form is a descriptor as the user writes it.
type form struct {
	text string
	kind kind
	num  int            // of number
	name string         // of named; a path of path and unixListen
	addr netip.AddrPort // of tcpListen
}

func (f form) listens() bool { return f.kind == fdTCP || f.kind == fdUnix }

// passed reports whether it is a descriptor that ev was started with.
func (f form) passed() bool { return f.kind == fdNumber || f.kind == fdNamed }

type kind uint8

const (
	fdNumber kind = iota
	fdNamed
	fdPath
	fdTCP
	fdUnix
	fdTail
)

// parseFD reads N, -, fd:NAME, tcp-listen:HOST:PORT, unix-listen:PATH and tail:PATH. What is none
// of them is the path of a FIFO or a device; one that names a descriptor, such as /dev/fd/63, is
// that descriptor and not opened anew.
func parseFD(s string) (form, error) {
	form := form{text: s}
	if num, ok := numberOf(s); ok {
		n, err := strconv.ParseInt(num, 10, 32)
		if err != nil || n < 0 {
			return form, fmt.Errorf("%s is not a descriptor: the numbers are 0, 1, 2, …", s)
		}
		form.num = int(n)
		return form, nil
	}
	scheme, rest, _ := strings.Cut(s, ":")
	var err error
	switch scheme {
	case "fd":
		form.kind, form.name = fdNamed, rest
		if rest == "" {
			err = errors.New("fd: needs a name out of $LISTEN_FDNAMES, as in fd:web")
		}
	case "tcp-listen":
		form.kind = fdTCP
		if form.addr, err = socket.ParseTCP(rest); err != nil {
			err = diag.Within(len("tcp-listen:"), fmt.Errorf("tcp-listen: %w", err))
		}
	case "unix-listen":
		form.kind, form.name = fdUnix, rest
		if rest == "" {
			err = errors.New("unix-listen: needs a path, as in unix-listen:/run/my.sock")
		}
	case "tail":
		form.kind, form.name = fdTail, rest
		if rest == "" {
			err = errors.New("tail: needs a path, as in tail:/var/log/app.log")
		}
	default:
		form.kind, form.name = fdPath, s
		if s == "" {
			err = errors.New(`"" is not a descriptor: give a number, -, fd:NAME, a path, tcp-listen:HOST:PORT, unix-listen:PATH or tail:PATH`)
		}
	}
	return form, err
}

// numberOf returns the number that s is, or stands for.
func numberOf(s string) (string, bool) {
	switch s {
	case "-", "/dev/stdin":
		return "0", true
	case "/dev/stdout":
		return "1", true
	case "/dev/stderr":
		return "2", true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		s = strings.TrimPrefix(s, dir)
	}
	digits := strings.TrimPrefix(s, "-")
	return s, digits != "" && strings.Trim(digits, "0123456789") == ""
}

// ListensFD reports whether a descriptor, as it is written for [Options], is a socket that waits
// for connections.
func ListensFD(s string) bool {
	form, err := parseFD(s)
	return err == nil && form.listens()
}

// PassedFD reports whether a descriptor, as it is written for [Options], is one that the program was
// started with.
func PassedFD(s string) bool {
	form, err := parseFD(s)
	return err == nil && form.passed()
}

// TailsFD reports whether a descriptor, as it is written for [Options], is a file that is followed
// by its name.
func TailsFD(s string) bool {
	form, err := parseFD(s)
	return err == nil && form.kind == fdTail
}

// TerminalFD reports whether a descriptor, as it is written for [Options], is a terminal.
func TerminalFD(s string) bool {
	form, err := parseFD(s)
	switch {
	case err != nil:
		return false
	case form.kind == fdNumber:
		return term.IsTerminal(form.num)
	}
	return form.kind == fdPath && form.name == "/dev/tty"
}
