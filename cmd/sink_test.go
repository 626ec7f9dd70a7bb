package cmd

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/session"
)

// TestEnded: the exit status for each reason to end, and what is said about it.
func TestEnded(t *testing.T) {
	full := os.NewSyscallError("write", syscall.ENOSPC)
	place := &evfile.Error{File: "Evfile", Line: 3, Col: 1, Msg: "full"}
	tests := []struct {
		name    string
		line    string
		end     session.End
		status  int
		message string
		signal  syscall.Signal
	}{
		{"over", "timer 1h", session.End{}, 0, "", 0},
		{"no event in time", "timer 1h", session.End{Why: session.TimedOut}, 124, "", 0},
		{"nothing happened", "timer 1h -- true", session.End{Why: session.NothingHappened}, 1, "", 0},
		{"a command's success", "timer 1h -- true", session.End{Why: session.CommandEnded}, 0, "", 0},
		{"a command's failure", "timer 1h -- true", session.End{Why: session.CommandEnded, Status: 7}, 7, "", 0},
		{"a signal", "timer 1h", session.End{Why: session.Signalled, Signal: syscall.SIGTERM}, 143, "", syscall.SIGTERM},
		{"an error that has been told", "timer 1h", session.End{Why: session.Failed}, 1, "", 0},
		{"an error", "timer 1h", session.End{Why: session.Failed, Err: full}, 1, "write: no space left on device", 0},
		{"an error, and there are commands", "timer 1h\ntimer 2h -- true", session.End{Why: session.Failed, Err: full}, 125, "write: no space left on device", 0},
		{"not started", "timer 1h -- true", session.End{Why: session.NotStarted, Err: session.Faults{full}}, 1, "write: no space left on device", 0},
		{"lines not started", "timer 1h -- true", session.End{Why: session.NotStarted, Err: session.Faults{place}}, 1, "Evfile:3:1: full\n    \n    ^", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := ended(testSession(t, tt.line), tt.end)
			if got := usage.Status(err, false); got != tt.status {
				t.Errorf("status %d, not %d", got, tt.status)
			}
			e, ok := errors.AsType[*usage.ExitError](err)
			if ok && e.Signal != tt.signal {
				t.Errorf("signal %v, not %v", e.Signal, tt.signal)
			}
			if told := err != nil && (!ok || e.Err != nil); told != (tt.message != "") || told && err.Error() != tt.message {
				t.Errorf("told is %q, not %q", err, tt.message)
			}
		})
	}
}

// What 'ev ctl' offers is what the protocol has, and what needs no running ev.
func TestControlCommands(t *testing.T) {
	if names, want := controlNames(), append(control.Commands(), deadAction); !slices.Equal(names, want) {
		t.Errorf("%v, and there are %v", names, want)
	}
}
