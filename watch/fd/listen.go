package fd

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

const (
	// acceptMost is how many are accepted before others have their turn.
	acceptMost = 64
	// acceptPause is how long accepting rests when there is no descriptor left.
	acceptPause = 100 * time.Millisecond
	// acceptSpare is how many descriptors are left for what connections are accepted
	// for: a command takes some to start.
	acceptSpare = 16
)

// A listener is a socket that connections come in on.
type listener struct {
	w      *Watcher
	form   form
	fd     int
	bound  os.FileInfo // the file that a unix socket has made; nil: none
	io     *loop.IO
	most   int  // the number that a connection's descriptor stays below
	rested bool // and connections have been waiting since
	closed bool
}

// listen opens the socket that form names.
func (w *Watcher) listen(form form) (*listener, error) {
	if form.kind == fdUnix {
		if err := socket.RemoveStale(form.name); err != nil {
			return nil, fmt.Errorf("unix-listen: %w", err)
		}
	}
	fd, err := socket.Listen(form.sockaddr())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", form.text, err)
	}
	l := &listener{w: w, form: form, fd: fd, most: math.MaxInt}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < math.MaxInt32 {
		l.most = int(limit.Cur) - min(acceptSpare, int(limit.Cur)/4)
	}
	if form.kind == fdUnix && !form.abstract() {
		l.bound, _ = os.Lstat(form.name)
	}
	if at, err := socket.Address(fd); err == nil && form.kind == fdTCP {
		say := w.opts.Report.Verbosef
		if form.addr.Port() == 0 {
			say = w.opts.Report.Noticef // nobody knows the port yet
		}
		say("%s: listening on %s", form.text, at)
	}
	l.io = loop.NewIO(w.loop, fd, loop.Read, l.ready)
	l.io.SetPriority(w.priority)
	return l, nil
}

func (f form) sockaddr() unix.Sockaddr {
	if f.kind == fdUnix {
		return &unix.SockaddrUnix{Name: f.name}
	}
	return socket.TCP(f.addr)
}

// abstract reports whether the socket has a name but no file (unix(7)).
func (f form) abstract() bool { return f.name[0] == '@' }

// resume accepts again; whether it may is looked at when there is something to
// accept.
func (l *listener) resume() { l.io.Start() }

func (l *listener) feed() { l.w.emit(event.FD{Source: l.form.text, Num: l.fd}) }

func (l *listener) pending() bool { return l.io.Pending() }

func (l *listener) close() {
	l.closed = true
	_ = l.io.Close()
	if l.bound == nil {
		return
	}
	if now, err := os.Lstat(l.form.name); err == nil && os.SameFile(now, l.bound) {
		_ = os.Remove(l.form.name)
	}
}

func (l *listener) ready(got loop.Ops) {
	if got&loop.Error != 0 {
		l.w.lose(l, l.form, errors.New("the socket has been closed"))
		return
	}
	for range acceptMost {
		switch {
		case l.closed:
			return
		case l.w.held:
			l.io.Stop()
			l.w.waiting = append(l.w.waiting, l)
			return
		case l.w.opts.Reading != ReadNothing && l.w.connections >= l.w.opts.MaxConnections:
			l.io.Stop()
			l.w.full = append(l.w.full, l)
			return
		}
		fd, sa, err := -1, unix.Sockaddr(nil), l.room()
		if err == nil {
			fd, sa, err = accept(l.fd)
		}
		switch {
		case err == nil:
			l.connected(fd, sa)
		case errors.Is(err, unix.EAGAIN):
			l.rested = false
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
			l.rest(err)
			return
		default:
			l.w.lose(l, l.form, os.NewSyscallError("accept", err))
			return
		}
	}
}

// room returns EMFILE if a connection would take a descriptor that is to be spared.
func (l *listener) room() error {
	next, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_ = unix.Close(next)
	if next >= l.most {
		return unix.EMFILE
	}
	return nil
}

// rest accepts nothing for a while, since the connection that could not be
// accepted would be ready at once again.
func (l *listener) rest(err error) {
	l.io.Stop()
	if !l.rested {
		l.rested = true
		l.w.opts.Report.Errorf("%s: accept: %v; new connections wait: raise the limit (ulimit -n) or lower the number of connections", l.form.text, err)
	}
	l.w.loop.After(acceptPause, func() {
		if !l.closed {
			l.resume()
		}
	})
}

// connected reads from the connection, or hands it to whoever is told.
func (l *listener) connected(fd int, sa unix.Sockaddr) {
	peer := socket.Peer(fd)
	if at := socket.AddrPort(sa); at.IsValid() {
		peer = at.String()
	}
	if l.w.opts.Reading != ReadNothing {
		s := l.w.newStream(l.form, fd)
		s.owned, s.peer = true, peer
		l.w.sources[s] = true
		l.w.connections++
		s.resume()
		return
	}
	d := event.FD{Source: l.form.text, Num: fd, Ready: []string{"connect"}, Peer: peer}
	if !l.w.opts.Handed {
		l.w.emit(d)
		_ = unix.Close(fd)
		return
	}
	d.File = os.NewFile(uintptr(fd), peer)
	l.w.emit(d)
}

// disconnected makes room for another connection.
func (w *Watcher) disconnected() {
	w.connections--
	full := w.full
	w.full = nil
	w.resume(full)
}
