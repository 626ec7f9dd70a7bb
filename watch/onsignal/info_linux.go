package onsignal

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
)

// info reads a signalfd (signalfd(2)).
type info struct {
	w  *Watcher
	fd int
	io *loop.IO
}

func newSignalInfo(w *Watcher) (*info, error) {
	fd, err := sigmask.FD(w.options.Signals)
	if err != nil {
		return nil, err
	}
	i := &info{w: w, fd: fd}
	i.io = loop.NewIO(w.loop, fd, loop.Read, func(loop.Ops) { i.read() })
	i.io.SetPriority(w.arrived.Priority())
	i.io.Start()
	return i, nil
}

// read emits what has come, as much of it as one turn's share.
func (i *info) read() {
	var infos [64]unix.SignalfdSiginfo
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&infos)), unsafe.Sizeof(infos))
	n, err := unix.Read(i.fd, buf)
	if err != nil {
		return // EAGAIN: somebody else has read them
	}
	for _, s := range infos[:n/int(unsafe.Sizeof(infos[0]))] {
		if i.fd < 0 {
			return // stopped by whom it told
		}
		i.w.emit(event.Signal{
			Signal: sig.Name(unix.Signal(s.Signo)),
			Number: int(s.Signo),
			Count:  1,
			Info:   &event.SignalInfo{Sender: int(s.Pid), UID: int(s.Uid), Value: int(s.Int)},
		})
	}
}

func (i *info) close() {
	_ = i.io.Close()
	i.fd = -1
}
