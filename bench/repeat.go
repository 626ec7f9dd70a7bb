package main

import (
	"cmp"
	"slices"
	"strings"
)

// A result is what a work came to, in one run or in several.
type result struct {
	work
	scores []score // of several runs: a figure is the median of one
	goals  []outcome
	runs   int
}

// combine makes one result of whole runs: of each goal the outcome in the middle counts.
func combine(w work, runs [][]score) result {
	r := result{work: w, scores: runs[0], runs: len(runs)}
	if len(runs) > 1 {
		r.scores = slices.Clone(runs[0])
		for i := range r.scores {
			s := &r.scores[i]
			s.figures, s.notes, s.tried, s.wrong = nil, nil, 0, 0
			for _, run := range runs {
				if one := &run[i]; one.measured() {
					s.skipped = ""
					s.add(sample{[]float64{one.median()}, one.tried, one.wrong, strings.Join(one.notes, "; ")})
				}
			}
			slices.Sort(s.figures)
		}
	}
	for _, g := range w.goals {
		var each []outcome
		for _, run := range runs {
			// What another revision did is compared with, and no peer.
			these := slices.DeleteFunc(slices.Clone(run), func(s score) bool { return s.revision != "" })
			if o, ok := g(w, these); ok {
				each = append(each, o)
			}
		}
		if len(each) > 0 {
			slices.SortFunc(each, func(a, b outcome) int { return cmp.Compare(a.Figure, b.Figure) })
			r.goals = append(r.goals, each[len(each)/2])
		}
	}
	return r
}
