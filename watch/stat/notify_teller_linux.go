package stat

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// A teller is inotify(7), with the names and the operations of fsnotify, which other systems have
// instead. It is not fsnotify's, which is woken for each notice; and in Go to be woken costs more
// than all else that is done about a notice.
//
// So it lets notices gather in the kernel's queue while more keep coming. For that the descriptor
// must be out of Go's poller, which is woken whether or not anybody waits: it is alone in an epoll
// set, which is in the poller instead, and which tells once (EPOLLONESHOT) until it is asked again.
type teller struct {
	Events chan fsnotify.Event
	Errors chan error

	fd    int
	ready *os.File // the epoll set that it is in
	quit  chan struct{}
	ended chan struct{}

	mu     sync.Mutex
	names  map[int32]string // by watch descriptor
	byName map[string]int32
}

const (
	// notices are the events that are asked for.
	notices = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_MOVE_SELF | unix.IN_MODIFY |
		unix.IN_ATTRIB | unix.IN_DELETE | unix.IN_DELETE_SELF
	// pause is for how long notices gather. The kernel's queue is full after thousands.
	pause = 5 * time.Millisecond
	// flurry is how many notices in a row, each within a pause of the one before, are taken at once:
	// more than a file that is saved makes, which is to be told without delay.
	flurry = 32
)

func newTeller(burst uint) (*teller, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.EpollCtl(set, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: onceReadable})
	}
	if err == nil {
		err = unix.SetNonblock(set, true) // or it would not be in Go's poller
	}
	if err != nil {
		_ = unix.Close(set)
		_ = unix.Close(fd)
		return nil, err
	}
	w := &teller{
		Events: make(chan fsnotify.Event, burst),
		Errors: make(chan error),
		fd:     fd,
		ready:  os.NewFile(uintptr(set), "inotify"),
		quit:   make(chan struct{}),
		ended:  make(chan struct{}),
		names:  map[int32]string{},
		byName: map[string]int32{},
	}
	go w.listen()
	return w, nil
}

const onceReadable = unix.EPOLLIN | unix.EPOLLONESHOT

// Add has it tell of what happens in a directory, or to a file. One that it knows by another name
// keeps that.
func (w *teller) Add(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd, err := unix.InotifyAddWatch(w.fd, name, notices)
	if err != nil {
		return err
	}
	if _, known := w.names[int32(wd)]; !known {
		w.names[int32(wd)] = name
		w.byName[name] = int32(wd)
	}
	return nil
}

// Remove ends what Add began.
func (w *teller) Remove(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd, known := w.byName[name]
	if !known {
		return fsnotify.ErrNonExistentWatch
	}
	w.drop(wd)
	_, err := unix.InotifyRmWatch(w.fd, uint32(wd))
	return err
}

func (w *teller) drop(wd int32) {
	if name := w.names[wd]; w.byName[name] == wd {
		delete(w.byName, name)
	}
	delete(w.names, wd)
}

// WatchList returns the names of what it tells of.
func (w *teller) WatchList() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.byName))
}

// Close ends all, and closes the channels.
func (w *teller) Close() error {
	close(w.quit)
	err := w.ready.Close()
	<-w.ended
	return err
}

func (w *teller) listen() {
	defer func() {
		w.mu.Lock()
		_ = unix.Close(w.fd)
		w.fd = -1
		w.mu.Unlock()
		close(w.Errors)
		close(w.Events)
		close(w.ended)
	}()
	buf := make([]byte, 1<<16)
	row := 0
	var last time.Time
	for w.await() {
		if row++; time.Since(last) > pause {
			row = 0
		}
		if row > flurry {
			select {
			case <-time.After(pause):
			case <-w.quit:
				return
			}
		}
		var n int
		err := retry(func() (err error) {
			n, err = unix.Read(w.fd, buf)
			return err
		})
		if err != nil || !w.tell(buf[:n]) {
			return
		}
		last = time.Now()
	}
}

// await waits until there is something to read. It reports false once it is closed.
func (w *teller) await() bool {
	conn, err := w.ready.SyscallConn()
	if err != nil {
		return false
	}
	var events [1]unix.EpollEvent
	asked := false
	return conn.Read(func(set uintptr) bool {
		if !asked {
			asked = unix.EpollCtl(int(set), unix.EPOLL_CTL_MOD, w.fd, &unix.EpollEvent{Events: onceReadable}) == nil
		}
		n, _ := unix.EpollWait(int(set), events[:], 0)
		return n > 0
	}) == nil
}

// tell passes on what has been read. It reports false once it is closed.
func (w *teller) tell(read []byte) bool {
	for len(read) >= unix.SizeofInotifyEvent {
		// struct inotify_event: wd, mask, cookie, and the length of a name that NULs follow
		wd := int32(binary.NativeEndian.Uint32(read))
		mask := binary.NativeEndian.Uint32(read[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(read[12:]))
		base, _, _ := bytes.Cut(read[unix.SizeofInotifyEvent:end], []byte{0})
		read = read[end:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			select {
			case w.Errors <- fsnotify.ErrEventOverflow:
			case <-w.quit:
				return false
			}
			continue
		}
		e := w.event(wd, mask, string(base))
		if e.Op == 0 {
			continue
		}
		select {
		case w.Events <- e:
		case <-w.quit:
			return false
		}
	}
	return true
}

// event says in fsnotify's words what has happened; nothing, if somebody else says it.
func (w *teller) event(wd int32, mask uint32, base string) fsnotify.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	name, known := w.names[wd]
	if !known {
		return fsnotify.Event{}
	}
	if mask&(unix.IN_IGNORED|unix.IN_UNMOUNT|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0 {
		w.drop(wd)
	}
	if mask&unix.IN_MOVE_SELF != 0 {
		_, _ = unix.InotifyRmWatch(w.fd, uint32(wd)) // its name is no longer its own
	}
	if _, also := w.byName[filepath.Dir(name)]; also && mask&unix.IN_DELETE_SELF != 0 {
		return fsnotify.Event{}
	}
	if base != "" {
		name += "/" + base
	}
	return fsnotify.Event{Name: name, Op: opOf(mask)}
}

func opOf(mask uint32) (op fsnotify.Op) {
	for _, x := range []struct {
		mask uint32
		op   fsnotify.Op
	}{
		{unix.IN_CREATE | unix.IN_MOVED_TO, fsnotify.Create},
		{unix.IN_DELETE | unix.IN_DELETE_SELF, fsnotify.Remove},
		{unix.IN_MODIFY, fsnotify.Write},
		{unix.IN_MOVE_SELF | unix.IN_MOVED_FROM, fsnotify.Rename},
		{unix.IN_ATTRIB, fsnotify.Chmod},
	} {
		if mask&x.mask != 0 {
			op |= x.op
		}
	}
	return op
}
