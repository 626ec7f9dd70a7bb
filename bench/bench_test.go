package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// fake is a contender with figures of its own.
func fake(name string, figures ...float64) contender {
	return contender{name: name, measure: func() (sample, error) { return sample{figures: figures}, nil }}
}

func TestChosen(t *testing.T) {
	works := []work{{name: "pipes 100"}, {name: "pipes 1000"}, {name: "timers"}}
	for words, want := range map[string]int{"": 3, "pipes": 2, "pipes 1000": 1, "timers,pipes": 3} {
		some, err := chosen(works, slices.DeleteFunc(strings.Split(words, ","), func(s string) bool { return s == "" }))
		if err != nil || len(some) != want {
			t.Errorf("%q: %d works, %v, want %d", words, len(some), err, want)
		}
	}
	if _, err := chosen(works, []string{"nothing"}); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("an unknown work: %v", err)
	}
}

// All works have names of their own, somebody to be compared with, and goals about
// those who do them.
func TestWorks(t *testing.T) {
	b := &bench{quick: true}
	names := map[string]bool{}
	for _, w := range b.works() {
		if names[w.name] {
			t.Errorf("%s comes twice", w.name)
		}
		names[w.name] = true
		if !slices.ContainsFunc(w.contenders, func(c contender) bool { return c.name == w.beside }) {
			t.Errorf("%s: nobody is called %q, beside whom all are", w.name, w.beside)
		}
		var scores []score
		for _, c := range w.contenders {
			scores = append(scores, score{name: c.name, figures: []float64{1}})
		}
		for i, g := range w.goals {
			if _, ok := g(w, scores); !ok {
				t.Errorf("%s: goal %d is about somebody who does not do it", w.name, i)
			}
		}
	}
	for _, name := range []string{"commands 1", "commands line", "lines"} {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestDo(t *testing.T) {
	b := &bench{quick: true}
	broken := contender{name: "broken", measure: func() (sample, error) { return sample{}, errors.New("it broke") }}
	scores := b.do(work{name: "x", rounds: 2, contenders: []contender{fake("a", 3, 1, 2), broken}})
	if got := scores[0]; !slices.Equal(got.figures, []float64{1, 1, 2, 2, 3, 3}) || got.median() != 2 || got.tail(false) != 3 || got.tail(true) != 1 {
		t.Errorf("a: %+v", got)
	}
	if got := scores[1]; got.measured() || got.skipped != "it broke" {
		t.Errorf("broken: %+v", got)
	}
}

func TestShow(t *testing.T) {
	w := work{name: "x", what: "things", unit: "a second", higher: true, beside: "b", goals: []goal{atLeast("a", 0.9, "b"), atLeast("a", 0.3, "b"), atMost("a", 1, "c")}}
	scores := []score{{name: "a", figures: []float64{50}}, {name: "b", figures: []float64{100}}, {name: "c", skipped: "apt-get install c"}}
	var out strings.Builder
	if err := showTable(&out, combine(w, [][]score{scores})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### x", "things, a second; higher is better", "| a         |   50.0 |", "0.50", "skipped: c: apt-get install c",
		"a at least 0.90 of b: 0.50, **not reached**", "a at least 0.30 of b: 0.50, reached",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "of c") {
		t.Error("a goal beside one who was not measured is shown")
	}
	out.Reset()
	if err := showJSON(&out, combine(w, [][]score{scores})); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Work       string
		Contenders []struct {
			Median, Ratio *float64
			Skipped       string
		}
		Goals []outcome
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Work != "x" || len(got.Contenders) != 3 || *got.Contenders[0].Ratio != 0.5 || got.Contenders[2].Median != nil || len(got.Goals) != 2 {
		t.Errorf("%s", out.String())
	}
}

func TestShort(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1234.5: "1234", 12.34: "12.3", 1.234: "1.23", 0.01234: "0.0123", -12.34: "-12.3"} {
		if got := short(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

// What does not come out as it went in is no measurement.
func TestPiped(t *testing.T) {
	if _, err := piped("a\nb\n", []string{"cat"}); err != nil {
		t.Error(err)
	}
	if _, err := piped("a\nb\n", []string{"head", "-n1"}); err == nil {
		t.Error("a line that is lost is not noticed")
	}
}

// ev of another revision is compared with, in lines of its own, and no goal knows it.
func TestAgainst(t *testing.T) {
	b := &bench{quick: true, revision: "abc", lack: map[string]string{}}
	for _, w := range b.against(b.works()) {
		var twins, evs int
		for _, c := range w.contenders {
			if c.revision != "" {
				twins++
			} else if isEv(c.name) {
				evs++
			}
		}
		if evs == 0 || twins != evs {
			t.Errorf("%s: %d of %d have a twin", w.name, twins, evs)
		}
	}
	w := work{name: "x", higher: true, beside: "b", goals: []goal{fastest("ev")}}
	r := combine(w, [][]score{{
		{name: "ev", figures: []float64{80}},
		{name: "ev at abc", figures: []float64{100}, revision: "abc"},
		{name: "b", figures: []float64{90}},
	}})
	if got := besideOther(w, r.scores); !slices.Equal(got, []string{"beside abc: ev: 0.80, **worse**"}) {
		t.Errorf("beside the other: %q", got)
	}
	if got := r.goals[0].Figure; got != 0.89 {
		t.Errorf("the goal's figure is %v", got)
	}
}

func TestCombine(t *testing.T) {
	w := work{name: "x", beside: "b", goals: []goal{atMost("a", 1, "b")}}
	var runs [][]score
	for _, x := range []float64{3, 0.5, 0.9} {
		runs = append(runs, []score{{name: "a", figures: []float64{x, x, 9}, tried: 1}, {name: "b", figures: []float64{1}}})
	}
	r := combine(w, runs)
	if got := r.scores[0]; !slices.Equal(got.figures, []float64{0.5, 0.9, 3}) || got.tried != 3 {
		t.Errorf("a: %+v", got)
	}
	if got := r.goals[0]; got.Figure != 0.9 || !got.Reached {
		t.Errorf("the goal: %+v", got)
	}
	var out strings.Builder
	if err := showTable(&out, r); err != nil || !strings.Contains(out.String(), "0.50 to 3.00") || !strings.Contains(out.String(), " 3 runs |") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
