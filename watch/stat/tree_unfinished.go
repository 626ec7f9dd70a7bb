package stat

import (
	"strings"
	"time"
)

const (
	// writerPause is how long one who is still at it may do nothing: more than the
	// kernel holds up a writer for, which is 200 ms (MAX_PAUSE in its
	// mm/page-writeback.c).
	writerPause = 500 * time.Millisecond
	// absence is how long a path may be missing while what is there is saved, by one
	// who deletes it first and has to start a process then.
	absence = 50 * time.Millisecond
)

// maxOpened is how many of the marked files are asked for their writers: where more
// change together, the last of them speak for all.
const maxOpened = 256

// unfinished reports whether somebody is still at it, if nothing has happened for the
// time of quiet: has deleted a path that may yet come back, has a marked file open for
// writing, and may yet close it, or holds the lock of a repository, as git does while
// it writes files. Where the patience for that has run out, it is taken to stay so.
func (t *tree) unfinished(quiet time.Duration) bool {
	patient := quiet < writerPause
	for _, s := range t.marks[max(len(t.marks)-maxOpened, 0):] {
		if s.dir.forgotten || s.dir.stale {
			continue
		}
		f, err := t.state(s)
		if e := s.entry(); quiet < absence && err == nil && !f.exists() && e != nil && e.file.exists() {
			return true
		}
		open := err == nil && f.isFile() && !t.remotes[f.dev] && isBeingWritten(s.path())
		if t.hasToWait(s, open, patient) {
			return true
		}
	}
	for _, lock := range t.gitLocks() {
		f, err := lstat(lock)
		if t.hasToWait(spot{t.sources, lock}, err == nil && f.exists(), patient) {
			return true
		}
	}
	return false
}

// hasToWait reports whether what is under way at a spot is worth waiting for: it is
// not, until it has ended once, where that was done in vain.
func (t *tree) hasToWait(s spot, underWay, patient bool) bool {
	switch {
	case !underWay:
		delete(t.inVain, s)
	case !patient:
		t.inVain[s] = true
	}
	return underWay && !t.inVain[s]
}

// gitLocks returns the locks of the repositories that the tree is in, or has in it.
// Git holds them while it writes to the work tree (index.lock, in api-lockfile.txt
// of its documentation).
func (t *tree) gitLocks() []string {
	var locks []string
	for _, e := range t.named.kids {
		if e.dir == nil {
			continue
		}
		for _, path := range e.dir.top.rules.Sources() {
			if dir, ok := strings.CutSuffix(path, "/info/exclude"); ok {
				locks = append(locks, dir+"/index.lock")
			}
		}
	}
	return locks
}
