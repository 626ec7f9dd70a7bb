package every

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// notice has it noticed when the file is written or replaced (inotify(7)).
func (t *Localtime) notice(l *loop.Loop) (stop func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return t.poll(l)
	}
	const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CLOSE_WRITE
	if _, err := unix.InotifyAddWatch(fd, filepath.Dir(t.path), changes); err != nil {
		_ = unix.Close(fd)
		return t.poll(l)
	}
	buf := make([]byte, 4096)
	io := loop.NewIO(l, fd, loop.Read, func(loop.Ops) {
		for {
			if n, err := unix.Read(fd, buf); n <= 0 || err != nil {
				break
			}
		}
		t.changed()
	})
	io.KeepAlive(false)
	io.Start()
	return func() { _ = io.Close() }
}
