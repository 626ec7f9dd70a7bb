package fd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A tailed is one file that is followed.
type tailed struct {
	fd     int
	id     fileID
	offset int64  // of what is read next
	prior  []byte // what comes before it: at most priorSize bytes
	split  splitter
}

// priorSize is how much before the place is compared: a file that has other bytes there has been
// truncated, and has grown again.
const priorSize = 256

func idOf(st *unix.Stat_t) fileID {
	return fileID{uint64(st.Dev), st.Ino} //nolint:unconvert // int32 on some platforms
}

// openTailed opens a regular file, at its beginning.
func openTailed(path string, s splitter) (*tailed, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return &tailed{fd: fd, id: idOf(&st), split: s}, nil
}

func (f *tailed) close() {
	if f != nil {
		_ = unix.Close(f.fd)
	}
}

func (f *tailed) size() int64 {
	var st unix.Stat_t
	_ = unix.Fstat(f.fd, &st)
	return st.Size
}

// modified returns when the file was written to last.
func (f *tailed) modified() time.Time {
	var st unix.Stat_t
	_ = unix.Fstat(f.fd, &st)
	return time.Unix(st.Mtim.Unix())
}

// begun reports whether the file has been written to.
func (f *tailed) begun() bool { return f.size() > 0 }

// told is up to where the file was told.
func (f *tailed) told() int64 { return f.offset - int64(f.split.left()) }

// left reports whether there is something in the file that was not told.
func (f *tailed) left() bool { return f.split.left() > 0 || f.size() > f.offset }

// skip goes to the end of the file.
func (f *tailed) skip() { f.goTo(f.size()) }

// goTo goes to a place, and takes in what is before it. It reports whether there is such a place.
func (f *tailed) goTo(offset int64) bool {
	prior := make([]byte, min(offset, priorSize))
	n, err := f.readAt(prior, offset-int64(len(prior)))
	f.offset, f.prior = offset, prior
	return err == nil && n == len(prior)
}

// readAt reads until p is full, or the file at its end.
func (f *tailed) readAt(p []byte, offset int64) (total int, err error) {
	for total < len(p) {
		n, err := unix.Pread(f.fd, p[total:], offset+int64(total))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return total, err
		case n == 0:
			return total, nil
		default:
			total += n
		}
	}
	return total, nil
}

// read gives what comes next to the splitter, and returns how much that is; 0 at the end, and less
// if the file has been truncated. What is before the place is read with it, so that nothing can
// happen in between.
func (f *tailed) read(chunk []byte) (int, error) {
	k := len(f.prior)
	var n int
	var err error
	for n, err = -1, error(unix.EINTR); errors.Is(err, unix.EINTR); {
		n, err = unix.Pread(f.fd, chunk, f.offset-int64(k))
	}
	switch {
	case err != nil:
		return 0, err
	case n < k || !bytes.Equal(chunk[:k], f.prior):
		return -1, nil
	case n == k:
		return 0, nil
	}
	f.offset += int64(n - k)
	f.prior = append(f.prior[:0], chunk[max(n-priorSize, 0):n]...)
	f.split.add(chunk[k:n])
	return n - k, nil
}
