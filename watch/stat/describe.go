package stat

import "fmt"

// Describe says how many files and directories are watched. A PATH that is not there counts as a
// file.
func (s *Watcher) Describe() string {
	files, dirs := 0, 0
	if s.tree != nil && !s.tree.away {
		files, dirs = s.tree.count()
	}
	switch {
	case dirs == 0:
		return "watching " + number(files, "file", "files")
	case files == 0:
		return "watching " + number(dirs, "directory", "directories")
	}
	return "watching " + number(files, "file", "files") + " in " + number(dirs, "directory", "directories")
}

// count returns how many files and directories count.
func (t *tree) count() (files, dirs int) {
	var below func(d *dir)
	below = func(d *dir) {
		for e := range d.kids.all() {
			if e.file.isDir() {
				dirs++
			} else {
				files++
			}
			if e.dir != nil {
				below(e.dir)
			}
		}
	}
	below(t.named)
	return files, dirs
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
