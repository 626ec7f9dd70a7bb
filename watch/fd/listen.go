package fd

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// acceptMost is how many connections are accepted before others have their turn.
const acceptMost = 64

// A listener is a socket that connections come in on.
type listener struct {
	*socket.Listener
	w      *Watcher
	form   form
	io     *loop.IO
	closed bool
}

// listen opens the socket that form names, or takes the one that it means.
func (w *Watcher) listen(form form) (*listener, error) {
	open := func() (*socket.Listener, error) { return form.listen(w.opts.Access) }
	if form.passed() {
		open = func() (*socket.Listener, error) { return w.listenPassed(form) }
	}
	at, err := open()
	if err != nil {
		return nil, err
	}
	at.Name, at.Report = form.text, w.opts.Report
	at.Spare()
	if addr, err := socket.Address(at.FD); err == nil && form.kind == fdTCP {
		say := w.opts.Report.Verbosef
		if form.addr.Port() == 0 {
			say = w.opts.Report.Noticef // nobody knows the port yet
		}
		say("%s: listening on %s", form.text, addr)
	}
	l := &listener{Listener: at, w: w, form: form}
	l.watch()
	if at.HasFile() {
		w.loop.After(socket.LookEvery, l.look)
	}
	return l, nil
}

func (l *listener) watch() {
	l.io = loop.NewIO(l.w.loop, l.FD, loop.Read, l.ready)
	l.io.SetPriority(l.w.priority)
}

// look has a socket whose file has gone be made anew, time and again.
func (l *listener) look() {
	if l.closed {
		return
	}
	if l.Renew() {
		accepting := l.io.Active()
		_ = l.io.Close()
		if l.watch(); accepting {
			l.io.Start()
		}
	}
	l.w.loop.After(socket.LookEvery, l.look)
}

func (f form) listen(access socket.Access) (*socket.Listener, error) {
	if f.kind == fdUnix && !f.abstract() {
		l, err := socket.ListenAt(f.name, access)
		if err != nil {
			return nil, fmt.Errorf("unix-listen: %w", err)
		}
		return l, nil
	}
	l, err := socket.Listen(f.sockaddr())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.text, err)
	}
	return l, nil
}

// listenPassed takes a socket that ev was started with. It stays as it is, and open: others have it,
// such as the service manager, and the next ev that this starts.
func (w *Watcher) listenPassed(form form) (*socket.Listener, error) {
	fd, _, err := w.passed(form)
	switch {
	case err != nil:
		return nil, err
	case !socket.Listens(fd):
		return nil, fmt.Errorf("descriptor %d is not a listening socket: --accept has nothing to accept from", fd)
	}
	return &socket.Listener{FD: fd, Passed: true}, nil
}

func (f form) sockaddr() unix.Sockaddr {
	if f.kind == fdUnix {
		return &unix.SockaddrUnix{Name: f.name}
	}
	return socket.TCP(f.addr)
}

// abstract reports whether the socket has a name but no file (unix(7)).
func (f form) abstract() bool { return f.name[0] == '@' }

// resume accepts again; whether it may is looked at when there is something to accept.
func (l *listener) resume() { l.io.Start() }

func (l *listener) feed() { l.w.emit(event.FD{Source: l.form.text, Num: l.FD}) }

func (l *listener) pending() bool { return l.io.Pending() }

func (l *listener) close() {
	l.closed = true
	if l.Passed {
		l.io.Stop()
		return
	}
	l.Remove()
	_ = l.io.Close()
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
		fd, peer, err := l.Accept()
		switch {
		case err == nil:
			l.connected(fd, peer)
		case errors.Is(err, unix.EAGAIN):
			return
		default:
			l.rest(err)
			return
		}
	}
}

// rest accepts nothing for a while, or never again.
func (l *listener) rest(err error) {
	pause, passes := l.Rest(err)
	if !passes {
		l.w.lose(l, l.form, os.NewSyscallError("accept", err))
		return
	}
	l.io.Stop()
	l.w.loop.After(pause, func() {
		if !l.closed {
			l.resume()
		}
	})
}

// connected reads from the connection, or hands it to whoever is told.
func (l *listener) connected(fd int, peer string) {
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
