package cmd

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch/onhttp"
)

// A reader reads the lines of a run: first, and at each reload.
type reader struct {
	program *program
	globals *pflag.FlagSet // of the process as a whole
	options *runOptions
	path    string // of the Evfile; - is standard input, "" none

	unmailed bool                    // it is told that nothing can be mailed
	commands map[string]*lineCommand // by their names
	common   *watchers.Common
	watchers []*session.Watcher                   // at work; nil: none has been yet
	listens  map[*session.Watcher]*onhttp.Options // of those, for requests
}

// hasFile reports whether there is a file that can be read again: not a pipe, which is empty by
// then, or has ev wait for somebody who writes. One that is missing may come.
func (r *reader) hasFile() bool {
	if r.path == "" {
		return r.options.given()
	}
	if r.path == "-" {
		return false
	}
	info, err := os.Stat(r.path)
	return err != nil || info.Mode().IsRegular()
}

// defaultEvfile is the Evfile of which none was named.
func (p *program) defaultEvfile() string { return cmp.Or(p.Getenv("EVFILE"), "Evfile") }

// read reads the Evfile, then the lines of the command line. What is wrong with their text is in
// the second result, with the lines that are right.
func (r *reader) read() ([]*line, evfile.Errors, error) {
	r.common = watchers.NewCommon()
	var files []*evfile.File
	var errs evfile.Errors
	parse := func(name, text string) {
		if err := foreign(name, text); err != nil {
			errs = append(errs, err)
			return
		}
		f, faults := evfile.Parse(name, []byte(text))
		files, errs = append(files, f), slices.Concat(errs, faults, watchers.CheckZones(f))
	}
	if r.path != "" {
		name, text, err := r.readFile()
		if err != nil {
			return nil, nil, err
		}
		parse(name, text)
	}
	others, faults, err := r.readFiles()
	if err != nil {
		return nil, nil, err
	}
	files, errs = append(files, others...), append(errs, faults...)
	if len(r.options.lines) > 0 {
		parse("-e", strings.Join(r.options.lines, "\n"))
	}
	var lines []*line
	labelled := map[string]*evfile.File{}
	for _, f := range files {
		for i := range f.Lines {
			l := &f.Lines[i]
			if other, taken := labelled[l.Label]; taken && l.Label != "" {
				errs = append(errs, f.Errorf(l.Words[0], "%s already has the label %s: choose another", other.Name, l.Label))
			}
			labelled[l.Label] = f
			lines = append(lines, &line{Line: l, file: f, key: keyOf(l), index: len(lines)})
		}
	}
	switch {
	case len(lines) > 0 || errs != nil:
	case r.path == "" && r.options.procfile != "":
		return nil, nil, usage.At(usage.Value("procfile"), "%s has no process in it: write one on each line, as in 'web: ./server'", r.name())
	case r.path == "" && len(r.options.crontabs) > 0: // one that has been emptied is no mistake
		r.program.Report.Noticef("%s has no job in it", r.name())
	default:
		return nil, nil, usage.At(usage.ArgOf(r.path), "%s has no watcher in it: write one on each line, as in 'timer 5s -- echo over'", r.name())
	}
	return lines, errs, nil
}

// name is what is read.
func (r *reader) name() string {
	return strings.Join(slices.DeleteFunc(append([]string{r.path, r.options.procfile}, r.options.crontabs...), func(s string) bool { return s == "" }), ", ")
}

// watched are the files that a change of is a reason to read all again.
func (r *reader) watched() []string {
	list := slices.Clone(r.options.crontabs)
	for _, path := range []string{r.path, r.options.procfile, r.options.envFile} {
		if path != "" {
			list = append(list, path)
		}
	}
	if r.options.procfile != "" && r.options.envFile == "" {
		list = append(list, filepath.Join(filepath.Dir(r.options.procfile), ".env"))
	}
	return list
}

// readFile returns the Evfile's text, and what errors call it.
func (r *reader) readFile() (name, text string, err error) {
	if r.path == "-" {
		b, err := io.ReadAll(os.Stdin)
		return "-", string(b), err
	}
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return "", "", usage.At(usage.ArgOf(r.path), "%s: there is no such file: name an Evfile, or give lines with -e", r.path)
	}
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", "", usage.At(usage.ArgOf(r.path), "%s is a directory: name the Evfile, as in ev run %s", r.path, filepath.Join(r.path, "Evfile"))
	}
	if os.Geteuid() == 0 {
		if err := trusted(f, r.path); err != nil {
			return "", "", err
		}
		if err := r.knownOwner(f); err != nil {
			return "", "", err
		}
	}
	b, err := io.ReadAll(f)
	return r.path, string(b), err
}

// trusted refuses an Evfile that root would run though others than root and its owner may write or
// replace it. Who may write the directory may replace it.
func trusted(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return untrusted(path, path, info)
	}
	user := owner(info)
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		real = path // a descriptor's, /dev/fd/63: what is behind it has no name
	} else if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(real)} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		// In a sticky directory nobody replaces another's file (inode(7)).
		if info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSticky == 0 {
			return untrusted(path, dir, info)
		}
		if u := owner(info); u != 0 && u != user {
			return usage.At(usage.ArgOf(path), "%s belongs to user %d, who could replace %s of user %d, and root would run that: chown one of the two", dir, u, path, user)
		}
	}
	return nil
}

// knownOwner refuses an Evfile that root would run though it is neither root's nor that of the user
// who has called sudo(8): in a directory of another's the Evfile is that user's word.
func (r *reader) knownOwner(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	user := owner(info)
	if user == 0 || r.options.trustOwner || r.program.Getenv("SUDO_UID") == strconv.FormatUint(uint64(user), 10) {
		return nil
	}
	return usage.At(usage.ArgOf(r.path), "%s belongs to user %d, and root would run what that user has written: chown it, or add --trust-owner if that is meant", r.path, user)
}

// untrusted is the error for an Evfile that others may write, or the directory that it is in.
func untrusted(path, open string, info os.FileInfo) error {
	return usage.At(usage.ArgOf(path), "%s can be written by others than its owner (it belongs to user %d), and root would run what they write: chmod go-w %[1]s",
		open, owner(info))
}

// owner returns the user whom a file belongs to; root if that is not told.
func owner(info os.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return 0
}
