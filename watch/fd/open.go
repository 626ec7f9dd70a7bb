package fd

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// Inherited returns the descriptors that the program was started with: those that are not closed on
// exec, which all that it opens itself are. It is to be asked before anyone marks the inherited
// ones too.
func Inherited() map[int]bool {
	inherited := map[int]bool{}
	check := func(fd int) {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 && !isStandIn(fd) {
			inherited[fd] = true
		}
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		for fd := range 256 {
			check(fd)
		}
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			check(fd)
		}
	}
	return inherited
}

// isStandIn reports whether a descriptor was closed when ev was started: Go's runtime then opens
// /dev/null in its place (runtime/fds_unix.go), for reading and writing, which no shell's
// redirection of one of the three does.
func isStandIn(fd int) bool {
	if fd > 2 {
		return false
	}
	var at, null unix.Stat_t
	mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && mode&unix.O_ACCMODE == unix.O_RDWR &&
		unix.Fstat(fd, &at) == nil && unix.Stat(os.DevNull, &null) == nil &&
		at.Mode&unix.S_IFMT == unix.S_IFCHR && at.Rdev == null.Rdev
}

// openStream makes a stream of what form names.
func (w *Watcher) openStream(form form) (*stream, error) {
	if form.kind == fdPath {
		return w.openPath(form)
	}
	fd, mode, err := w.passed(form)
	if err != nil {
		return nil, err
	}
	switch mode &= unix.O_ACCMODE; {
	case mode == unix.O_WRONLY && w.opts.Want&loop.Read != 0:
		return nil, fmt.Errorf("descriptor %d is open for writing only: it can be watched for write and hup", fd)
	case mode == unix.O_RDONLY && w.opts.Want&loop.Write != 0:
		return nil, fmt.Errorf("descriptor %d is open for reading only: it can be watched for read and hup", fd)
	}
	s := w.newStream(form, fd)
	err = s.in.unfit(w.opts.Reading != ReadNothing)
	if w.opts.Want == loop.Urgent && err == nil {
		err = s.in.neverUrgent()
	}
	if err != nil {
		return nil, fmt.Errorf("descriptor %d %w", fd, err)
	}
	return s, nil
}

// passed returns the descriptor that form means, of those that ev was started with, and its flags.
func (w *Watcher) passed(form form) (fd, mode int, err error) {
	fd = form.num
	if form.kind == fdNamed {
		var ok bool
		if fd, ok = w.opts.Named[form.name]; !ok {
			return fd, 0, fmt.Errorf("%s: ev was passed no descriptor of that name: $LISTEN_FDNAMES is %q", form.text, os.Getenv("LISTEN_FDNAMES"))
		}
	}
	mode, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || !w.opts.Inherited[fd] {
		return fd, 0, fmt.Errorf("descriptor %d is not open: open it in the shell, as in %[1]d<FILE", fd)
	}
	return fd, mode, nil
}

// openPath opens a FIFO, a device or a file.
func (w *Watcher) openPath(form form) (*stream, error) {
	path := form.name
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file or directory: descriptors are numbers, and a FIFO is made by mkfifo", path)
	}
	if err != nil {
		return nil, err
	}
	if w.opts.Say != "" {
		return nil, fmt.Errorf("%s: --say is about files such as /proc/pressure/cpu", path)
	}
	reads, writes := w.opts.Want&loop.Read != 0, w.opts.Want&loop.Write != 0
	mode := unix.O_RDONLY
	switch {
	case writes && reads:
		mode = unix.O_RDWR
	case writes:
		mode = unix.O_WRONLY
	}
	fifo := false
	switch info.Mode().Type() {
	case os.ModeDir:
		return nil, fmt.Errorf("%s is a directory: 'ev stat' watches those", path)
	case os.ModeSocket:
		return nil, fmt.Errorf("%s is a socket: unix-listen:PATH makes one and waits for connections", path)
	case os.ModeNamedPipe:
		if w.opts.Want&loop.Hangup != 0 {
			return nil, fmt.Errorf("%s: a FIFO that ev opens survives its writers, so none hangs up: let the shell open it, as in ev watch-fd 0 --hup <FIFO", path)
		}
		if fifo = mode == unix.O_RDONLY; !fifo {
			mode = unix.O_RDWR // O_WRONLY fails without a reader
		}
	default:
	}
	// Non-blocking so that opening does not wait for a writer or a carrier.
	fd, err := unix.Open(path, mode|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	s := w.newStream(form, fd)
	s.owned = true
	if w.opts.Want == loop.Urgent {
		if err := s.in.neverUrgent(); err != nil {
			s.close()
			return nil, fmt.Errorf("%s %w", path, err)
		}
	}
	if fifo {
		s.keeper.path = path
		if err := s.keeper.open(); err != nil {
			s.close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return s, nil
}

// A fifoKeeper is a FIFO's writing end that nobody writes to. As long as it is open, the reading
// end does not come to its end when the writers have gone.
type fifoKeeper struct {
	path string // "": not a FIFO
	fd   int    // -1: not open
}

func (k *fifoKeeper) open() error {
	if k.path == "" || k.fd >= 0 {
		return nil
	}
	fd, err := unix.Open(k.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EACCES):
		return errors.New("to stay open without writers, a FIFO has to be writable for ev too")
	case err != nil:
		return fmt.Errorf("open: %w", err)
	}
	k.fd = fd
	return nil
}

func (k *fifoKeeper) close() {
	if k.fd >= 0 {
		_ = unix.Close(k.fd)
		k.fd = -1
	}
}
