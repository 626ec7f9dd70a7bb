package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/internal/width"
)

// A frame is one picture of what --live shows.
type frame struct {
	watchers []control.Watcher // those around the selected one, as many as can be in sight
	first    int               // of these, among all
	total    int
	selected int           // among all
	recent   []event.Event // the newest last
	now      time.Time
	paused   bool // the loop's time stands still
	ending   bool
	columns  int // of the terminal
	rows     int
	colour   bool
}

const (
	// liveMargin is what stands before each watcher: whether it is the selected one.
	liveMargin = 2
	// fewestRows and mostRecent are how much is shown of the two halves, if there is room.
	fewestRows = 3
	// shortName is how much of a name is shown at least.
	shortName  = 12
	mostRecent = 5
)

// liveHelp is the last line.
const liveHelp = "space fire  s stop, start  r run again  p pause  j k move  q quit"

// lines draws the frame: no more lines than the terminal has, and none longer than it is wide.
func (f frame) lines() []string {
	room := max(f.rows-1, 1) // for the last line
	recent := min(len(f.recent), mostRecent, max(room-1-fewestRows-1, 0))
	table := f.table(room - 1 - recent)
	if recent > 0 && len(table)+1+recent < f.rows {
		table = append(table, "")
	}
	for _, e := range f.recent[len(f.recent)-recent:] {
		table = append(table, f.event(e))
	}
	table = append(table, f.last())
	return table[max(len(table)-f.rows, 0):]
}

// table draws the watchers, of whom as many are shown around the selected one as there is room for
// below the heading.
func (f frame) table(room int) []string {
	shown := f.total
	if shown > room {
		shown = max(room-1, 1) // the line that counts the others
	}
	from := min(max(f.selected-shown/2, 0), f.total-shown) - f.first
	rows := f.fit(watcherTable(f.watchers[from:from+shown], f.now))
	lines := columns(rows)
	for i, line := range lines {
		mark := "  "
		style := term.Style("")
		switch {
		case i == 0:
			style = term.Dim
		case f.first+from+i-1 == f.selected:
			mark, style = "> ", term.Bold
		}
		lines[i] = f.paint(style, f.cut(mark+line))
	}
	if shown < f.total {
		lines = append(lines, f.paint(term.Dim, f.cut(fmt.Sprintf("  and %d more", f.total-shown))))
	}
	return lines
}

// fit shortens the names, and leaves out columns, the least important first, until the rest has
// room.
func (f frame) fit(rows [][]string) [][]string {
	if !f.hasRoom(rows) {
		for r := range rows {
			rows[r][0] = clip(rows[r][0], max(f.columns/3, shortName))
		}
	}
	for _, name := range []string{"PRIO", "WATCHER", "LAST", "FIRES", "EXIT", "RUNNING", "PENDING", "NEXT", "LOCK"} {
		if f.hasRoom(rows) {
			break
		}
		i := slices.Index(rows[0], name)
		if i < 0 {
			continue // this one has nobody
		}
		for r := range rows {
			rows[r] = slices.Delete(rows[r], i, i+1)
		}
	}
	return rows
}

// hasRoom tells whether the columns have room side by side, before the column that cut leaves to
// the cursor.
func (f frame) hasRoom(rows [][]string) bool {
	return width.String(columns(rows)[0])+longestEnd(rows) <= f.columns-1-liveMargin
}

// clip takes the end off a text that is too long, and says so.
func clip(s string, columns int) string {
	if width.String(s) <= columns {
		return s
	}
	return width.Cut(s, columns-1) + "…"
}

// longestEnd is by how much a cell of the last column is longer than its heading.
func longestEnd(rows [][]string) int {
	last := len(rows[0]) - 1
	longest := 0
	for _, row := range rows {
		longest = max(longest, width.String(row[last])-width.String(rows[0][last]))
	}
	return longest
}

// event draws one of the last events.
func (f frame) event(e event.Event) string {
	line := e.Time.AppendFormat(nil, "  15:04:05  ")
	line = append(line, e.Name...)
	line = append(line, "  "...)
	return f.cut(strings.ReplaceAll(string(e.AppendText(line)), "\t", "  "))
}

func (f frame) last() string {
	switch {
	case f.ending:
		return f.paint(term.Yellow, f.cut("ending: what runs is being stopped"))
	case f.paused:
		return f.paint(term.Yellow, f.cut("paused: p goes on"))
	}
	return f.paint(term.Dim, f.cut(liveHelp))
}

// cut shortens a line to what the terminal shows of it. The cursor stays on the line, which takes a
// column.
func (f frame) cut(s string) string {
	return strings.TrimRight(width.Cut(s, max(f.columns-1, 1)), " ")
}

func (f frame) paint(style term.Style, s string) string {
	if !f.colour {
		return s
	}
	return style.Wrap(s)
}
