package action

import (
	"cmp"
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

// A logName names the file of a run: the second in which it began, in UTC, and which it was of those
// of that second.
type logName struct {
	second string
	n      int // from 1
}

const logSecond = "2006-01-02T15-04-05Z"

func (l logName) String() string {
	if l.n == 1 {
		return l.second + ".log"
	}
	return l.second + "_" + strconv.Itoa(l.n) + ".log"
}

// logsIn returns what names files of runs in a directory, the oldest first. All else is somebody's.
func logsIn(dir string) (logs []logName) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		second, number, several := strings.Cut(strings.TrimSuffix(e.Name(), ".log"), "_")
		l := logName{second, 1}
		if several {
			l.n, _ = strconv.Atoi(number)
		}
		if _, err := time.Parse(logSecond, second); err == nil && l.String() == e.Name() {
			logs = append(logs, l)
		}
	}
	slices.SortFunc(logs, func(a, b logName) int {
		return cmp.Or(strings.Compare(a.second, b.second), a.n-b.n)
	})
	return logs
}

// openLog makes the file of a run that begins, in a directory of such files, of which the last keep
// are left. It may take its time. Without a file the run goes on, and that is told.
func openLog(dir string, keep int, r *report.Reporter) *logFile {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		r.Errorf("--log-dir: %v", err)
		return nil
	}
	logs := logsIn(dir)
	name := logName{time.Now().UTC().Format(logSecond), 1}
	for _, l := range logs {
		if l.second == name.second {
			name.n = l.n + 1
		}
	}
	for ; ; name.n++ {
		f, err := os.OpenFile(filepath.Join(dir, name.String()), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
		switch {
		case err == nil:
			for _, old := range logs[:max(len(logs)+1-keep, 0)] {
				_ = os.Remove(filepath.Join(dir, old.String()))
			}
			return &logFile{f, r}
		case !errors.Is(err, fs.ErrExist):
			r.Errorf("--log-dir: %v", err)
			return nil
		}
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
