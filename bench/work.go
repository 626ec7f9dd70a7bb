package main

import (
	"fmt"
	"os"
	"slices"
)

// A work is something to do that has one figure, and who does it.
type work struct {
	name       string // its group first
	what       string // the figure measures
	unit       string
	higher     bool   // figures are better
	beside     string // the contender that the others' ratios are to
	rounds     int    // how often each contender has its turn; 0: as usual
	contenders []contender
	goals      []goal
}

// A contender is one who does a work.
type contender struct {
	name    string
	needs   string // a tool, by its command's name or that of a driver; "": nothing
	measure func() (sample, error)

	revision string // whose it is, if not of this one
}

// A sample is what a contender did in one turn.
type sample struct {
	figures      []float64
	tried, wrong int    // how often the work was done, and not as it should be
	note         string // what went wrong
}

// A score is what a contender did in all its turns.
type score struct {
	name         string
	figures      []float64 // in ascending order
	tried, wrong int
	notes        []string // each once
	skipped      string   // why
	revision     string   // as the contender's
}

// do has the contenders take turns, so that what else goes on in the machine
// meets all of them.
func (b *bench) do(w work) []score {
	scores := make([]score, len(w.contenders))
	rounds := w.rounds
	if rounds == 0 {
		rounds = b.either(3, 5)
	}
	for i, c := range w.contenders {
		scores[i].name, scores[i].revision = c.name, c.revision
		scores[i].skipped = b.lacks(c.needs)
	}
	for round := range rounds {
		for i, c := range w.contenders {
			s := &scores[i]
			if s.skipped != "" {
				continue
			}
			got, err := c.measure()
			if err != nil {
				s.skipped = err.Error()
				continue
			}
			s.add(got)
		}
		b.progress(w, round+1, rounds)
	}
	for i := range scores {
		slices.Sort(scores[i].figures)
	}
	return scores
}

// progress tells a person that waits how far it is.
func (b *bench) progress(w work, round, rounds int) {
	if b.terminal {
		fmt.Fprintf(os.Stderr, "\r\033[K%s: %d of %d", w.name, round, rounds)
		if round == rounds {
			fmt.Fprint(os.Stderr, "\r\033[K")
		}
	}
}

func (s *score) add(got sample) {
	s.figures = append(s.figures, got.figures...)
	s.tried += got.tried
	s.wrong += got.wrong
	if got.note != "" && !slices.Contains(s.notes, got.note) {
		s.notes = append(s.notes, got.note)
	}
}

func (s *score) measured() bool { return s.skipped == "" && len(s.figures) > 0 }

// at returns the figure below which the share of all lies.
func (s *score) at(share float64) float64 {
	return s.figures[min(int(share*float64(len(s.figures))), len(s.figures)-1)]
}

func (s *score) median() float64 {
	n := len(s.figures)
	return (s.figures[(n-1)/2] + s.figures[n/2]) / 2
}

// tail returns the figure that 99 of 100 are no worse than.
func (s *score) tail(higher bool) float64 {
	if higher {
		return s.at(0.01)
	}
	return s.at(0.99)
}

// find returns the score of a contender, nil if it was not measured.
func find(scores []score, name string) *score {
	for i := range scores {
		if scores[i].name == name && scores[i].measured() {
			return &scores[i]
		}
	}
	return nil
}
