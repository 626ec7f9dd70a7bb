package watch

import "strings"

// maxOpened is how many of the marked files are asked for their writers: where more
// change together, the last of them speak for all.
const maxOpened = 256

// unfinished reports whether somebody is still at it: has a marked file open for
// writing, and may yet close it, or holds the lock of a repository, as git does
// while it writes files. Where patience has run out, that is taken to stay so.
func (t *tree) unfinished(patient bool) bool {
	for _, s := range t.marks[max(len(t.marks)-maxOpened, 0):] {
		if s.dir.gone || s.dir.stale {
			continue
		}
		f, err := t.state(s)
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
		delete(t.vain, s)
	case !patient:
		t.vain[s] = true
	}
	return underWay && !t.vain[s]
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
