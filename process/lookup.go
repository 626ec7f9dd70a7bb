package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The statuses of a command that was not executed, as shells and env(1) have them.
const (
	StatusFailed        = 125 // the cause is not the command
	StatusNotExecutable = 126
	StatusNotFound      = 127
)

// A StartError says why a command can't be started.
type StartError struct {
	// Status is the exit status that tells of it: 127 if the command is not there, 126 if it may
	// not be executed, 125 if the cause lies elsewhere.
	Status int
	text   string
	err    error // what the kernel said, or nil
}

func (e *StartError) Error() string { return e.text }

// Errorf makes a StartError.
func Errorf(status int, format string, args ...any) *StartError {
	return &StartError{Status: status, text: fmt.Sprintf(format, args...)}
}

// failed is Errorf for what the kernel said.
func failed(status int, err error, format string, args ...any) *StartError {
	e := Errorf(status, format, args...)
	e.err = err
	return e
}

// Unwrap returns what the kernel said, as far as it matters to who started.
func (e *StartError) Unwrap() error { return e.err }

// Lookup finds the file that name stands for as a command, as execvp(3) does: along PATH, the last
// one in env or else ev's own, unless there is a slash in the name. What is relative starts at dir,
// if that is given. An error is a *StartError.
func Lookup(name, dir string, env []string) (string, error) {
	if dir != "" {
		if info, err := os.Stat(dir); err != nil {
			return "", failed(StatusFailed, err, "can't run in %s: %v", dir, reason(err))
		} else if !info.IsDir() {
			return "", Errorf(StatusFailed, "can't run in %s: it is not a directory", dir)
		} else if err := unix.Access(dir, unix.X_OK); err != nil {
			return "", failed(StatusFailed, err, "can't run in %s: %v", dir, err)
		}
	}
	if name == "" {
		return "", Errorf(StatusNotFound, "the command is an empty word: give its name")
	}
	if strings.Contains(name, "/") {
		if err := executable(name, dir); err != nil {
			return "", err
		}
		return name, nil
	}
	path, set := os.LookupEnv("PATH")
	if !set {
		path = defaultPath
	}
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	var denied error
	shut := ""
	for _, d := range filepath.SplitList(path) {
		file := filepath.Join(d, name)
		if d == "" || d == "." {
			file = "./" + name
		}
		// The one system call that most places in PATH are worth. Where nothing can be looked for there is
		// nothing, as shells have it.
		switch unix.Access(at(file, dir), unix.F_OK) {
		case unix.ENOENT, unix.ENOTDIR:
			continue
		case unix.EACCES:
			shut = ": " + d + " may not be searched"
			continue
		}
		err := executable(file, dir)
		if err == nil {
			return file, nil
		}
		if _, later := Temporary(err); later {
			return "", err // it may be the one
		}
		if err.Status == StatusNotExecutable && denied == nil {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	if strings.ContainsAny(name, " \t\n;|&<>$`") {
		return "", Errorf(StatusNotFound, "%q is not found in PATH: a command is one word and its arguments others; "+
			"what a shell should read goes to sh -c", name)
	}
	return "", Errorf(StatusNotFound, "%s: not found in PATH%s", name, shut)
}

// defaultPath is where commands are looked for without a PATH, as execvp(3) and sh(1) do.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// at is where file is, if what is relative starts at dir.
func at(file, dir string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// executable reports why file can't be executed.
func executable(file, dir string) *StartError {
	at := at(file, dir)
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Errorf(StatusNotFound, "%s: no such file", file)
	case err != nil:
		return failed(StatusNotExecutable, err, "%s: %v", file, reason(err))
	case info.IsDir():
		return Errorf(StatusNotExecutable, "%s: is a directory, not a command", file)
	}
	if err := unix.Access(at, unix.X_OK); err != nil {
		return failed(StatusNotExecutable, err, "%s: may not be executed: chmod +x it, if it is a command", file)
	}
	return nil
}

// reason is an error without the operation and the path that os puts before it.
func reason(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// explain says what an error of fork(2) or execve(2) means for a command whose file was there a
// moment ago.
func explain(file string, err error) error {
	if _, later := Temporary(err); later {
		return fmt.Errorf("%s: %w", file, err)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return Errorf(StatusNotExecutable, "%s: the interpreter in its first line does not exist", file)
	case errors.Is(err, unix.ENOEXEC):
		return Errorf(StatusNotExecutable, "%s: not a program for this machine, and not a script, which begins with #! and its interpreter", file)
	case errors.Is(err, unix.E2BIG):
		return failed(StatusNotExecutable, err, "%s: its arguments and environment are longer than the kernel takes (ARG_MAX): "+
			"take what is long from standard input", file)
	}
	return Errorf(StatusNotExecutable, "%s: %v", file, err)
}

// Temporary reports whether starting a command may succeed later though nothing about it changes,
// and what is in its way.
func Temporary(err error) (why string, later bool) {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return "no more processes are allowed (ulimit -u)", true
	case errors.Is(err, unix.EMFILE):
		return "no more files may be opened (ulimit -n)", true
	case errors.Is(err, unix.ENFILE):
		return "the system has too many open files", true
	case errors.Is(err, unix.ENOMEM):
		return "there is not enough memory", true
	case errors.Is(err, unix.ETXTBSY):
		return "its file is still being written", true
	case errors.Is(err, unix.EIO), errors.Is(err, unix.ESTALE):
		return "its file can't be read", true
	}
	return "", false
}
