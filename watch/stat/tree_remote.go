package stat

import "github.com/evshell/ev/internal/mounts"

// isRemote reports whether a directory is on a file system that does not tell of all its changes.
func (t *tree) isRemote(d *dir) bool {
	silent, known := t.remotes[d.dev]
	if !known {
		name, err := mounts.Silent(d.path)
		if err != nil {
			return !isAbsent(err)
		}
		silent = name != ""
		t.remotes[d.dev] = silent
		if silent && t.n.hub != nil {
			t.o.Report.Verbosef("%s is on %s, which does not report all changes: polling every %s (--poll DUR sets how often)",
				d.path, name, t.o.interval())
		}
	}
	return silent
}
