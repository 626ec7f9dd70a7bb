// Package ignore decides which paths below a watched directory count: what `ev stat -r` takes in.
//
// Two kinds of patterns meet here. Rules take paths out: those of the files that git reads
// (gitignore(5)) and ripgrep adds, in their language, and those typed after --ignore. Keepers,
// --ext and --glob, let through only what one of them wants. What is typed is in doublestar's
// language, with runes, "**" and {a,b}, and is held against the path relative to the watched
// directory, or against the base name when it has no slash. A path is in when no rule ignores it
// and the keepers want it; a directory that is out takes everything below it along: it can be
// skipped whole.
//
// The first of these with a rule that matches decides, and in each its last such rule:
//
//	--ignore
//	--ignore-file                  the last one given first
//	.ignore                        of the path's directory, then of those above it, up to /
//	.gitignore                     the same, up to the top of the repository
//	.git/info/exclude
//	core.excludesFile              as the repository's, the user's and the system's configuration have it
//
// At last come the temporary names of editors and copiers. Git's three count inside of a repository
// only, and a repository within another starts anew. The verdict of git's files is that of `git
// check-ignore --no-index`. A name with a leading dot is out, unless Hidden is set, a rule brings
// it back (!.github) or a pattern of --glob names the dot. The .git of a repository is always out,
// but with Hidden and NoIgnore together.
//
// Files are read when a path in their directory is first asked about, once, until Forget.
package ignore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/evshell/ev/internal/diag"
)

// Verdict says what to do with a path.
type Verdict uint8

// The verdicts, each more than the last.
const (
	Out  Verdict = iota // it does not count and, a directory, nothing below it does
	Pass                // a directory that does not count itself, but something below it may
	In                  // it counts
)

// Options are the wishes of one watcher. The zero value obeys the ignore files and leaves hidden
// names out.
type Options struct {
	Hidden      bool        // hidden names count as well
	NoIgnore    bool        // no ignore file is obeyed but those of IgnoreFiles
	Ignore      []string    // patterns of what is out; "!" in front brings back, "/" at the end means directories
	IgnoreFiles []string    // files in gitignore's format, whose patterns are relative to the watched directory
	Exts        []string    // extensions of files to keep, with or without their dot
	Globs       []string    // patterns of what to keep
	IGlobs      []string    // the same, without regard to case
	FoldExts    bool        // Exts have no case
	NoDefaults  bool        // editors' and copiers' temporary names count as well (see noise)
	Warn        func(error) // takes what is wrong with an ignore file, once, as "FILE:LINE: …"; may be nil
}

// Matcher is the filter of one watched directory. It belongs to one goroutine.
type Matcher struct {
	root    string // as it was given
	dir     string // where it really is
	options Options
	keepers keepers
	typed   *list
	top     *tree // of the root; nil: to be read
	out     *tree // stands for every directory that is skipped
	sources map[string]bool
	warned  map[string]bool
	failed  bool // a file could not be read
	gitDirs map[string]bool
}

// New returns the filter of the directory root, which need not exist yet. A bad pattern and an
// unreadable file among o.IgnoreFiles are errors, each a [diag.OptionError]; what is wrong with
// other ignore files is told to o.Warn, and they go on without.
func New(root string, o Options) (*Matcher, error) {
	m := &Matcher{root: root, options: o, typed: &list{}, out: &tree{}, warned: map[string]bool{}}
	var err error
	if m.keepers, err = newKeepers(m.local, o); err != nil {
		return nil, err
	}
	for _, pattern := range o.Ignore {
		local := m.local(pattern)
		r, err := parseTyped(local)
		if err != nil {
			return nil, diag.Option("Ignore", pattern, fmt.Errorf("--ignore %q: %w", pattern, asGiven(pattern, local, err)))
		}
		r.text = pattern
		m.typed.rules = append(m.typed.rules, r)
	}
	for _, file := range o.IgnoreFiles {
		if _, err := readFile(file); err != nil {
			return nil, diag.Option("IgnoreFiles", file, fmt.Errorf("--ignore-file: %w", err))
		}
	}
	return m, nil
}

// Match judges the path rel, slash-separated and relative to the root, which is "." or "" itself
// and never out. dir says whether it is to be taken for a directory; git takes a symbolic link for
// a file.
func (m *Matcher) Match(rel string, dir bool) Verdict {
	if rel == "" || rel == "." {
		return max(m.keepers.want(".", ".", true, false), Pass)
	}
	t, base := m.parent(rel)
	if t == m.out {
		return Out
	}
	return m.judge(t, rel, base, dir)
}

// Enter tells that the directory rel has just been listed, and the names in it for which IsRules
// holds. That spares the look for them, three system calls a directory. What is known already stays
// until Forget. rel is kept: a caller that keeps it too shares its memory.
func (m *Matcher) Enter(rel string, rules []string) {
	if rel == "" || rel == "." {
		return
	}
	t, base := m.parent(rel)
	if t != m.out && t.sub[base] == nil {
		m.descend(t, rel, base, func(name string) bool { return slices.Contains(rules, name) })
	}
}

// parent returns what is in force in the directory that path is in, and path's last part.
func (m *Matcher) parent(path string) (t *tree, base string) {
	if m.top == nil {
		m.top = m.readRoot()
	}
	t = m.top
	for start := 0; t != m.out; {
		i := strings.IndexByte(path[start:], '/')
		if i < 0 {
			return t, path[start:]
		}
		name := path[start : start+i]
		sub := t.sub[name]
		if sub == nil {
			sub = m.descend(t, path[:start+i], strings.Clone(name), anything)
		}
		t, start = sub, start+i+1
	}
	return m.out, ""
}

// anything is what a directory may hold that nobody has listed.
func anything(string) bool { return true }

// judge decides about a path by its own name, given that the directory it is in, t, is not out.
func (m *Matcher) judge(t *tree, path, base string, dir bool) Verdict {
	if m.isRepository(base) {
		return Out
	}
	r, _ := m.locate(t, path, base, dir)
	if r != nil && !r.negated || r == nil && !m.options.NoDefaults && noise(base) != "" {
		return Out
	}
	return m.keepers.want(path, base, dir, r == nil && m.isHidden(base))
}

func (m *Matcher) isRepository(base string) bool {
	return base == ".git" && (!m.options.Hidden || !m.options.NoIgnore)
}

// isHidden reports whether a name is, if no rule brings it back. Kubernetes has the files of a
// ConfigMap in a directory ..TIME, to which the link ..data leads.
func (m *Matcher) isHidden(base string) bool {
	return strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "..") && !m.options.Hidden
}

// locate returns the rule that decides about a path, and the list that it is in.
func (m *Matcher) locate(t *tree, path, base string, dir bool) (*rule, *list) {
	for _, l := range []*list{m.typed, t.plain, t.git} {
		if r, from := l.locate(path, base, dir); r != nil {
			return r, from
		}
	}
	return nil, nil
}

// NotAsked is why a path is out that no rule ignores.
const NotAsked = "no --ext, --glob or --iglob lets it through"

// Explain says why the path rel is out: the rule, with its file and line, or the flag that lets it
// in. For what is in it is "".
func (m *Matcher) Explain(rel string, dir bool) string {
	for i := range len(rel) {
		if rel[i] == '/' {
			if why := m.explain(rel[:i], true); why != "" {
				return rel[:i] + ": " + why
			}
		}
	}
	return m.explain(rel, dir)
}

func (m *Matcher) explain(rel string, dir bool) string {
	if v := m.Match(rel, dir); v == In || v == Pass && dir {
		return ""
	}
	t, base := m.parent(rel)
	if m.isRepository(base) {
		return "it is git's own: --hidden with --no-ignore"
	}
	r, from := m.locate(t, rel, base, dir)
	switch {
	case r != nil && !r.negated && from.file == "":
		return "--ignore " + r.text
	case r != nil && !r.negated:
		return fmt.Sprintf("%s:%d: %s", from.file, r.line, r.text)
	case r == nil && !m.options.NoDefaults && noise(base) != "":
		return "it is " + noise(base) + ": --no-default-ignore"
	case r == nil && m.isHidden(base):
		return "its name begins with a dot: --hidden"
	}
	return NotAsked
}

// Forget drops what is known of the directory rel and of all below it: they are read again when
// next asked about. Call it when a file that IsRules tells of changed there, when the directory
// itself came or went, and with "." when one of Sources changed.
func (m *Matcher) Forget(rel string) {
	if rel == "" || rel == "." || m.top == nil {
		m.top = nil
		return
	}
	t := m.top
	dir, name := "", rel
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		dir, name = rel[:i], rel[i+1:]
	}
	for dir != "" && t != nil {
		var part string
		part, dir, _ = strings.Cut(dir, "/")
		t = t.sub[part]
	}
	if t != nil {
		delete(t.sub, name)
	}
}

// IsRules reports whether a file of this name in a directory changes what counts there.
func IsRules(base string) bool {
	return base == ".gitignore" || base == ".ignore" || base == ".git"
}

// Sources returns the files whose change counts and that no watch of the tree tells of: those in
// .git, of the user and of IgnoreFiles, which need not exist, and those found above the root. They
// are absolute and sorted, and become known as the tree is read.
func (m *Matcher) Sources() []string {
	return slices.Sorted(maps.Keys(m.sources))
}

// GitDirs returns the directories in which the repositories keep their index that the tree is in,
// or has in it, sorted. As Sources, they become known as the tree is read.
func (m *Matcher) GitDirs() []string { return slices.Sorted(maps.Keys(m.gitDirs)) }

// Failed reports whether a file could not be read, though it is there: its rules are not obeyed.
// After Forget(".") that is tried again.
func (m *Matcher) Failed() bool { return m.failed }

// notRead tells why a file was not read.
func (m *Matcher) notRead(err error) {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		m.failed = true
	}
	m.warn(err)
}

// warn tells what is wrong with a file, once.
func (m *Matcher) warn(err error) {
	if text := err.Error(); m.options.Warn != nil && !m.warned[text] {
		m.warned[text] = true
		m.options.Warn(err)
	}
}
