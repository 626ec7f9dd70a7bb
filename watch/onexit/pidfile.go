package onexit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch/stat"
)

// pidFile is a process whose PID a file will name.
type pidFile struct {
	w    *Watcher
	path string
	stat *stat.Watcher
}

// watchPIDFile waits for the end of the process that a file names, and first for the file if it is
// not there, or empty.
func (w *Watcher) watchPIDFile(path string) error {
	ref, err := readPIDFile(path)
	switch {
	case err == nil:
		if err := w.watchPID(ref); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNoPID):
		return err
	}
	f := &pidFile{w: w, path: path}
	f.stat, err = stat.New(w.loop, stat.Options{Paths: []string{path}, Settle: stat.DefaultSettle, MaxWait: stat.DefaultMaxWait, Hub: w.options.Hub, Report: w.options.Report}, f.changed)
	if err != nil {
		return err
	}
	f.stat.SetPriority(w.active.Priority())
	if err := f.stat.Start(); err != nil {
		return err
	}
	w.targets[f] = true
	w.options.Report.Verbosef("%s: waiting for a PID in it", path)
	return nil
}

// changed looks whether there is a PID now. A process that the file names and that is gone already
// has come and gone since Start.
func (f *pidFile) changed(event.Detail) {
	ref, err := readPIDFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNoPID):
		return
	case err != nil:
		f.w.options.Report.Errorf("%v", err)
		return
	}
	f.stop()
	delete(f.w.targets, f)
	err = f.w.watchPID(ref)
	switch {
	case errors.Is(err, process.ErrNoProcess):
		f.w.tell(event.Exit{PID: ref.PID})
	case err != nil:
		f.w.options.Report.Errorf("%s: %v", f.path, err)
	}
	f.w.settle()
}

func (f *pidFile) stop() { f.stat.Stop() }

// errNoPID is the error for a file that nothing has been written to yet.
var errNoPID = errors.New("empty")

// readPIDFile reads the first line of a file: a PID.
func readPIDFile(path string) (process.Ref, error) {
	f, err := os.Open(path)
	if err != nil {
		return process.Ref{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return process.Ref{}, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return process.Ref{}, fmt.Errorf("%s: %w", path, errNoPID)
	}
	ref, err := process.ParseRef(line)
	if err != nil || ref.Inode != 0 {
		return process.Ref{}, fmt.Errorf("%s: its first line is %.40q, and not a PID", path, line)
	}
	return ref, nil
}
