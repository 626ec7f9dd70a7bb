package action

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/internal/report"
)

// A logFile is a file that has what a run writes.
type logFile struct {
	file   *os.File
	report *report.Reporter
}

// openLog makes the file of a run that begins, in a directory of such files, of which the last keep
// are left. It may take its time. Without a file the run goes on, and that is told.
func openLog(dir string, keep int, r *report.Reporter) *logFile {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		r.Errorf("--log-dir: %v", err)
		return nil
	}
	name := filepath.Join(dir, time.Now().UTC().Format("2006-01-02T15-04-05Z"))
	for n := 1; ; n++ {
		suffix := ".log"
		if n > 1 { // in the same second
			suffix = "_" + strconv.Itoa(n) + suffix
		}
		f, err := os.OpenFile(name+suffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
		switch {
		case err == nil:
			prune(dir, keep)
			return &logFile{f, r}
		case !errors.Is(err, fs.ErrExist):
			r.Errorf("--log-dir: %v", err)
			return nil
		}
	}
}

// prune removes the oldest files.
func prune(dir string, keep int) {
	entries, _ := os.ReadDir(dir) // in the order of their names, and so of their times
	logs := slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".log") })
	for _, e := range logs[:max(len(logs)-keep, 0)] {
		_ = os.Remove(filepath.Join(dir, e.Name()))
	}
}

// write adds what has been written. Nil takes nothing.
func (l *logFile) write(b []byte) {
	if l == nil || l.file == nil {
		return
	}
	if _, err := l.file.Write(b); err != nil {
		l.report.Errorf("--log-dir: %v: the rest of the output is missing from the file", err)
		l.close()
	}
}

func (l *logFile) close() {
	if l != nil && l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
