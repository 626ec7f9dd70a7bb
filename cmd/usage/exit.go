// Package usage is how a command line is found wrong: errors, the word that each is about, and what
// status ev ends with.
package usage

import (
	"cmp"
	"errors"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/process"
)

// The exit statuses of SPEC section 4 that no command gives.
const (
	ExitOK       = 0
	ExitFailure  = 1   // --nowait saw nothing; a failure, and no COMMAND was given
	ExitUsage    = 2   // no COMMAND was given
	ExitTempFail = 75  // what several ev share could not be had now
	ExitTimeout  = 124 // --timeout
	ExitInternal = 125 // ev itself failed, or a usage error, and a COMMAND was given
	ExitSignal   = 128 // plus its number
)

// ExitStatusHelp is the section of that name in every help text and manual page.
const ExitStatusHelp = `  0        the loop ended by itself, by --break or by --for
  N        with --once and a COMMAND, or --exit-on-error: the command's status
  1        --nowait found no event; or ev failed, without a COMMAND
  2        wrong usage; with a COMMAND this is 125
  75       a lock, a server or another shared thing was not available
  124      --timeout was reached, or --run-timeout by a COMMAND whose status counts
  125      ev failed, with a COMMAND
  126, 127 the COMMAND cannot be executed, or was not found
  128+n    ended by signal n; 141 means that the reader of the output has gone`

// Status decides the status for what a command returned.
func Status(err error, hasCommand bool) int {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[*ExitError](err); ok {
		return e.Status
	}
	_, usage := errors.AsType[*Error](err)
	faults, lines := errors.AsType[evfile.Errors](err)
	if status := commandsFault(faults); status != 0 {
		return status
	}
	switch {
	case hasCommand:
		return ExitInternal
	case usage, lines:
		return ExitUsage
	}
	return ExitFailure
}

// commandsFault is the status of the first of lines whose COMMAND can't be run, if nothing else is
// wrong with any: 126 or 127, as on the command line.
func commandsFault(faults evfile.Errors) (status int) {
	for _, f := range faults {
		e, ok := errors.AsType[*ExitError](f.Cause)
		if !ok || e.Status != process.StatusNotExecutable && e.Status != process.StatusNotFound {
			return 0
		}
		status = cmp.Or(status, e.Status)
	}
	return status
}
