package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A File is a file that is replaced as WriteFile and Replace do it, and that one program has
// at a time: it is locked (flock(2)) from Open to Close. The lock is on what is to be found by
// the name, whatever that was replaced by, so nothing lies beside the file; and it ends with
// the program, however that ends. Where a file system has no locks, there is none.
type File struct {
	path string // no link
	f    *os.File
}

// A TakenError is the error of Open for a file that another has.
type TakenError struct {
	Path string
	PID  int // who has it; 0: that can't be known
}

func (e *TakenError) Error() string {
	switch e.PID {
	case 0:
		return e.Path + " is in use by another process: give each a file of its own"
	case os.Getpid():
		return e.Path + " is in use already: give each a file of its own"
	}
	return fmt.Sprintf("%s is in use by process %d: give each a file of its own", e.Path, e.PID)
}

// Open opens a file, or makes an empty one, and locks it. It must be a regular file; a FIFO is
// not waited for. What another had begun to write when it was killed is removed.
func Open(path string) (*File, error) {
	for {
		f, err := open(path)
		if err != nil {
			return nil, err
		}
		switch err := lock(f); {
		case errors.Is(err, unix.EWOULDBLOCK):
			pid := holder(f)
			_ = f.Close()
			return nil, &TakenError{path, pid}
		case err != nil:
			_ = f.Close()
			return nil, err
		}
		// Until it was locked, another may have replaced it.
		locked, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(locked, there) {
			if target, err := filepath.EvalSymlinks(path); err == nil {
				path = target
			}
			d := &File{path, f}
			_ = os.Remove(d.draft())
			return d, nil
		}
		_ = f.Close()
		if err := errors.Join(err1, err2); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

func open(path string) (*os.File, error) {
	notOne := fmt.Errorf("%s is no file: give a file of its own", path)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, notOne // to open a device may do something
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // its directory may be writable
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notOne
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// lock locks a file; one that can't be locked by anybody is locked as well as can be.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL):
			return nil
		case err != nil && !errors.Is(err, unix.EWOULDBLOCK):
			return os.NewSyscallError("flock", err)
		}
		return err
	}
}

// holder returns who has locked a file, as /proc/locks has it (proc_locks(5)).
func holder(f *os.File) (pid int) {
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0
	}
	defer locks.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino) //nolint:unconvert // int32 on some platforms
	for s := bufio.NewScanner(locks); s.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF
		if w := strings.Fields(s.Text()); len(w) == 8 && w[1] == "FLOCK" && w[5] == file {
			pid, _ = strconv.Atoi(w[4])
			return max(pid, 0)
		}
	}
	return 0
}

// Read returns what is in the file, and an error if that is more than limit bytes.
func (d *File) Read(limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.NewSectionReader(d.f, 0, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", d.path, limit)
	}
	return text, err
}

// Write replaces what is in the file, and a loss of power does not bring it back.
func (d *File) Write(text []byte) error { return d.replace(text, true) }

// Replace replaces what is in the file, as the function Replace does.
func (d *File) Replace(text []byte) error { return d.replace(text, false) }

// draft is what a new file is called until it is whole. One that a crash has left is
// overwritten, so that there is never more than one.
func (d *File) draft() string {
	return filepath.Join(filepath.Dir(d.path), "."+filepath.Base(d.path)+".ev-new")
}

func (d *File) replace(text []byte, sync bool) error {
	draft := d.draft()
	_ = os.Remove(draft)
	f, err := os.OpenFile(draft, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = lock(f); err == nil {
		err = fill(f, text, sync)
	}
	if err == nil {
		err = os.Rename(draft, d.path)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(draft)
		return err
	}
	_ = d.f.Close()
	d.f = f
	if sync {
		return syncDir(filepath.Dir(d.path))
	}
	return nil
}

// Close gives the file up.
func (d *File) Close() error { return d.f.Close() }
