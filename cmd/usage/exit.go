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
const ExitStatusHelp = `  0        the loop ended by itself, by --break or by --for; with --once and a
           COMMAND, its status stands in this place
  1        --nowait, and nothing had happened; or a failure, and no COMMAND
  2        a usage error; with a COMMAND this is 125
  75       what several ev share could not be had now
  124      --timeout ended it, or --run-timeout a COMMAND whose status is ev's
  125      ev itself failed, and a COMMAND was given
  126, 127 the COMMAND may not be executed, or is not there
  128+n    ended by signal n; 141: the reader of the output has gone`

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
