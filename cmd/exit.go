package cmd

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/evshell/ev/evfile"
)

// The exit statuses of SPEC section 4 that no command gives.
const (
	exitOK       = 0
	exitFailure  = 1   // --nowait saw nothing; a failure, and no COMMAND was given
	exitUsage    = 2   // no COMMAND was given
	exitTempFail = 75  // what several ev share could not be had now
	exitTimeout  = 124 // --timeout
	exitInternal = 125 // ev itself failed, or a usage error, and a COMMAND was given
	exitSignal   = 128 // plus its number
)

// ExitStatusHelp is the section of that name in every help text and manual page.
const ExitStatusHelp = `  0        the loop ended by itself, by --break or by --for; with --once and a
           COMMAND, its status stands in this place
  1        --nowait, and nothing had happened; or a failure, and no COMMAND
  2        a usage error; with a COMMAND this is 125
  75       what several ev share could not be had now
  124      --timeout ended it, or --run-timeout a COMMAND whose status is ev's
  125      ev itself failed, and a COMMAND was given
  126, 127 the COMMAND may not be executed, or is not there
  128+n    ended by signal n; 141: the reader of the output has gone`

// A usageError is a command line that can't be: exit status 2, or 125 with a COMMAND.
type usageError struct {
	msg   string
	cause error // that knows more, or nil
}

func (e *usageError) Error() string { return e.msg }
func (e *usageError) Unwrap() error { return e.cause }

// usagef returns a usageError that is about the command as a whole, or about what is not on the
// command line.
func usagef(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...)}
}

// usageAt returns a usageError that is about a word.
func usageAt(at word, format string, args ...any) error {
	return &wordError{usagef(format, args...), at}
}

// usageOf returns a usageError of what read a word, or the part of it that begins there.
func usageOf(at word, prefix string, err error) error {
	return &wordError{&usageError{prefix + err.Error(), err}, at}
}

// A wordError is an error that is about a word of the command line.
type wordError struct {
	error
	at word
}

func (e *wordError) Unwrap() error { return e.error }

// An exitError ends ev with a status, or by a signal, if there is one. Without an error it has
// nothing to say.
type exitError struct {
	status int
	err    error
	signal syscall.Signal
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitStatus decides the status for what a command returned.
func exitStatus(err error, hasCommand bool) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.status
	}
	_, usage := errors.AsType[*usageError](err)
	_, lines := errors.AsType[evfile.Errors](err)
	switch {
	case hasCommand:
		return exitInternal
	case usage, lines:
		return exitUsage
	}
	return exitFailure
}
