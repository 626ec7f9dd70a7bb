package session

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
)

// Tell says which runs are told when they have ended, each in a line.
type Tell uint8

// The runs that are told.
const (
	TellNone Tell = iota
	TellFailed
	TellAll
)

// What is remembered of runs.
const (
	DefaultLogRuns = 20      // of a watcher are remembered
	loggedOutput   = 4 << 10 // bytes of what a run has written
)

// tell tells of a run that has ended. Why one was not started has been told.
func (w *Watcher) tell(o action.Outcome) {
	tell := w.session.config.Tell
	if o.Stopped || o.Err != nil || tell == TellNone || o.Status == 0 && tell != TellAll {
		return
	}
	how := fmt.Sprintf("%v after %s", o, span.Rounded(o.Elapsed))
	if o.Status == 0 && w.session.config.Greet {
		how = "ok, " + span.Rounded(o.Elapsed)
	}
	if w.Name == string(w.Kind) && w.Exec != nil { // it has no label
		how = commandName(w.Exec.Argv) + ": " + how
	}
	w.Report.Endedf(o.Status == 0, "%s", how)
}

// commandName is how a person would call a command: its name, with its subcommand if it seems to
// have one.
func commandName(argv []string) string {
	name := filepath.Base(argv[0])
	if len(argv) > 1 && argv[1] != "" && strings.Trim(argv[1], "abcdefghijklmnopqrstuvwxyz-") == "" && argv[1][0] != '-' {
		name += " " + argv[1]
	}
	return name
}

// log remembers a run.
func (w *Watcher) log(e event.Event, o action.Outcome) {
	if !w.session.config.Log {
		return
	}
	most := w.LogRuns
	if most == 0 {
		most = DefaultLogRuns
	}
	r := control.Run{
		Name: w.Name, Run: e.Seq, Ended: w.session.loop.Now(), Elapsed: o.Elapsed.Seconds(), Status: o.Status, How: o.String(),
		Stopped: o.Stopped, Output: o.Output[max(len(o.Output)-loggedOutput, 0):],
	}
	if o.Signal != 0 {
		r.Signal = sig.Name(o.Signal)
	}
	if o.Err != nil {
		r.Error = o.Err.Error()
	}
	w.runsLog = append(w.runsLog[max(len(w.runsLog)-most+1, 0):], r)
}
