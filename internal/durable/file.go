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

// A File is a file that is replaced as WriteFile and Replace do it, and that one program has at a
// time: it is locked (flock(2)) from Open to Close. The lock is on what is to be found by the name,
// whatever that was replaced by, so nothing lies beside the file; and it ends with the program,
// however that ends. Where a file system has no locks, there is none.
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

// Open opens a file, or makes an empty one, and locks it. It must be a regular file; a FIFO is not
// waited for. What another had begun to write when it was killed is removed.
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
		old, missing := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // its directory may be writable
		if missing == nil {
			f, err = old, nil
		}
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
		// 1: FLOCK ADVISORY WRITE 4711 fe:00:131 0 EOF
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

// draft is what a new file is called until it is whole. One that a crash has left is overwritten,
// so that there is never more than one.
func (d *File) draft() string { return draft(d.path) }

func draft(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".ev-new")
}

// Names returns what a File changes: itself, and the file that takes its place. Neither has to be
// there yet.
func Names(path string) []string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return []string{path, draft(path)}
}

func (d *File) replace(text []byte, sync bool) error {
	n, err := d.draftOf(text, sync)
	if err == nil {
		err = n.Commit(nil)
	}
	if err == nil && sync {
		err = d.SyncName()
	}
	return err
}

// A Draft is a text that is written, and has not yet taken the place of what is in a File. Of a
// File there may be one at a time.
type Draft struct {
	file *File
	f    *os.File
}

// Draft writes a text beside the file, for good, which may take as long as the disk does. Meanwhile
// there may be calls of Append.
func (d *File) Draft(text []byte) (*Draft, error) { return d.draftOf(text, true) }

func (d *File) draftOf(text []byte, sync bool) (*Draft, error) {
	name := d.draft()
	_ = os.Remove(name)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err = lock(f); err == nil {
		err = fill(f, text, sync)
	}
	n := &Draft{d, f}
	if err != nil {
		n.Discard()
		return nil, err
	}
	return n, nil
}

// Commit has the text take the place of what is in the file, with a few bytes that have come since
// then at its end. With SyncName it is so for good.
func (n *Draft) Commit(tail []byte) error {
	_, err := n.f.Write(tail)
	if err == nil {
		err = os.Rename(n.f.Name(), n.file.path)
	}
	if err != nil {
		n.Discard()
		return err
	}
	_ = n.file.f.Close()
	n.file.f = n.f
	return nil
}

// Discard does away with it.
func (n *Draft) Discard() {
	_ = n.f.Close()
	_ = os.Remove(n.f.Name())
}

// SyncName has the last Commit outlast a loss of power.
func (d *File) SyncName() error { return syncDir(filepath.Dir(d.path)) }

// Append adds a few bytes at the end of the file. They outlast the program, but not always a loss
// of power, after which some of them may be there.
func (d *File) Append(text []byte) error {
	if _, err := d.f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	_, err := d.f.Write(text)
	return err
}

// Close gives the file up.
func (d *File) Close() error { return d.f.Close() }
