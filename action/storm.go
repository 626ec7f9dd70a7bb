package action

import "time"

const (
	// stormRuns in a row that each follow at once on the one before are a storm.
	stormRuns = 10
	// sameRuns are, where it is known that each has the cause of the one before. It may be chance
	// once: what was read has been made up for to the byte.
	sameRuns = 2
	// stormPause is what a run waits in a storm.
	stormPause = time.Second
)

// A Guard is against a command that triggers itself. If ten runs in a row each begin within a time
// of the end of the one before, that is told, and every further run waits a second.
type Guard struct {
	Within time.Duration
	Advice string // what is likely wrong then, and what to do
}

// A storm is a command that has itself run again and again: one that writes what is watched, or
// does not read what is there. No single event tells; that the next one always comes at once does.
type storm struct {
	within time.Duration // of the end of the last run: at once; 0: there is no storm
	tell   func()        // that one has begun; can be nil
	same   func() bool   // whether a run has the cause of the one before; nil: it is not known
	each   bool          // a run can only have been caused by one for the same subject
	seen   map[string]bool
	end    time.Time // of the last run
	runs   int       // that followed at once
	told   bool      // of the storm that goes on
}

// pause returns how long a run for a subject that is to begin has to wait.
func (s *storm) pause(now time.Time, subject string) time.Duration {
	if s.within == 0 {
		return 0
	}
	follows := !s.end.IsZero()
	if s.same != nil {
		follows = follows && s.same()
	} else {
		follows = follows && now.Sub(s.end) <= s.within
	}
	if !follows {
		s.runs, s.told, s.seen = 0, false, map[string]bool{}
	}
	if s.each {
		follows = follows && s.seen[subject]
		s.seen[subject] = true
	}
	if !follows {
		return 0
	}
	most := stormRuns
	if s.same != nil {
		most = sameRuns
	}
	if s.runs++; s.runs < most {
		return 0
	}
	if !s.told && s.tell != nil {
		s.tell()
	}
	s.told = true
	return stormPause
}
