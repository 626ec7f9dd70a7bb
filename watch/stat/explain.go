package stat

import (
	"slices"
	"strings"

	"github.com/evshell/ev/internal/ignore"
)

// Explain says whether a change at a path would be told, and if not, why.
func Explain(o Options, path string) (told bool, why string, err error) {
	path = clean(path)
	abs := absolute(path)
	why = "it is none of the PATHs, nor below one"
	if !o.Recursive {
		why = "it is none of the PATHs: -r takes in what is below them"
	}
	t := newTree(&o, nil)
	for _, p := range o.Paths {
		p = clean(p)
		if absolute(p) == abs {
			return true, "it is named", nil
		}
		if !o.Recursive || !isBelow(abs, absolute(p)) {
			continue
		}
		top, err := t.newTop(p)
		if err != nil {
			return false, "", err
		}
		f, err := lstat(path)
		if err != nil {
			return false, "", err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(abs, absolute(p)), "/")
		switch {
		case top.depth > 0 && strings.Count(rel, "/") >= top.depth:
			why = "it is deeper than --depth"
		case slices.Contains(top.own, rel):
			why = "it is the file of --state"
		case f.exists() && !o.ofType(f):
			why = "it is not of a --type that is asked for"
		default:
			if why = top.rules.Explain(rel, f.isDir()); why == "" {
				return true, "it is below " + p, nil
			}
		}
	}
	return false, why, nil
}

// doubts says of what can never be told, once at the start.
func (t *tree) doubts() {
	if t.o.Recursive {
		t.doubtPatterns()
	}
	for e := range t.named.kids.all() {
		switch {
		case isUrgent(absolute(e.name)):
			t.o.Report.Noticef("%s: its size and times never change: use 'ev watch-fd %[1]s --urgent' to watch its content", e.name)
		case !e.file.exists() && strings.ContainsAny(e.name, "*?["):
			t.o.Report.Noticef("%s does not exist, and a PATH is a name, not a pattern: leave out the quotes, or use -r DIRECTORY --glob PATTERN", e.name)
		case !e.file.exists() && t.o.Recursive && !t.reported[spot{t.named, e.name}]:
			t.o.Report.Noticef("%s does not exist yet: waiting for it", e.name)
		case e.dir != nil && e.dir.kids.isEmpty():
			t.doubtRules(e.dir)
		}
	}
}

// doubtPatterns tells of patterns that mean to name a place outside of what is watched. A leading
// slash is the watched directory's, as in a .gitignore; but where that has nothing of this name,
// and the root of all files has, the path is most likely an absolute one.
func (t *tree) doubtPatterns() {
	for _, list := range []struct {
		flag     string
		patterns []string
	}{{"--glob", t.o.Ignore.Globs}, {"--iglob", t.o.Ignore.IGlobs}, {"--ignore", t.o.Ignore.Ignore}} {
		for _, pattern := range list.patterns {
			if path := strings.TrimPrefix(pattern, "!"); t.isOutside(path) {
				t.o.Report.Noticef("%s %s means that path below %[3]s, not %[2]s itself, which is not watched", list.flag, path, t.o.Paths[0])
			}
		}
	}
}

// isOutside reports whether a pattern looks like an absolute path to where nothing is watched.
func (t *tree) isOutside(pattern string) bool {
	rest, rooted := strings.CutPrefix(pattern, "/")
	first, _, _ := strings.Cut(rest, "/")
	if !rooted || first == "" || strings.ContainsAny(first, `*?[{\`) {
		return false
	}
	for _, p := range t.o.Paths {
		abs := absolute(p)
		if f, err := lstat(joinPath(abs, first)); err != nil || f.exists() || isBelow(pattern, abs) {
			return false
		}
	}
	f, err := lstat("/" + first)
	return err == nil && f.exists()
}

// isUrgent reports whether a path is one of the kernel's files that stat(2) says nothing of, and
// that tell by POLLPRI.
func isUrgent(path string) bool {
	_, base := splitPath(path)
	proc := strings.HasPrefix(path, "/proc/")
	return proc && (base == "mountinfo" || base == "mounts" || strings.HasPrefix(path, "/proc/pressure/")) ||
		strings.HasPrefix(path, "/sys/fs/cgroup/") && (base == "cgroup.events" || strings.HasSuffix(base, ".pressure"))
}

// doubtRules tells of a directory in which no file can ever count, by whatever plain name.
func (t *tree) doubtRules(d *dir) {
	if why := d.top.rules.Explain("file", false); why != "" && why != ignore.NotAsked {
		t.o.Report.Noticef("nothing in %s is reported, because all of it is ignored: %s", d.path, why)
	}
}
