package main

import (
	"fmt"
	"math"
)

// A goal is what a contender's figure is to reach. It tells how far that came, and
// false if what it needs was not measured.
type goal func(w work, scores []score) (outcome, bool)

// An outcome is how a goal came out.
type outcome struct {
	Goal    string  `json:"goal"`
	Figure  float64 `json:"figure"`
	Reached bool    `json:"reached"`
}

// hundredths rounds what is compared to what is shown.
func hundredths(x float64) float64 { return math.Round(x*100) / 100 }

// atMost: who's median is at most so many times peer's.
func atMost(who string, times float64, peer string) goal {
	return ratio(who, peer, fmt.Sprintf("at most %.2f of %s", times, peer), func(r float64) bool { return r <= times })
}

// below: who's median is less than peer's.
func below(who, peer string) goal {
	return ratio(who, peer, "below "+peer, func(r float64) bool { return r < 1 })
}

// atLeast: who's median is at least so many times peer's.
func atLeast(who string, times float64, peer string) goal {
	return ratio(who, peer, fmt.Sprintf("at least %.2f of %s", times, peer), func(r float64) bool { return r >= times })
}

func ratio(who, peer, text string, reached func(float64) bool) goal {
	return func(_ work, scores []score) (outcome, bool) {
		a, b := find(scores, who), find(scores, peer)
		if a == nil || b == nil {
			return outcome{}, false
		}
		r := hundredths(a.median() / b.median())
		return outcome{who + " " + text, r, reached(r)}, true
	}
}

// within: who's median is at most so much more than peer's.
func within(who string, more float64, peer string) goal {
	return func(w work, scores []score) (outcome, bool) {
		a, b := find(scores, who), find(scores, peer)
		if a == nil || b == nil {
			return outcome{}, false
		}
		d := hundredths(a.median() - b.median())
		return outcome{fmt.Sprintf("%s at most %g %s more than %s", who, more, w.unit, peer), d, d <= more}, true
	}
}

// limit: who's median is at most that.
func limit(who string, most float64) goal {
	return func(w work, scores []score) (outcome, bool) {
		a := find(scores, who)
		if a == nil {
			return outcome{}, false
		}
		m := hundredths(a.median())
		return outcome{fmt.Sprintf("%s at most %g %s", who, most, w.unit), m, m <= most}, true
	}
}

// faultless: who did no work in another way than it should be done.
func faultless(who string) goal {
	return func(_ work, scores []score) (outcome, bool) {
		a := find(scores, who)
		if a == nil {
			return outcome{}, false
		}
		return outcome{who + " always right", float64(a.tried - a.wrong), a.wrong == 0}, true
	}
}

// fastest: who's median is the lowest of all those that are always right.
func fastest(who string) goal {
	return func(_ work, scores []score) (outcome, bool) {
		a := find(scores, who)
		if a == nil {
			return outcome{}, false
		}
		best := math.Inf(1)
		for i := range scores {
			if s := &scores[i]; s.measured() && s.wrong == 0 && s.name != who {
				best = min(best, s.median())
			}
		}
		r := hundredths(a.median() / best)
		return outcome{who + " fastest of those that are always right", r, a.wrong == 0 && r <= 1}, true
	}
}
