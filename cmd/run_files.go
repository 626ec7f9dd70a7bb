package cmd

import (
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/evfile/crontab"
	"github.com/evshell/ev/evfile/procfile"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/process"
)

// fileOptions are the flags of run about files that are no Evfiles, and are read as such.
type fileOptions struct {
	crontabs    []string
	system      bool
	overlapping bool
	mailCommand string

	procfile  string
	envFile   string
	formation string
	respawn   bool
	stop      string

	printEvfile bool
}

func (o *fileOptions) addFiles(fs *pflag.FlagSet) {
	defer watchers.BeginGroup(fs, "Other files")()
	fs.Var((*watchers.ListValue)(&o.crontabs), "crontab", "run the jobs of this crontab, or of all crontabs in a directory; can be repeated `FILE`")
	fs.BoolVar(&o.system, "system", false, "read a user in front of the command of each job, as in /etc/crontab")
	fs.BoolVar(&o.overlapping, "overlapping", false, "start a job of a crontab even while its last run continues")
	fs.StringVar(&o.mailCommand, "mail-command", "", "mail the output of jobs with this command, which gets the addresses as arguments, instead of 'sendmail -i --' `CMD`")
	fs.StringVar(&o.procfile, "procfile", "", "run the processes of this Procfile `FILE`")
	fs.StringVar(&o.envFile, "env-file", "", "read variables from this file instead of the .env beside the Procfile `FILE`")
	fs.StringVar(&o.formation, "formation", "", "number of instances of each process, such as web=2,worker=1 `LIST`")
	fs.BoolVar(&o.respawn, "respawn", false, "start a process of a Procfile again after it has ended, instead of ending all")
	fs.StringVar(&o.stop, "stop-signal", "TERM", "signal that asks a process of a Procfile to stop `SIGNAL`")
	fs.BoolVar(&o.printEvfile, "print-evfile", false, "print the equivalent Evfile and start nothing")
}

// given reports whether there is such a file.
func (o *fileOptions) given() bool { return len(o.crontabs) > 0 || o.procfile != "" }

// check refuses what says nothing.
func (o *fileOptions) check(fs *pflag.FlagSet) error {
	for _, f := range []struct {
		name  string
		needs string
		there bool
	}{
		{"system", "--crontab FILE", len(o.crontabs) > 0},
		{"overlapping", "--crontab FILE", len(o.crontabs) > 0},
		{"mail-command", "--crontab FILE", len(o.crontabs) > 0},
		{"env-file", "--procfile FILE", o.procfile != ""},
		{"formation", "--procfile FILE", o.procfile != ""},
		{"respawn", "--procfile FILE", o.procfile != ""},
		{"stop-signal", "--procfile FILE", o.procfile != ""},
	} {
		if fs.Changed(f.name) && !f.there {
			return usage.At(usage.Flag(f.name), "--%s needs %s: add it", f.name, f.needs)
		}
	}
	for _, f := range []struct {
		name  string
		empty bool
	}{{"crontab", slices.Contains(o.crontabs, "")}, {"procfile", fs.Changed("procfile") && o.procfile == ""}} {
		if f.empty {
			return usage.At(usage.Item(f.name, ""), "the name of the file is empty: give one, as in --crontab /etc/crontab, --procfile Procfile")
		}
	}
	_, err := watchers.StopSignal(o.stop)
	return err
}

// readFiles reads what is no Evfile into lines of one.
func (r *reader) readFiles() (files []*evfile.File, errs evfile.Errors, err error) {
	for _, path := range r.options.crontabs {
		tables, err := crontabsIn(path)
		if err != nil {
			return nil, nil, err
		}
		for _, table := range tables {
			f, faults, err := r.readCrontab(table)
			if err != nil {
				return nil, nil, err
			}
			files, errs = append(files, f), append(errs, faults...)
		}
	}
	if r.options.procfile != "" {
		f, faults, err := r.readProcfile()
		if err != nil {
			return nil, nil, err
		}
		files, errs = append(files, f), append(errs, faults...)
	}
	return files, errs, nil
}

// crontabsIn returns the file itself, or the files of a directory.
func crontabsIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage.At(usage.Item("crontab", path), "%s: there is no such file: name a crontab, or a directory of some", path)
	}
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	// The names that run-parts(8), and cron, take: no backup of an editor, and no leftover of a
	// package manager.
	runParts := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	var list []string
	for _, e := range entries {
		if name := filepath.Join(path, e.Name()); runParts.MatchString(e.Name()) {
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				list = append(list, name)
			}
		}
	}
	return list, err
}

// readCrontab reads a crontab into the lines that it amounts to.
func (r *reader) readCrontab(path string) (*evfile.File, evfile.Errors, error) {
	text, err := readTrusted(path, usage.Flag("crontab"), r.options.system)
	if err != nil {
		return nil, nil, err
	}
	f, errs := crontab.Parse(path, text, r.options.system)
	for _, note := range f.Notes {
		r.program.Report.Verbosef("%v", note)
	}
	me := r.program.user()
	for _, j := range f.Jobs {
		if !action.IsShell(j.Shell().Text) {
			errs = append(errs, f.Errorf(j.Shell(), "SHELL: ev knows no shell of this name: name sh, bash, dash, ash, ksh, zsh or fish"))
		} else if _, err := process.Lookup(j.Shell().Text, "", nil); err != nil {
			e, _ := errors.AsType[*process.StartError](err)
			return nil, nil, &usage.ExitError{Status: e.Status, Err: evfile.Errors{f.Errorf(j.Shell(), "SHELL: %v", err)}}
		}
	}
	host, _ := os.Hostname()
	f.File.Lines = f.Lines(crontab.Options{
		Label: filepath.Base(path), Host: host, Owner: me.Username,
		Home: func(name string) string {
			if name == me.Username {
				return me.HomeDir
			}
			if u, err := process.LookupUser(name); err == nil {
				return u.Home
			}
			return "" // the flag --user says why
		},
		Exists: func(dir string) bool {
			info, err := os.Stat(dir)
			return err == nil && info.IsDir()
		},
		Mail: r.mailer(f.Jobs), Overlapping: r.options.overlapping,
		Taken: func(command string) bool {
			return slices.ContainsFunc([]event.Detail{event.Every{}, event.Timer{}}, func(d event.Detail) bool {
				return action.CheckArgs([]string{"/bin/sh", "-c", command}, event.Event{Detail: d}) != nil
			})
		},
	})
	if r.watchers != nil {
		r.dropReboots(f)
	}
	return f.File, errs, nil
}

// dropReboots drops the jobs @reboot that a reload brings: ev has started by then. One that is as it
// was goes on.
func (r *reader) dropReboots(f *crontab.File) {
	known := map[string]bool{}
	for _, w := range r.watchers {
		known[w.Key()] = true
	}
	var lines []evfile.Line
	for i, l := range f.File.Lines {
		if f.Jobs[i].Schedule.Text != "@reboot" || known[keyOf(&l)] {
			lines = append(lines, l)
		}
	}
	f.File.Lines = lines
}

// writeEvfile writes the lines as an Evfile.
func (o *fileOptions) writeEvfile(w io.Writer, lines []*line) error {
	list := make([]evfile.Line, len(lines))
	for i, l := range lines {
		list[i] = *l.Line
	}
	_, err := io.WriteString(w, evfile.Format(list))
	return err
}

// user is who runs ev. In an image there may be no /etc/passwd to say so.
func (p *program) user() *user.User {
	u, err := user.Current()
	if err != nil {
		uid := strconv.Itoa(os.Getuid())
		u = &user.User{Uid: uid, Username: uid}
		if uid == "0" {
			u.Username = "root"
		}
	}
	if home := p.Getenv("HOME"); home != "" {
		u.HomeDir = home
	}
	return u
}

// mailer is the command that mails what jobs print, "" if there is none.
func (r *reader) mailer(jobs []crontab.Job) string {
	if !slices.ContainsFunc(jobs, func(j crontab.Job) bool { return j.Mails() }) {
		return ""
	}
	if r.options.mailCommand != "" {
		return r.options.mailCommand
	}
	path := r.program.Getenv("PATH") + ":/usr/sbin:/usr/lib"
	file, err := process.Lookup("sendmail", "", []string{"PATH=" + path})
	if err == nil {
		return evfile.Join([]string{file, "-i", "--"})
	}
	if !r.unmailed {
		r.unmailed = true
		r.program.Report.Noticef("sendmail is not installed: the output of jobs is printed here and not mailed; --mail-command names another program")
	}
	return ""
}

// readTrusted reads a file whose commands are to be run. What root runs is nobody else's, and so is
// a system's crontab. The file is named by a word.
func readTrusted(path string, at usage.Word, system bool) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage.At(at, "%s: there is no such file", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, usage.At(at, "%s is a directory: name a file in it", path)
	case system && (owner(info) != 0 || info.Mode().Perm()&0o022 != 0):
		return nil, usage.At(at, "%s is a system's crontab, and others than root can write it (it belongs to user %d, mode %04o): chown root, chmod 644",
			path, owner(info), info.Mode().Perm())
	case os.Geteuid() == 0:
		if err := trusted(f, path); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(f)
}

// readProcfile reads a Procfile, and the .env beside it, into the lines that it amounts to.
func (r *reader) readProcfile() (*evfile.File, evfile.Errors, error) {
	o := &r.options.fileOptions
	text, err := readTrusted(o.procfile, usage.Value("procfile"), false)
	if err != nil {
		return nil, nil, err
	}
	f, errs := procfile.Parse(o.procfile, text)
	env, faults, err := o.environment()
	if errs = append(errs, faults...); err != nil {
		return nil, nil, err
	}
	p := procfile.Options{Env: env}
	if p.Port, err = procfile.Port(env, r.program.Getenv("PORT")); err != nil {
		return nil, nil, usage.Of(usage.Value("env-file"), "", err)
	}
	if o.formation != "" {
		if p.Formation, err = procfile.ParseFormation(o.formation); err != nil {
			return nil, nil, usage.Of(usage.Value("formation"), "--formation: ", err)
		}
	}
	if dir := filepath.Dir(o.procfile); dir != "." {
		p.Flags = append(p.Flags, "--chdir", dir)
	}
	if o.respawn {
		p.Flags = append(p.Flags, "--respawn")
	} else {
		p.Flags = append(p.Flags, "--once", "--break")
	}
	if o.stop != "TERM" {
		p.Flags = append(p.Flags, "--stop-signal", o.stop)
	}
	if f.File.Lines, err = f.Lines(p); err != nil {
		return nil, nil, usage.Of(usage.Value("formation"), "", err)
	}
	return f.File, errs, nil
}

// environment reads the variables of a Procfile's processes.
func (o *fileOptions) environment() ([]string, evfile.Errors, error) {
	path := o.envFile
	if path == "" {
		path = filepath.Join(filepath.Dir(o.procfile), ".env")
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, nil, nil
		}
	}
	text, err := readTrusted(path, usage.Value("env-file"), false)
	if err != nil {
		return nil, nil, err
	}
	env, errs := procfile.ParseEnv(path, text)
	return env, errs, nil
}

// isMeantAsWatcher reports whether a word is one, or was likely to be.
func isMeantAsWatcher(word string) bool {
	var names []string
	for _, w := range watchers.All() {
		names = append(names, w.Name)
	}
	_, other := otherNames()[strings.ToLower(word)]
	_, near := nearest.Of(word, slices.Values(names))
	return other || near || slices.Contains(append(names, "ev", "run", "ctl"), word)
}

// foreign recognizes a file that is no Evfile, by a line of it.
func foreign(name, text string) *evfile.Error {
	// Lines that no Evfile has, and others have.
	cronLine := regexp.MustCompile(`^[ \t]*(-?[0-9*~][0-9*~,/-]*[ \t]+[0-9*~][^ \t]*[ \t]+[0-9*~?L][^ \t]*[ \t]+[^ \t]+[ \t]+[^ \t]+[ \t]+[^ \t]|` +
		`@(reboot|hourly|daily|midnight|weekly|monthly|yearly|annually|every)[ \t])`)
	unitLine := regexp.MustCompile(`^\[(Unit|Service|Timer|Socket|Path|Install)\][ \t]*$`)
	processLine := regexp.MustCompile(`^[A-Za-z0-9_-]+:[ \t]*([^ \t]+)`)
	fault := func(line int, msg string) *evfile.Error {
		return evfile.New(name, text).Errorf(evfile.Word{Line: line, Col: 1}, "%s", msg)
	}
	process, all := 0, true // the first line that may be of a Procfile; and whether all may
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimSuffix(l, "\r")
		m := processLine.FindStringSubmatch(l)
		switch trimmed := strings.TrimSpace(l); {
		case trimmed == "" || trimmed[0] == '#':
		case cronLine.MatchString(l):
			return fault(i+1, "this is a line of a crontab: ev run --crontab FILE reads those")
		case unitLine.MatchString(l):
			return fault(i+1, "this is a unit of systemd, which ev does not read: "+
				"'every' takes its OnCalendar= as it is, and on-exit --child 'CMD' --respawn its ExecStart=")
		case !all:
		case m == nil || isMeantAsWatcher(m[1]):
			all = false
		case process == 0:
			process = i + 1
		}
	}
	if process == 0 || !all {
		return nil
	}
	return fault(process, "no line of this begins a watcher, and each has a name and a command: ev run --procfile FILE reads a Procfile")
}
