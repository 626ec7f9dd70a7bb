package stat

import (
	"time"

	"github.com/evshell/ev/internal/fdio"
	"github.com/evshell/ev/internal/ignore"
)

const (
	// absence is how long a path may be missing while what is there is saved, by one who deletes it
	// first and has to start a process then.
	absence = 50 * time.Millisecond
	// lockPatience is how long git may hold a lock: what is older was left behind.
	lockPatience = time.Minute
	// slowestLook is how seldom it is looked whether all that is waited for is finished.
	slowestLook = 500 * time.Millisecond
)

// maxOpened is how many of the marked files are asked for their writers: where more change
// together, the last of them speak for all.
const maxOpened = 256

// unfinished reports whether somebody is still at it, after so long a wait, if nothing has happened
// for the time of quiet: has deleted a path that may yet come back, has a marked file open for
// writing, and may yet close it, or holds the lock of a repository, as git does while it writes
// files.
func (t *tree) unfinished(quiet, waited time.Duration) bool {
	recent := t.marks[max(len(t.marks)-maxOpened, 0):]
	for _, s := range recent {
		if s.dir.forgotten || s.dir.stale {
			continue
		}
		f, err := t.state(s)
		if e := s.entry(); quiet < absence && err == nil && !f.exists() && e != nil && e.file.exists() {
			return true
		}
		if err == nil && f.isFile() && !t.remotes[f.dev] && fdio.IsBeingWritten(s.path()) {
			return true
		}
	}
	for _, dir := range t.gitDirs(recent) {
		if t.isLocked(dir+"/index.lock", waited) {
			return true
		}
	}
	return false
}

// isLocked reports whether a lock is worth waiting for. Git holds it while it writes to the work
// tree (index.lock, in api-lockfile.txt of its documentation); one that it left behind when it was
// killed is there until somebody deletes it.
func (t *tree) isLocked(lock string, waited time.Duration) bool {
	f, err := lstat(lock)
	if err != nil || !f.exists() {
		delete(t.staleLocks, lock)
		return false
	}
	if waited < lockPatience && time.Since(time.Unix(0, f.ctime)) < lockPatience {
		return !t.staleLocks[lock]
	}
	if !t.staleLocks[lock] {
		t.staleLocks[lock] = true
		t.o.Report.Noticef("%s has existed for a minute, and is no longer waited for: delete it if git has left it behind", lock)
	}
	return false
}

// gitDirs returns where the repositories keep their locks that the trees are in, or have in them,
// and those of named paths among the spots.
func (t *tree) gitDirs(spots []spot) []string {
	var list []string
	for e := range t.named.kids.all() {
		if e.dir != nil {
			list = append(list, e.dir.top.rules.GitDirs()...)
		}
	}
	seen := map[string]bool{}
	for _, s := range spots {
		if s.dir != t.named || s.entry().dir != nil {
			continue
		}
		dir, _ := splitPath(absolute(s.path()))
		for ; !seen[dir]; dir, _ = splitPath(dir) {
			seen[dir] = true
			if git := ignore.GitDir(dir); git != "" {
				list = append(list, git)
				break
			}
		}
	}
	return list
}
