package stat

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"hash/maphash"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// learn remembers the content and the time of access of what is at a spot, as far as they matter.
// Stat(2) alone does not say whether they changed. It reports whether the content is of a later
// file than f, and then does not remember it.
func (t *tree) learn(s spot, f file) (moved bool) {
	t.unlearn(s)
	if !f.exists() {
		return false
	}
	if t.o.Content {
		hash, err := t.hash(s.path(), f)
		switch {
		case err == nil:
			t.hashes[s] = hash
		case errors.Is(err, errMoved):
			moved = true
		case !isAbsent(err):
			t.cannotSee(s, err)
		}
	}
	if t.o.Atime {
		t.atimes[s] = t.atime(s)
	}
	return moved
}

func (t *tree) unlearn(s spot) {
	delete(t.atimes, s)
	delete(t.hashes, s)
}

// maySay reports whether what is at a spot may have changed though its file is the same.
func (t *tree) maySay(s spot, f file) bool {
	return t.o.Content && isEmpty(f) || t.wasRead(s, f)
}

// isEmpty reports whether a file has no content, or seems to: the size and times of those in /proc
// don't speak of it (proc(5)).
func isEmpty(f file) bool { return f.isFile() && f.size == 0 }

// wasRead reports whether the time of access has changed. That of a directory in the tree does when
// it is scanned.
func (t *tree) wasRead(s spot, f file) bool {
	return t.o.Atime && f.exists() && (!s.dir.inTree() || !f.isDir()) && t.atimes[s] != t.atime(s)
}

// lookInto adds to what stat(2) says of a change what the time of access says; and if contents
// matter, it takes out all of a file that has the same bytes.
func (t *tree) lookInto(s spot, before, now file, what Changes) Changes {
	if before.exists() && t.wasRead(s, now) {
		what |= Atime
	}
	if what == 0 && before == now && !isEmpty(now) {
		return 0
	}
	old, known := t.hashes[s]
	if t.learn(s, now) && known {
		t.hashes[s] = old
		return 0 // of what has happened since then a notice is under way, or a poll
	}
	hash, ok := t.hashes[s]
	switch {
	case !t.o.Content || !before.exists() || !now.exists():
		return what
	case !known || !ok: // it may not be read
		return what & (Replaced | Content)
	case hash == old:
		return 0
	}
	return what | Content
}

// atime asks once more, for hardly anybody wants to know.
func (t *tree) atime(s spot) int64 {
	how := unix.Lstat
	if !s.dir.inTree() || t.o.Follow {
		how = unix.Stat
	}
	var st unix.Stat_t
	if fdio.Retry(func() error { return how(s.path(), &st) }) != nil {
		return 0
	}
	return st.Atim.Nano()
}

// errMoved is that a file was no longer the same when its content had been read.
var errMoved = errors.New("it has changed")

// hash is of a regular file's content, or of what a link says. All others are as good as empty.
func (t *tree) hash(path string, f file) (uint64, error) {
	h := t.newHash()
	switch {
	case f.isFile():
		in, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return 0, err
		}
		defer in.Close()
		if _, err := io.Copy(h, in); err != nil {
			return 0, err
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(in.Fd()), &st); err != nil {
			return 0, err
		}
		if !isEmpty(f) && compare(f, newFile(&st))&(Replaced|Content) != 0 {
			return 0, errMoved
		}
	case f.isLink():
		to, err := readlink(path)
		if err != nil {
			return 0, err
		}
		_, _ = io.WriteString(h, to)
	}
	return h.Sum64(), nil
}

// newHash makes a hash. One that is remembered from one ev to the next is the same in both.
func (t *tree) newHash() hash.Hash64 {
	if t.o.State != "" {
		return lasting{sha256.New()}
	}
	h := &maphash.Hash{}
	h.SetSeed(t.seed)
	return h
}

// lasting is a hash of 64 bits that any program computes.
type lasting struct{ hash.Hash }

func (h lasting) Sum64() uint64 { return binary.LittleEndian.Uint64(h.Sum(nil)) }
