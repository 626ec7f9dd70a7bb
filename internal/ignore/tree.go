package ignore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// tree is what is in force in one directory, and what is known of those below it. A directory
// without rules of its own has its parent's lists.
type tree struct {
	plain *list // .ignore
	git   *list // .gitignore, info/exclude, core.excludesFile; nil outside of a repository
	sub   map[string]*tree
}

// readRoot reads what is in force in the root: --ignore-file, and the ignore files from / down to
// it.
func (m *Matcher) readRoot() *tree {
	m.sources = map[string]bool{}
	m.failed, m.gitDirs = false, map[string]bool{}
	m.typed.next = nil
	for _, file := range m.options.IgnoreFiles {
		file = absolute(file)
		m.sources[file] = true
		m.typed.next = m.readList(file, list{next: m.typed.next})
	}
	t := &tree{}
	m.dir = absolute(m.root)
	if resolved, err := filepath.EvalSymlinks(m.dir); err == nil {
		m.dir = resolved // git and ripgrep look above where the root really is
	}
	for i, c := range m.dir {
		if c == '/' && len(m.dir) > 1 {
			m.read(t, m.dir[:max(i, 1)], place{above: m.dir[i+1:] + "/"}, anything)
		}
	}
	m.read(t, m.dir, place{}, anything)
	return t
}

// descend finds out what is in force in the directory path, called name in its parent t. has tells
// what it may hold.
func (m *Matcher) descend(t *tree, path, name string, has func(base string) bool) *tree {
	sub := m.out
	if m.judge(t, path, name, true) != Out {
		sub = &tree{plain: t.plain, git: t.git}
		if has(".git") || has(".gitignore") || has(".ignore") {
			m.read(sub, filepath.Join(m.dir, path), place{cut: len(path) + 1}, has)
		}
	}
	if t.sub == nil {
		t.sub = map[string]*tree{}
	}
	t.sub[name] = sub
	return sub
}

// read puts a directory's own files in front of what t has from above.
func (m *Matcher) read(t *tree, dir string, at place, has func(base string) bool) {
	dir = strings.TrimSuffix(dir, "/")
	var git string
	if has(".git") {
		git = GitDir(dir)
	}
	if git != "" {
		m.gitDirs[git] = true
	}
	if m.options.NoIgnore {
		return
	}
	if git != "" {
		t.git = m.repository(dir, git, at)
	}
	if has(".gitignore") && t.git != nil {
		t.git = m.readList(dir+"/.gitignore", list{place: at, fold: t.git.fold, next: t.git})
	}
	if has(".ignore") {
		t.plain = m.readList(dir+"/.ignore", list{place: at, next: t.plain})
	}
}

// repository returns the rules that hold in a whole repository: never nil.
func (m *Matcher) repository(top, git string, at place) *list {
	dir := commonDir(git)
	c := m.readConfig(top, git)
	l := &list{place: at, fold: c.ignoreCase}
	if c.excludesFile != "" {
		m.sources[c.excludesFile] = true
		l = m.readList(c.excludesFile, list{place: at, fold: c.ignoreCase, next: l})
	}
	exclude := filepath.Join(dir, "info/exclude")
	m.sources[exclude] = true
	return m.readList(exclude, list{place: at, fold: c.ignoreCase, next: l})
}

// readList gives l the rules of a file. Without any it returns the next list in its place.
func (m *Matcher) readList(file string, l list) *list {
	text, err := readFile(file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			m.notRead(fmt.Errorf("%w: its patterns are not obeyed", err))
		}
		return l.next
	}
	if l.above != "" {
		m.sources[file] = true
	}
	l.file = file
	l.rules = parseRules(text, l.fold, func(line int, err error) {
		m.warn(fmt.Errorf("%s:%d: %w", file, line, err))
	})
	if len(l.rules) == 0 {
		return l.next
	}
	return &l
}

// maxSize is the largest ignore file that git reads.
const maxSize = 100 << 20

func readFile(file string) ([]byte, error) {
	flags := os.O_RDONLY | syscall.O_NONBLOCK // a FIFO must not stop the loop
	if filepath.Base(file) == ".gitignore" {
		flags |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(file, flags, 0)
	if err != nil {
		if i, e := os.Lstat(file); e == nil && i.Mode().Type() == fs.ModeSymlink && flags&syscall.O_NOFOLLOW != 0 {
			return nil, fmt.Errorf("%s: a symbolic link, which git does not follow here", file)
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if t := info.Mode().Type(); t != 0 && t&fs.ModeCharDevice == 0 { // /dev/null is a usual core.excludesFile
		return nil, fmt.Errorf("%s: not a regular file", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s: larger than %d MiB", file, maxSize>>20)
	}
	return text, err
}

// absolute is filepath.Abs, or the path itself where the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
