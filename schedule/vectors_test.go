package schedule

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/span"
)

// rows reads a file of testdata: tab-separated, the first line names the columns.
func rows(t *testing.T, file string) [][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "# expr") && !strings.HasPrefix(line, "# interval") {
			rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
	}
	return rows
}

// instant reads a column. NONE, an instant that does not come, is the zero time.
func instant(t *testing.T, column string) time.Time {
	t.Helper()
	if column == "NONE" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, column)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// check compares a row's expr, zone, after and expected columns with what s says. A schedule that
// never fires may be refused.
func check(t *testing.T, row []string, s *Spec, err error) {
	t.Helper()
	expr, after, want := row[0], row[2], row[3]
	switch {
	case want == "ERROR":
		if err == nil {
			t.Errorf("%q was read as %q, want it refused", expr, s)
		}
		return
	case err != nil:
		if want != "NONE" {
			t.Errorf("%q: %v, want %s after %s", expr, err, want, after)
		}
		return
	}
	got, ok := s.Next(instant(t, after))
	if !ok {
		got = time.Time{}
	}
	if not, ok := strings.CutPrefix(want, "NOT "); ok {
		if got.Equal(instant(t, not)) {
			t.Errorf("%q after %s in %s: %s is wrong", expr, after, row[1], got)
		}
	} else if !got.Equal(instant(t, want)) {
		t.Errorf("%q after %s in %s: %s, want %s", expr, after, row[1], got.UTC().Format(time.RFC3339Nano), want)
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestCronVectors(t *testing.T) {
	ours := map[string]string{
		// A list of hours is fixed times, which come at the end of the gap; Cronos follows elapsed
		// time here.
		"11,22 30 1,2,3,4 * * *": "2021-03-28T00:30:22Z",
		"11,22 29 1,2,3,4 * * *": "2021-03-28T00:29:22Z",
		"33 30 1-10 * * *":       "2021-03-28T00:30:33Z",
		"0 30 1-10 * * *":        "2021-03-28T00:30:00Z",
	}
	for _, row := range rows(t, "cron.tsv") {
		expr, after, class := row[0], row[2], row[5]
		switch {
		case ours[expr] == after:
			continue
		case strings.HasPrefix(after, "1900"):
			continue // years begin with 1970
		case strings.Contains(class, "6th=year") && !hasYear(expr):
			continue // cannot be told from seconds first
		case strings.Contains(class, "6th=year"), strings.Contains(class, "f7"):
			row[3] = "ERROR" // a cron line has no year here
		}
		s, err := Parse(expr, Options{Zone: zone(t, row[1])})
		check(t, row, s, err)
	}
}

func TestCronFollowsTheDaemonsThroughDaylightSaving(t *testing.T) {
	for _, row := range rows(t, "cron-dst.tsv") {
		s, err := Parse(row[0], Options{Zone: zone(t, row[1])})
		check(t, row, s, err)
	}
}

// TestCalendarVectors has the rows of systemd's gap rule, to skip what is missing.
func TestCalendarVectors(t *testing.T) {
	// After a gap in a zone whose winter time counts as the daylight saving one, systemd loses the
	// rest of the day.
	systemdLosesADay := map[string]string{
		"1..4:00": "2026-03-28T22:30:00Z Europe/Dublin",
		"0/2:00":  "2026-03-22T00:00:00Z Africa/Casablanca",
		"2/4:30":  "2026-03-21T22:30:00Z Africa/Casablanca",
	}
	for _, row := range rows(t, "oncalendar.tsv") {
		expr, after, class := row[0], row[2], row[5]
		local, err := LoadZone(row[1])
		switch {
		case strings.HasPrefix(row[1], "IST-1"):
			if local, err = ParseZone(row[1]); err != nil {
				t.Fatal(err)
			}
		case row[1] == "IST":
			local = zone(t, "Europe/Dublin") // as that row's test has it
		case err != nil:
			t.Fatal(err)
		}
		s := &Spec{zone: local}
		err = s.parseCalendar(expr, Options{Gap: GapSkip})
		switch {
		case strings.Contains(class, "systemd-bug:EDEADLK"), systemdLosesADay[expr] == after+" "+row[1]:
			continue
		case strings.Contains(class, "dst-edge") && err == nil && s.civil.ticks && inSecondPass(s, after):
			continue // systemd-silent-overlap#8647: systemd has none of the second pass
		}
		check(t, row, s, err)
	}
}

func inSecondPass(s *Spec, after string) bool {
	from, err := time.Parse(time.RFC3339Nano, after)
	next, ok := s.Next(from)
	return err == nil && ok && strings.HasSuffix(s.Why(next), "the second pass")
}

func TestCalendarNormalForm(t *testing.T) {
	for _, row := range rows(t, "oncalendar-normalize.tsv") {
		s := &Spec{zone: time.UTC}
		if err := s.parseCalendar(row[0], Options{}); err != nil {
			t.Errorf("%q: %v", row[0], err)
		} else if s.String() != row[1] {
			t.Errorf("%q is %q, want %q", row[0], s, row[1])
		}
	}
}

func TestIntervalVectors(t *testing.T) {
	for _, row := range rows(t, "interval.tsv") {
		offset, err := span.Parse(row[1])
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(row[0], Options{Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		after, _ := strconv.ParseInt(row[2], 10, 64)
		want, _ := strconv.ParseInt(row[3], 10, 64)
		if got, ok := s.Next(time.UnixMicro(after)); !ok || got.UnixMicro() != want {
			t.Errorf("every %ss, offset %ss, after %d: %d, want %d", row[0], row[1], after, got.UnixMicro(), want)
		}
	}
}
