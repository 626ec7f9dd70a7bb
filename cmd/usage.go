package cmd

import (
	"fmt"
	"syscall"
)

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

// usageBy returns a usageError that says what err does.
func usageBy(err error) error { return &usageError{err.Error(), err} }

// aboutWord returns an error that is about a word.
func aboutWord(at word, err error) error { return &wordError{err, at} }

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
