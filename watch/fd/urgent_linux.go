package fd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// An urgent is a file by which the kernel tells that what is in it has changed, as POLLPRI
// (proc_pid_mountinfo(5), Documentation/accounting/psi.rst, sysfs_notify). After that the file is
// to be read anew, from its beginning, before it tells again.
//
// A change of mounts, and a pressure, is told but once, to whoever polls first. The loop's set of
// descriptors is polled more than once, by epoll itself and by that of Go's runtime, so that the
// loop would miss it: a goroutine of its own asks by poll(2).
type urgent struct {
	w     *Watcher
	form  form
	file  *os.File
	psi   bool // what is in it always changes, and is nobody's payload
	ready *loop.Async
	due   bool          // it came while the watcher was held
	end   int           // an eventfd: the goroutine ends
	asked chan struct{} // has it poll once more
}

// maxUrgent is how much of a file is read.
const maxUrgent = 1 << 20

func (w *Watcher) openUrgent(form form) (source, error) {
	path := form.name
	psi := strings.HasPrefix(path, "/proc/pressure/") || strings.HasSuffix(path, ".pressure")
	if psi && w.opts.Say == "" {
		return nil, fmt.Errorf("%s reports only what it is asked for: add --say 'some 150000 1000000' (150 ms of stalls in a second)", path)
	}
	mode := unix.O_RDONLY
	if w.opts.Say != "" {
		mode = unix.O_RDWR
	}
	// Not by os.Open: Go's runtime would poll it too, and take what is to be told.
	fd, err := unix.Open(path, mode|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	u := &urgent{w: w, form: form, file: os.NewFile(uintptr(fd), path), psi: psi, end: -1}
	if err := u.begin(); err != nil {
		_ = u.file.Close()
		return nil, err
	}
	u.ready = loop.NewAsync(w.loop, u.came)
	u.ready.SetPriority(w.priority)
	u.ready.Start()
	go u.poll(u.end, fd, u.asked)
	return u, nil
}

// begin says what is to be said, and reads the file: only what comes after that is told.
func (u *urgent) begin() error {
	if !tellsUrgently(int(u.file.Fd())) {
		return fmt.Errorf("%s does not report its changes to --urgent: use 'ev stat' to watch files", u.form.name)
	}
	if say := u.w.opts.Say; say != "" {
		if _, err := u.file.WriteString(say + "\x00"); err != nil { // psi.rst: the last byte is not looked at
			if u.psi && errors.Is(err, unix.EINVAL) {
				err = fmt.Errorf("%w: it is 'some' or 'full', so many microseconds, and within how many; those are a multiple of 2000000 without CAP_SYS_RESOURCE", err)
			}
			return fmt.Errorf("--say %q: %w", say, err)
		}
	}
	if _, err := u.read(); err != nil {
		return err
	}
	end, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	u.end, u.asked = end, make(chan struct{}, 1)
	return os.NewSyscallError("eventfd", err)
}

// tellsUrgently reports whether a file can be waited for: epoll_ctl(2) refuses one that is always
// ready.
func tellsUrgently(fd int) bool {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return true // nobody knows
	}
	defer unix.Close(ep)
	return unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd)}) == nil
}

// poll sends for each time that it is asked, once there is something. It is a goroutine, and
// closes what it polls, lest that is another's number by then.
func (u *urgent) poll(end, fd int, asked <-chan struct{}) {
	defer func() { _, _ = u.file.Close(), unix.Close(end) }()
	for range asked {
		fds := []unix.PollFd{{Fd: int32(end), Events: unix.POLLIN}, {Fd: int32(fd), Events: unix.POLLPRI}}
		for fds[0].Revents|fds[1].Revents == 0 {
			if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
				fds[1].Revents = unix.POLLERR // out of memory: it is read once too often
			}
		}
		if fds[0].Revents == 0 {
			u.ready.Send()
		}
	}
}

// read reads what is in the file now.
func (u *urgent) read() (string, error) {
	if _, err := u.file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(u.file, maxUrgent))
	return string(text), err
}

// came is told that there is something.
func (u *urgent) came() {
	if u.w.held {
		u.due = true
		u.w.waiting = append(u.w.waiting, u)
		return
	}
	u.tell()
	u.resume()
}

func (u *urgent) tell() {
	text, err := u.read()
	if err != nil { // a control group that is gone
		u.w.lose(u, u.form, err)
		return
	}
	d := event.FD{Source: u.form.text, Num: int(u.file.Fd()), Ready: words(loop.Urgent), Groups: u.w.captured("", nil)}
	if !u.psi {
		d.Data = &text
	}
	u.w.emit(d)
}

// resume has the goroutine poll on, or tells what came in the meantime.
func (u *urgent) resume() {
	switch {
	case u.asked == nil: // closed by what it told
	case u.due:
		u.due = false
		u.ready.Feed()
	default:
		u.asked <- struct{}{}
	}
}

func (u *urgent) feed()         { u.tell() }
func (u *urgent) pending() bool { return u.due || u.ready.Pending() }

func (u *urgent) close() {
	u.ready.Stop()
	close(u.asked)
	u.asked = nil
	_, _ = unix.Write(u.end, binary.NativeEndian.AppendUint64(nil, 1))
}
