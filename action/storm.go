package action

import "time"

const (
	// stormRuns in a row that each follow at once on the one before are a storm.
	stormRuns = 10
	// stormPause is what a run waits in a storm.
	stormPause = time.Second
)

// A storm is a command that has itself run again and again: one that writes what is
// watched, or does not read what is there. No single event tells; that the next one
// always comes at once does.
type storm struct {
	within time.Duration // of the end of the last run: at once; 0: there is no storm
	tell   func()        // that one has begun; can be nil
	same   func() bool   // whether a run has the cause of the one before; nil: it has
	end    time.Time     // of the last run
	runs   int           // that followed at once
}

// pause returns how long a run that is to begin has to wait.
func (s *storm) pause(now time.Time) time.Duration {
	if s.within == 0 || s.end.IsZero() || now.Sub(s.end) > s.within || s.same != nil && !s.same() {
		s.runs = 0
		return 0
	}
	s.runs++
	if s.runs == stormRuns && s.tell != nil {
		s.tell()
	}
	if s.runs < stormRuns {
		return 0
	}
	return stormPause
}
