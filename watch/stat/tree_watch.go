package stat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/limits"
	"github.com/evshell/ev/internal/mounts"
)

// watch has notices come from a directory, whose inode has been looked at. It is yet to be
// confirmed.
func (t *tree) watch(d *dir) {
	if d.watched() {
		return
	}
	if t.n.hub == nil || t.o.Atime || t.isRemote(d) {
		t.polled[d] = true
	}
	if t.n.hub == nil {
		return
	}
	d.n = t.n
	err := t.n.hub.add(d)
	if err == nil {
		t.watched++
		return
	}
	d.n = nil
	switch {
	case limits.Met(err) && d.file:
		t.o.Report.Verbosef("%s itself is not watched (%v), but its directory", d.path, err)
		if mounts.IsPoint(d.path) {
			t.polled[d] = true
		}
	case limits.Met(err):
		t.overLimit(d, err)
	case isAbsent(err):
		// Whoever told of it will tell again.
	case d.inTree() && errors.Is(err, unix.EACCES) && unix.Access(d.path, unix.R_OK) != nil:
		// It can't be read either, and its parent tells when that changes.
	default:
		t.polled[d] = true
		t.o.Report.Verbosef("%s can't be watched: %v: it is polled every %s", d.path, err, t.o.interval())
	}
}

// confirm takes in what is at the path of a directory that has been watched. If it is another, that
// may be the one that is watched; whoever told of it will tell again.
func (t *tree) confirm(d *dir, f file) {
	if d.watched() && f.id() != d.id() {
		t.n.hub.takeBack(d)
		d.n = nil
		t.watched--
	}
}

// unwatch ends it.
func (t *tree) unwatch(d *dir) {
	delete(t.polled, d)
	if d.watched() {
		t.n.hub.remove(d)
		d.n = nil
		t.watched--
	}
}

// A way is how a followed path is reached: the names, each in a directory, that make it lead where
// it does.
type way struct {
	steps  []step
	cut    bool // permission to go on was denied
	polled bool // some of it can't be watched
}

type step struct {
	post *dir
	name string // "": any, for what is in it makes the directory change
}

// maxLinks is how many symbolic links a path may go through (path_resolution(7)).
const maxLinks = 40

// resolve walks the way of a followed path, as far as it exists, and waits for each name on it. A
// name is looked at once its directory is watched.
func (t *tree) resolve(s spot) {
	path := s.path()
	var w way
	at, rest := ".", strings.Split(path, "/")
	if path[0] == '/' {
		at = "/"
	}
	here, err := stat(at)
	if at == "." && err == nil {
		t.holdOn(s, here, &w)
	}
	for links := 0; err == nil && here.isDir(); {
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			break
		}
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = above(at)
			here, err = stat(at)
			continue
		}
		w.add(t.post(at, here, s, name), name)
		next := joinPath(at, name)
		here, err = lstat(next)
		if last := len(rest) == 0; err != nil || !here.isLink() || last && t.o.NoFollow && s.dir == t.named {
			at = next
			continue
		}
		var to string
		if to, err = readlink(next); links == maxLinks {
			err = unix.ELOOP
		}
		if err != nil {
			break
		}
		links++
		rest = append(strings.Split(to, "/"), rest...)
		if to[0] == '/' {
			at = "/"
		}
		here, err = stat(at)
	}
	if err == nil && !here.isLink() && t.isWatchedItself(here) {
		w.add(t.post(at, here, s, ""), "")
	}
	w.cut = err != nil
	if w.cut && !isAbsent(err) && !errors.Is(err, unix.EINVAL) { // the latter: no link any more
		t.cannotSee(s, err)
	}
	w.polled = slices.ContainsFunc(w.steps, func(x step) bool { return t.polled[x.post] })
	t.leave(s)
	t.ways[s] = w
	if w.polled {
		t.unsure++
	}
}

// holdOn has a relative path wait for the end of the working directory, of which only the directory
// that it is in tells as long as this process is there.
func (t *tree) holdOn(s spot, here file, w *way) {
	if here.exists() {
		dir, base := splitPath(t.cwd)
		if up, err := stat(dir); err == nil && up.isDir() && base != "" {
			w.add(t.post(dir, up, s, base), base)
		}
	} else if !t.strayed {
		t.strayed = true
		t.o.Report.Errorf("the working directory was deleted, and %s can't appear in it: start ev in another, or give an absolute path",
			s.path())
	}
}

// isWatchedItself reports whether a named path is watched itself. It is not enough to watch the
// directory that it is in: that does not tell of what is in a directory below, of how many names a
// file has, nor of what is done to it by another of them or through a mount. Of a directory that is
// watched recursively all that is known.
func (t *tree) isWatchedItself(f file) bool { return f.exists() && (!f.isDir() || !t.o.Recursive) }

func (w *way) add(post *dir, name string) { w.steps = append(w.steps, step{post, name}) }

// above is a directory's parent. Only the first parts of a way may be "..", and what they lead to
// is not asked for by name.
func above(dir string) string {
	switch _, base := splitPath(dir); {
	case dir == "/":
		return dir
	case dir == ".":
		return ".."
	case base == "..":
		return dir + "/.."
	}
	parent, _ := splitPath(dir)
	return parent
}

// post has a spot wait for a name in a directory on its way.
func (t *tree) post(path string, f file, s spot, name string) *dir {
	d := t.posts[path]
	if d == nil {
		d = &dir{path: path}
	}
	d.file = !f.isDir()
	if d.id() != f.id() || d.stale || !d.watched() {
		t.unwatch(d)
		d.setID(f)
		t.watch(d)
		if now, err := stat(path); err == nil {
			t.confirm(d, now)
		}
		d.stale = false
	}
	t.posts[path] = d
	t.n.await(d, name, s)
	return d
}

// leave ends a spot's waiting.
func (t *tree) leave(s spot) {
	if t.ways[s].polled {
		t.unsure--
	}
	for _, x := range t.ways[s].steps {
		if t.n.forgo(x.post, x.name, s) {
			delete(t.posts, x.post.path)
			t.unwatch(x.post)
		}
	}
	delete(t.ways, s)
	delete(t.alone, s)
}

func readlink(path string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path, buf)
	if err == nil && n == 0 {
		err = unix.ENOENT
	}
	return string(buf[:max(n, 0)]), err
}

// overLimit is for a directory that can't be watched any more. At the start that is an error,
// unless it may be polled. Later there is no choice.
func (t *tree) overLimit(d *dir, err error) {
	limit := limits.Reached(err, t.n.hub.watched())
	if !t.o.PollFallback && !t.armed {
		t.failed = fmt.Errorf("%s: %w; or add --poll-fallback to poll what is beyond it", d.path, limit)
		return
	}
	t.polled[d] = true
	if t.limitReported {
		return
	}
	t.limitReported = true
	tell := t.o.Report.Noticef
	if !t.o.PollFallback {
		tell = t.o.Report.Errorf
	}
	tell("%s: %v; what is beyond it is polled every %s", d.path, limit, t.o.interval())
}
