package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
)

func TestFrame(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	failed := 1
	watchers := []control.Watcher{
		{Name: "build", Watcher: "stat", State: "active", Fires: 12, Running: 1, Since: at(-2500 * time.Millisecond), Waiting: 1, Status: &failed, Last: at(-3 * time.Second)},
		{Name: "backup", Watcher: "every", State: "active", Priority: -1, Due: at(18 * time.Hour)},
		{Name: "reload", Watcher: "on-signal", State: "stopped", Fires: 1, Last: at(-26 * time.Hour)},
	}
	recent := []event.Event{
		{Name: "build", Time: *at(-time.Minute), Detail: event.Timer{After: time.Second}},
		{Name: "build", Time: *at(-3 * time.Second), Detail: event.Timer{After: time.Minute, Missed: 2}},
	}
	whole := frame{watchers: watchers, total: 3, recent: recent, now: now, columns: 100, rows: 24}
	tests := []struct {
		name   string
		change func(*frame)
		want   string
	}{
		{"all of it", func(*frame) {}, `
  NAME    WATCHER    STATE    PRIO  FIRES  RUNNING  EXIT  LAST      NEXT
> build   stat       active   0     12     2.5s +1  1     3s ago    -
  backup  every      active   -1    0      -        -     -         in 18h
  reload  on-signal  stopped  0     1      -        -     1d2h ago  -

  08:59:00  build  1s  elapsed
  08:59:57  build  1m  elapsed, 2 missed
space fire  s stop, start  r run again  p pause  j k move  q quit`},
		{"narrow", func(f *frame) { f.columns, f.selected = 50, 1 }, `
  NAME    STATE    FIRES  RUNNING  EXIT  NEXT
  build   active   12     2.5s +1  1     -
> backup  active   0      -        -     in 18h
  reload  stopped  1      -        -     -

  08:59:00  build  1s  elapsed
  08:59:57  build  1m  elapsed, 2 missed
space fire  s stop, start  r run again  p pause`},
		{"very narrow", func(f *frame) { f.columns = 20 }, `
  NAME    STATE
> build   active
  backup  active
  reload  stopped

  08:59:00  build
  08:59:57  build
space fire  s stop,`},
		{"long and wide names", func(f *frame) {
			f.columns, f.recent = 50, nil
			f.watchers = append([]control.Watcher{{Name: strings.Repeat("long-", 9), State: "active"}, {Name: "日本語", State: "active"}}, f.watchers[2])
		}, `
  NAME              STATE    RUNNING  EXIT  NEXT
> long-long-long-…  active   -        -     -
  日本語            active   -        -     -
  reload            stopped  -        -     -
space fire  s stop, start  r run again  p pause`},
		{"low", func(f *frame) { f.rows = 5 }, `
  NAME    WATCHER    STATE    PRIO  FIRES  RUNNING  EXIT  LAST      NEXT
> build   stat       active   0     12     2.5s +1  1     3s ago    -
  backup  every      active   -1    0      -        -     -         in 18h
  reload  on-signal  stopped  0     1      -        -     1d2h ago  -
space fire  s stop, start  r run again  p pause  j k move  q quit`},
		{"lower than the table", func(f *frame) { f.rows, f.selected = 4, 2 }, `
  NAME    WATCHER    STATE    PRIO  FIRES  RUNNING  EXIT  LAST      NEXT
> reload  on-signal  stopped  0     1      -        -     1d2h ago  -
  and 2 more
space fire  s stop, start  r run again  p pause  j k move  q quit`},
		{"paused", func(f *frame) { f.paused, f.recent = true, nil }, `
  NAME    WATCHER    STATE    PRIO  FIRES  RUNNING  EXIT  LAST      NEXT
> build   stat       active   0     12     2.5s +1  1     3s ago    -
  backup  every      active   -1    0      -        -     -         in 18h
  reload  on-signal  stopped  0     1      -        -     1d2h ago  -
paused: p goes on`},
		{"ending", func(f *frame) { f.ending, f.recent = true, nil }, `
  NAME    WATCHER    STATE    PRIO  FIRES  RUNNING  EXIT  LAST      NEXT
> build   stat       active   0     12     2.5s +1  1     3s ago    -
  backup  every      active   -1    0      -        -     -         in 18h
  reload  on-signal  stopped  0     1      -        -     1d2h ago  -
ending: what runs is being stopped`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := whole
			tt.change(&f)
			if got := strings.Join(f.lines(), "\n"); got != tt.want[1:] {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want[1:])
			}
		})
	}
}

// However small the terminal and however many the watchers, the frame fits, and shows the selected
// one if there is room for any.
func TestFrame_fits(t *testing.T) {
	for _, total := range []int{1, 2, 10, 300} {
		for _, rows := range []int{1, 2, 3, 4, 7, 24, 100} {
			for _, columns := range []int{1, 10, 40, 200} {
				for _, selected := range []int{0, total / 2, total - 1} {
					f := frame{first: max(selected-rows, 0), total: total, selected: selected, rows: rows, columns: columns, colour: rows == 7}
					for i := f.first; i < min(selected+rows, total); i++ {
						f.watchers = append(f.watchers, control.Watcher{Name: fmt.Sprintf("w%d", i), Watcher: "stat", State: "active"})
					}
					for range 9 {
						f.recent = append(f.recent, event.Event{Name: "n", Detail: event.Timer{}})
					}
					lines := f.lines()
					if len(lines) > rows {
						t.Errorf("%d lines on %d rows", len(lines), rows)
					}
					for _, line := range lines {
						if visible(line) > max(columns-1, 1) || !utf8.ValidString(line) {
							t.Errorf("%q on %d columns", line, columns)
						}
					}
					if want := fmt.Sprintf("> w%d", selected); rows > 3 && columns > 9 && !strings.Contains(strings.Join(lines, "\n"), want) {
						t.Errorf("%d of %d on %d rows is not in sight:\n%s", selected, total, rows, strings.Join(lines, "\n"))
					}
				}
			}
		}
	}
}

// What is shown of a watcher is whole, whatever the width: a cell with a part of a time is another
// time (59m55 of 59m55s, 900m of 900ms). Only names are shortened, and say so.
func TestFrame_cutsNoCell(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	status, pending := 143, int64(1234)
	ws := []control.Watcher{
		{
			Name: "backup", Watcher: "every", State: "active", Due: at(59*time.Minute + 55*time.Second), Last: at(-25 * time.Hour), Status: &status,
			Lock: "web07/1234", LockSince: at(-12 * time.Second),
		},
		{
			Name: "tick", Watcher: "timer", State: "initialised", Due: at(900 * time.Millisecond), Running: 2, Since: at(-time.Hour), Waiting: 12,
			Lock: "no server", Pending: &pending,
		},
	}
	rows := watcherTable(ws, now)
	for width := len("> backup  initialised "); width < 120; width++ {
		lines := frame{watchers: ws, total: len(ws), now: now, columns: width, rows: 24}.lines()
		heading := strings.Fields(lines[0])
		column := slices.Index(rows[0], heading[len(heading)-1])
		for i := range ws {
			if want := rows[i+1][column]; !strings.HasSuffix(lines[i+1], " "+want) {
				t.Errorf("on %d columns %q ends in the middle of %q", width, lines[i+1], want)
			}
		}
	}
}

func TestScreen_movesBackOverWhatANarrowerTerminalHasBroken(t *testing.T) {
	s := &screen{fd: -1} // 80 columns
	for want, drawn := range map[string][]string{
		"\r":        {"one"},
		"\r\x1b[1A": {"one", "two"},
		"\r\x1b[3A": {strings.Repeat("x", 161), "two"},
		"\r\x1b[2A": {"\x1b[1m" + strings.Repeat("x", 80) + "\x1b[0m", "", "\x1b[2mtwo\x1b[0m"},
	} {
		s.lines = drawn
		if got := s.back(); got != want {
			t.Errorf("%q: %q, want %q", drawn, got, want)
		}
	}
}
