package live

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/width"
)

// Write writes how watchers are, as a table.
func Write(out io.Writer, ws []control.Watcher, now time.Time) error {
	return WriteTable(out, watcherTable(ws, now))
}

// WriteHosts writes how watchers of several hosts are: each has its host in the first column.
func WriteHosts(out io.Writer, hosts []string, ws []control.Watcher, now time.Time) error {
	rows := watcherTable(ws, now)
	for i, host := range append([]string{"HOST"}, hosts...) {
		rows[i] = append([]string{Printable(host)}, rows[i]...)
	}
	return WriteTable(out, rows)
}

// WriteTable writes rows, the first of which is the heading, in columns.
func WriteTable(out io.Writer, rows [][]string) error {
	_, err := io.WriteString(out, strings.Join(columns(rows), "\n")+"\n")
	return err
}

// watcherTable tells in rows how watchers are, the first of which is the heading.
func watcherTable(ws []control.Watcher, now time.Time) [][]string {
	rows := [][]string{{"NAME", "WATCHER", "STATE", "PRIO", "FIRES", "RUNNING", "EXIT", "LAST", "NEXT"}}
	locks := slices.ContainsFunc(ws, func(w control.Watcher) bool { return w.Lock != "" })
	queues := slices.ContainsFunc(ws, func(w control.Watcher) bool { return w.Pending != nil })
	if locks {
		rows[0] = append(rows[0], "LOCK")
	}
	if queues {
		rows[0] = append(rows[0], "PENDING")
	}
	for _, w := range ws {
		row := []string{
			Printable(w.Name), Printable(w.Watcher), state(w), strconv.Itoa(w.Priority), strconv.FormatUint(w.Fires, 10),
			running(w, now), exit(w), ago(w.Last, now), ahead(w.Due, now),
		}
		if locks {
			row = append(row, lock(w, now))
		}
		if queues {
			row = append(row, pending(w))
		}
		rows = append(rows, row)
	}
	return rows
}

// lock tells who has the lock, and for how long another host has had it.
func lock(w control.Watcher, now time.Time) string {
	if w.LockSince == nil {
		return cmp.Or(Printable(w.Lock), "-")
	}
	host, _, _ := strings.Cut(w.Lock, "/")
	return Printable(host) + " " + short(now.Sub(*w.LockSince))
}

// pending tells how many messages wait in the group.
func pending(w control.Watcher) string {
	if w.Pending == nil {
		return "-"
	}
	return strconv.FormatInt(*w.Pending, 10)
}

// Printable is a text that a terminal only shows: another process may have made it up.
func Printable(s string) string { return string(event.AppendEscaped(nil, s)) }

// state tells whether a watcher watches, and whether all that it is to.
func state(w control.Watcher) string {
	if w.Unseen > 0 {
		return "partly blind"
	}
	return Printable(w.State)
}

// running tells for how long commands have run, how many if there are several, and how many events
// wait.
func running(w control.Watcher, now time.Time) string {
	if w.Running == 0 {
		return "-"
	}
	s := "starting"
	if w.Since != nil {
		s = short(now.Sub(*w.Since))
	}
	if w.Running > 1 {
		s += " ×" + strconv.Itoa(w.Running)
	}
	if w.Waiting > 0 {
		s += " +" + strconv.Itoa(w.Waiting)
	}
	return s
}

// exit tells how the last command ended, and how long it took.
func exit(w control.Watcher) string {
	if w.Status == nil {
		return "-"
	}
	s := strconv.Itoa(*w.Status)
	if w.Took != nil {
		s += " in " + short(time.Duration(*w.Took*float64(time.Second)))
	}
	return s
}

// WriteRuns writes how commands have ended, each in a line, below it what is kept of its output.
func WriteRuns(out io.Writer, runs []control.Run) error {
	var b strings.Builder
	for _, r := range runs {
		how := r.How
		if r.Error != "" {
			how += ": " + r.Error
		}
		if r.Stopped {
			how += ", stopped"
		}
		took := time.Duration(r.Elapsed * float64(time.Second))
		fmt.Fprintf(&b, "%s  %s  %s after %s\n", r.Ended.Local().Format(time.DateTime), Printable(r.Name), Printable(how), span.Rounded(took))
		for line := range strings.Lines(r.Output) {
			fmt.Fprintf(&b, "  %s\n", Printable(strings.TrimSuffix(line, "\n")))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return Ago(*t, now)
}

// Ago tells how long ago it was.
func Ago(t, now time.Time) string { return short(now.Sub(t)) + " ago" }

func ahead(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return "in " + short(t.Sub(now))
}

// short is a span as a person wants to know it: from a day on in minutes, below ten seconds in
// tenths.
func short(d time.Duration) string {
	unit := time.Second
	switch {
	case d >= 24*time.Hour:
		unit = time.Minute
	case d < 10*time.Second:
		unit = time.Second / 10
	}
	return span.Format(max(d, 0).Round(unit))
}

// columns makes a line of each row.
func columns(rows [][]string) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width.String(cell))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		var b strings.Builder
		for k, cell := range row {
			b.WriteString(cell)
			if k < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[k]-width.String(cell)+2))
			}
		}
		lines[i] = b.String()
	}
	return lines
}
