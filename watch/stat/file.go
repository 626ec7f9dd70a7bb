package stat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/fdio"
)

// file is what stat(2) says of a path, as far as it is compared. The zero file is one that is not
// there. st_rdev is left out, which an inode keeps for life, and st_atime, which few ask for: a
// tree keeps one of these for each file in it.
type file struct {
	ino   uint64
	size  int64
	mtime int64 // seconds; the rest is in nsec
	ctime int64 // nanoseconds
	nsec  uint32
	dev   uint32 // on every platform 32 bits tell two file systems apart
	mode  uint32
	nlink uint32
	uid   uint32
	gid   uint32
}

// fileID tells two inodes apart.
type fileID struct {
	ino uint64
	dev uint32
}

func (f file) exists() bool   { return f.mode != 0 }
func (f file) id() fileID     { return fileID{f.ino, f.dev} }
func (f file) format() uint32 { return f.mode & unix.S_IFMT }
func (f file) isDir() bool    { return f.format() == unix.S_IFDIR }
func (f file) isLink() bool   { return f.format() == unix.S_IFLNK }
func (f file) isFile() bool   { return f.format() == unix.S_IFREG }

// system is how files are looked at. Tests make it fail.
var system = struct { //nolint:gochecknoglobals // a seam, which production code never changes
	lstat, stat func(path string, st *unix.Stat_t) error
	open        func(path string, flags int, mode uint32) (int, error)
	readDirent  func(fd int, buf []byte) (int, error)
	fstatat     func(fd int, name string, st *unix.Stat_t, flags int) error
}{unix.Lstat, unix.Stat, unix.Open, unix.ReadDirent, unix.Fstatat}

// lstat looks at a path itself, stat at what it leads to. What is not there, or can't be because of
// what is in its place, is no error.
func lstat(path string) (file, error) { return look(path, system.lstat) }
func stat(path string) (file, error)  { return look(path, system.stat) }

func look(path string, how func(string, *unix.Stat_t) error) (file, error) {
	var st unix.Stat_t
	switch err := fdio.Retry(func() error { return how(path, &st) }); {
	case err == nil:
		return newFile(&st), nil
	case isAbsent(err):
		return file{}, nil
	default:
		return file{}, err
	}
}

// isAbsent reports whether an error says that there is nothing at a path.
func isAbsent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

func newFile(st *unix.Stat_t) file {
	sec, nsec := st.Mtim.Unix()
	f := file{
		ino:   uint64(st.Ino), //nolint:unconvert // other systems have other widths
		size:  st.Size,
		mtime: sec,
		nsec:  uint32(nsec),
		ctime: st.Ctim.Nano(),
		dev:   uint32(st.Dev),
		mode:  uint32(st.Mode), //nolint:unconvert // likewise
		nlink: uint32(st.Nlink),
		uid:   st.Uid,
		gid:   st.Gid,
	}
	if f.isDir() && f.nlink == 0 {
		return file{} // the working directory of this process, deleted
	}
	return f
}

func (f file) event() event.File {
	if !f.exists() {
		return event.File{}
	}
	return event.File{
		Exists: true,
		Type:   f.kind(),
		Size:   f.size,
		Mtime:  time.Unix(f.mtime, int64(f.nsec)),
		Mode:   f.mode & 0o7777,
		UID:    f.uid,
		GID:    f.gid,
		Ino:    f.ino,
		Nlink:  uint64(f.nlink),
	}
}

// kind is a file's type in a word.
func (f file) kind() string {
	switch f.format() {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symlink"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR:
		return "char-device"
	case unix.S_IFBLK:
		return "block-device"
	}
	return ""
}

// Changes is a set of the ways in which a path can change.
type Changes uint16

// The ways, in the order in which an event lists them.
const (
	Created  Changes = 1 << iota // it was not there
	Removed                      // it is not there any more
	Moved                        // it is what was at another path
	Replaced                     // it is another inode
	Content                      // its size or its time of modification
	Mode                         // its permissions
	Owner                        // its user or its group
	Links                        // how many names it has
	Atime                        // its time of access
)

// ChangeNames returns the names of the ways, in their order.
func ChangeNames() []string {
	return []string{"created", "removed", "moved", "replaced", "content", "mode", "owner", "links", "atime"}
}

// ParseChanges reads a list of names, separated by commas. An error knows its place in list
// ([diag.Offset]).
func ParseChanges(list string) (Changes, error) {
	var c Changes
	at := 0
	for word := range strings.SplitSeq(list, ",") {
		i := slices.Index(ChangeNames(), word)
		if i < 0 {
			return 0, diag.At(at, fmt.Errorf("%q is no kind of change: there are %s", word, strings.Join(ChangeNames(), ", ")))
		}
		c |= 1 << i
		at += len(word) + len(",")
	}
	return c, nil
}

// Names returns the names of the ways that are in the set, in their order.
func (c Changes) Names() []string {
	var names []string
	for i, name := range ChangeNames() {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// compare says in which ways a path changed from before to now, but for Atime.
func compare(before, now file) Changes {
	switch {
	case !before.exists() && !now.exists():
		return 0
	case !before.exists():
		return Created
	case !now.exists():
		return Removed
	}
	var c Changes
	if before.id() != now.id() || before.format() != now.format() {
		c |= Replaced
	}
	if before.size != now.size || before.mtime != now.mtime || before.nsec != now.nsec {
		c |= Content
	}
	if (before.mode^now.mode)&0o7777 != 0 {
		c |= Mode
	}
	if before.uid != now.uid || before.gid != now.gid {
		c |= Owner
	}
	if before.nlink != now.nlink {
		c |= Links
	}
	return c
}
