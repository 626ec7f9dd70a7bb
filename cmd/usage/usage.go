package usage

import (
	"fmt"
	"syscall"
)

// An Error is a command line that can't be: exit status 2, or 125 with a COMMAND.
type Error struct {
	msg   string
	cause error // that knows more, or nil
}

func (e *Error) Error() string { return e.msg }
func (e *Error) Unwrap() error { return e.cause }

// Errorf returns an Error that is about the command as a whole, or about what is not on the command
// line.
func Errorf(format string, args ...any) error {
	return &Error{msg: fmt.Sprintf(format, args...)}
}

// At returns an Error that is about a word.
func At(at Word, format string, args ...any) error {
	return &WordError{Errorf(format, args...), at}
}

// Of returns an Error of what read a word, or the part of it that begins there.
func Of(at Word, prefix string, err error) error {
	return &WordError{&Error{prefix + err.Error(), err}, at}
}

// By returns an Error that says what err does.
func By(err error) error { return &Error{err.Error(), err} }

// About returns an error that is about a word.
func About(at Word, err error) error { return &WordError{err, at} }

// A WordError is an error that is about a word of the command line.
type WordError struct {
	error
	At Word
}

func (e *WordError) Unwrap() error { return e.error }

// An ExitError ends ev with a status, or by a signal, if there is one. Without an error it has
// nothing to say.
type ExitError struct {
	Status int
	Err    error
	Signal syscall.Signal
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }
