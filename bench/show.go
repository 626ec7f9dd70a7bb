package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// showTable writes the scores of a work as a table in Markdown, and what was to be
// reached.
func showTable(out io.Writer, r result) error {
	w, scores := r.work, r.scores
	direction := "lower"
	if w.higher {
		direction = "higher"
	}
	spread := "p99"
	if r.runs > 1 {
		spread = fmt.Sprintf("%d runs", r.runs)
	}
	rows := [][]string{{"contender", "median", spread, "beside " + w.beside, "samples"}}
	counted := false
	for i := range scores {
		counted = counted || scores[i].tried > 0
	}
	if counted {
		rows[0] = append(rows[0], "wrong")
	}
	var after []string
	for i := range scores {
		s := &scores[i]
		if !s.measured() {
			why := strings.Join(append(s.notes, s.skipped), "; ")
			after = append(after, fmt.Sprintf("skipped: %s: %s", s.name, why))
			continue
		}
		row := []string{s.name, short(s.median()), short(s.tail(w.higher)), "", strconv.Itoa(len(s.figures))}
		if r.runs > 1 {
			row[2] = short(s.at(0)) + " to " + short(s.at(1))
		}
		if peer := find(scores, w.beside); peer != nil && peer.median() != 0 {
			row[3] = fmt.Sprintf("%.2f", s.median()/peer.median())
		}
		if counted {
			row = append(row, fmt.Sprintf("%d of %d", s.wrong, s.tried))
		}
		rows = append(rows, row)
		if len(s.notes) > 0 {
			after = append(after, s.name+": "+strings.Join(s.notes, "; "))
		}
	}
	after = append(after, besideOther(w, scores)...)
	for _, o := range r.goals {
		verdict := "**not reached**"
		if o.Reached {
			verdict = "reached"
		}
		after = append(after, fmt.Sprintf("to reach: %s: %s, %s", o.Goal, short(o.Figure), verdict))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n%s, %s; %s is better\n\n", w.name, w.what, w.unit, direction)
	table(&b, rows)
	if len(after) > 0 {
		fmt.Fprintf(&b, "\n- %s\n", strings.Join(after, "\n- "))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// table appends rows in Markdown, the first being the heads; all columns but the
// first are figures.
func table(b *strings.Builder, rows [][]string) {
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], len(cell))
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(b, "| %-*s ", wide[i], cell)
			} else {
				fmt.Fprintf(b, "| %*s ", wide[i], cell)
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, w := range wide {
			if i == 0 {
				fmt.Fprintf(b, "|-%s-", strings.Repeat("-", w))
			} else {
				fmt.Fprintf(b, "|-%s:", strings.Repeat("-", w))
			}
		}
		b.WriteString("|\n")
	}
}

// short is x with at least three significant digits.
func short(x float64) string {
	switch a := max(x, -x); {
	case a == 0:
		return "0"
	case a >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// showJSON writes the same as one object and line.
func showJSON(out io.Writer, r result) error {
	w, scores := r.work, r.scores
	type contender struct {
		Name    string   `json:"name"`
		Median  *float64 `json:"median"`
		P99     *float64 `json:"p99"`
		Ratio   *float64 `json:"ratio"`
		Samples int      `json:"samples"`
		Tried   int      `json:"tried,omitempty"`
		Wrong   int      `json:"wrong,omitempty"`
		Notes   []string `json:"notes,omitempty"`
		Skipped string   `json:"skipped,omitempty"`
	}
	all := make([]contender, len(scores))
	for i := range scores {
		s := &scores[i]
		c := contender{Name: s.name, Samples: len(s.figures), Tried: s.tried, Wrong: s.wrong, Notes: s.notes, Skipped: s.skipped}
		if s.measured() {
			c.Median, c.P99 = new(s.median()), new(s.tail(w.higher))
			if peer := find(scores, w.beside); peer != nil && peer.median() != 0 {
				c.Ratio = new(s.median() / peer.median())
			}
		}
		all[i] = c
	}
	return json.NewEncoder(out).Encode(struct {
		Work       string      `json:"work"`
		What       string      `json:"what"`
		Unit       string      `json:"unit"`
		Better     string      `json:"better"`
		Beside     string      `json:"beside"`
		Runs       int         `json:"runs"`
		Contenders []contender `json:"contenders"`
		Goals      []outcome   `json:"goals"`
	}{w.name, w.what, w.unit, map[bool]string{false: "lower", true: "higher"}[w.higher], w.beside, r.runs, all, r.goals})
}
