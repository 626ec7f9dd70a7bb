package session

import (
	"errors"
	"slices"
	"syscall"
)

// An End says why a session has ended.
type End struct {
	Why    Why
	Status int            // of CommandEnded
	Signal syscall.Signal // of Signalled
	Err    error          // of NotStarted, Refused and Failed; nil if it has been reported
}

// Why is a reason to end.
type Why uint8

// The reasons.
const (
	Over            Why = iota // nothing is watched any more and nothing runs, or it was asked to end
	TimedOut                   // no event has come in time
	NothingHappened            // it was not to wait, and there was no event
	CommandEnded               // with the status that is the session's: the last of --once, or a failure
	Signalled                  // the signal asks for the end, or the reader of the output has gone
	NotStarted                 // some watchers could not be started, or nobody be told that they were
	Refused                    // what was there from the start can't have what it shares with others
	Failed                     // an error has ended a watcher, the output or the loop
)

// End ends the loop: watchers are stopped, and what they have started is, too.
func (s *Session) End() { s.finish(End{}) }

// Ending reports whether that has begun.
func (s *Session) Ending() bool { return s.ending }

// finish is End for a reason. The first one counts. What was started last is told first to stop: it
// may need what was there before it.
func (s *Session) finish(e End) {
	if s.ending {
		return
	}
	s.ending, s.end = true, e
	s.Pause(false) // no grace period would ever be over
	_ = s.notify.Stopping()
	s.stdout.Hurry()
	s.stderr.Hurry()
	for _, w := range slices.Backward(s.watchers) {
		w.close(func() {})
	}
}

var errEnding = errors.New("ev is ending")

// endBy ends the loop as End does, for ev to die of a signal then.
func (s *Session) endBy(by syscall.Signal) { s.finish(End{Why: Signalled, Signal: by}) }

// leave stops a watcher that is none of the session's any more.
func (s *Session) leave(w *Watcher) {
	s.leaving = append(s.leaving, w)
	w.close(func() {
		s.leaving = slices.DeleteFunc(s.leaving, func(other *Watcher) bool { return other == w })
		for _, successor := range s.watchers {
			if successor.barred {
				s.bar(successor)
			}
			s.beginAwaiting(successor)
		}
	})
}
