package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/diag"
)

func TestErrorsNameFieldValueAndWhatIsAllowed(t *testing.T) {
	for text, want := range map[string]struct {
		pos  int
		says string
	}{
		"60 * * * *":                   {0, "minute: 60 is out of range; allowed are 0 to 59"},
		"0 */0 * * *":                  {4, "hour: a step of 0 goes nowhere; a step is 1 or more"},
		"0 0 31 feb *":                 {4, "never fires"},
		"0 0 * janu *":                 {6, `month: "janu" is no value; allowed are 1 to 12 or jan to dec`},
		"0 0 * * mon-fry":              {12, "weekday"},
		"0 0 * * 1#6":                  {10, "#1 to #5"},
		"0 0 * * L":                    {8, "5L"},
		"0 0 ,1 * *":                   {4, "an item of the list is empty"},
		"0 0 1- * *":                   {6, "a value is missing"},
		"H(9-5) * * * *":               {0, "goes upwards"},
		"0 H(2-x) * * *":               {6, "no value"},
		"00:00:0.0..0.9":               {14, "shorter than its step"},
		"H(5) * * * *":                 {0, "H(0-29)/10"},
		"0 9 * *":                      {6, "this has 4"},
		"* * * * * 2027":               {10, "2027 is a year"},
		"0 0 0 1 1 * 2027":             {12, "none is a year"},
		"@dayly":                       {0, "did you mean @daily?"},
		"@reboot":                      {0, "is not a time"},
		"@every 5m":                    {0, "write the duration alone"},
		"CRON_TZ=Europe/Berln * * * *": {8, "did you mean Europe/Berlin?"},
		"Fri..Mon 09:00":               {5, "Fri..Sun,Mon"},
		"Thurs 09:00":                  {0, "Thu"},
		"24:00":                        {0, "hour: 24 is out of range; allowed are 0 to 23"},
		"*/2:00":                       {1, "0/2"},
		"2027-13-01":                   {5, "month: 13"},
		"2027-02-30":                   {8, "never fires"},
		"*-*~29":                       {4, "day: 29 is out of range; allowed are 1 to 28"},
		"09:00 Europe/Berln":           {6, "did you mean Europe/Berlin?"},
		"dayli":                        {0, "did you mean daily?"},
		"mon 9:00 berlin":              {9, "did you mean Europe/Berlin?"},
		"noon":                         {0, "write 12:00"},
		"12:60":                        {3, "minute: 60"},
		"2027-01-01T10:00":             {10, `unexpected "T10:00"`},
		"*:0/60":                       {2, "leads out of the range"},
		"3mo":                          {1, "a month has no fixed length"},
		"-5s":                          {0, "negative"},
		"0":                            {0, "longer than zero"},
		"":                             {0, "empty"},
		"\x00\xff":                     {0, "not a number"},
	} {
		s, err := Parse(text, Options{})
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%q was read as %q: %v", text, s, err)
			continue
		}
		if e.Pos != want.pos || !strings.Contains(err.Error(), want.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: at %d, %q, want at %d: %q", text, e.Pos, err, want.pos, want.says)
		}
	}
}

func TestExcerptPointsAtTheFault(t *testing.T) {
	for text, want := range map[string]string{
		"0 9 * * mon-fry":   "0 9 * * mon-fry\n            ^",
		"  0 9 * * 8":       "0 9 * * 8\n        ^",
		"日本 9 * * 8":        "日本 9 * * 8\n^",
		"0 日本,9 * * 8":      "0 日本,9 * * 8\n  ^",
		"Mon..Fri 25:00 \t": "Mon..Fri 25:00\n         ^",
		"09:00 ｅｖ/x 9":      "09:00 ｅｖ/x 9\n     ^",
		"Mon..ｅｖ,日 09:00":   "Mon..ｅｖ,日 09:00\n     ^",
	} {
		_, err := Parse(text, Options{})
		e, _ := errors.AsType[*Error](err)
		if got := e.Excerpt(); got != want {
			t.Errorf("%q\n%s\nwant\n%s", text, got, want)
		}
	}
	wide := &Error{Text: "ｍｏｎ..fry", Pos: len("ｍｏｎ..")}
	if got, want := wide.Excerpt(), "ｍｏｎ..fry\n        ^"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

// The place is that in what was given, whatever of it is left out where it is shown.
func TestErrorKnowsItsPlace(t *testing.T) {
	for text, want := range map[string]int{"60 * * * *": 0, "\u2003\t60 * * * *": 4, " 1h7x": 4, " @": 1, "": 0} {
		if _, err := Parse(text, Options{}); err == nil || diag.Offset(err) != want {
			t.Errorf("%q: at %d, want %d: %v", text, diag.Offset(err), want, err)
		}
	}
	for text, want := range map[string]int{" 25:00": 1, "  @x": 3, " 18:00 Europe/Berln": 7, "2026-12-24 25:00": 11, "2026-02-30 05:00": 0, "2026-12-24Tnoon": 11} {
		if _, err := ParseTime(text, time.Now(), time.UTC); err == nil || diag.Offset(err) != want {
			t.Errorf("%q: at %d, want %d: %v", text, diag.Offset(err), want, err)
		}
	}
}

func TestHugeTextIsRefusedShortly(t *testing.T) {
	for _, part := range []string{"*", "1,", "* ", "Mon,", "1h", "\xff"} {
		_, err := Parse(strings.Repeat(part, 1<<20/len(part)), Options{})
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("%q repeated: %.400v", part, err)
		}
	}
}

func TestBounds(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	s := parse(t, "daily", Options{Zone: time.UTC, From: day(3), Until: day(5)})
	var got []int
	for at := day(1); ; {
		next, ok := s.Next(at)
		if !ok {
			break
		}
		got = append(got, next.Day())
		at = next
	}
	if len(got) != 3 || got[0] != 3 || got[2] != 5 {
		t.Errorf("days %v, want 3 to 5, both included", got)
	}
	if _, err := Parse("yearly", Options{Zone: time.UTC, From: day(3), Until: day(5)}); err == nil || !strings.Contains(err.Error(), "2027-01-01") {
		t.Errorf("nothing between the bounds: %v, want the next named", err)
	}
	if _, err := Parse("2020-*-* 00:00", Options{From: day(3)}); err == nil || !strings.Contains(err.Error(), "never fires after") {
		t.Errorf("nothing after the lower bound: %v", err)
	}
}

func TestDaysAndWeeksAreCountedInCivilTime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, berlin)
	}
	for _, test := range []struct {
		text        string
		o           Options
		after, want time.Time
	}{
		{"1d", Options{}, at(3, 28, 12), at(3, 29, 0)},
		{"1d", Options{}, at(3, 29, 0), at(3, 30, 0)}, // 23 hours
		{"24h", Options{}, at(3, 28, 12), at(3, 29, 1)},
		{"1d", Options{Offset: 6 * time.Hour}, at(3, 29, 0), at(3, 29, 6)},
		{"1w", Options{}, at(10, 22, 0), at(10, 26, 0)},
		{"2w", Options{From: at(1, 5, 9)}, at(1, 1, 0), at(1, 5, 9)},
		{"2w", Options{From: at(1, 5, 9)}, at(3, 23, 9), at(3, 30, 9)}, // over the change of the clocks
		{"2w", Options{From: at(1, 5, 9)}, at(3, 30, 9), at(4, 13, 9)},
		{"1d", Options{FromNow: at(3, 28, 17)}, at(3, 28, 17), at(3, 29, 17)},
	} {
		test.o.Zone = berlin
		if next, ok := parse(t, test.text, test.o).Next(test.after); !ok || !next.Equal(test.want) {
			t.Errorf("%s after %s: %s, want %s", test.text, test.after, next, test.want)
		}
	}
}

func TestIntervalNormalFormKeepsHours(t *testing.T) {
	for text, want := range map[string]string{"90m": "1h30m", "24h": "24h", "36.5h": "36h30m", "1d": "1d", "2w": "14d", "1d12h": "36h"} {
		if got := parse(t, text, Options{}).String(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestIntervalGridStartsNowIfToldSo(t *testing.T) {
	now := time.Date(2026, 1, 1, 10, 7, 3, 500, time.UTC)
	s := parse(t, "1h", Options{FromNow: now})
	if next, _ := s.Next(now); !next.Equal(now.Add(time.Hour)) {
		t.Errorf("%s, want an hour after %s", next, now)
	}
	if _, err := Parse("daily", Options{FromNow: now}); err == nil {
		t.Error("a calendar event got a grid")
	}
}

func TestAtIsOneInstant(t *testing.T) {
	at := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	if next, ok := At(at).Next(at.Add(-1)); !ok || !next.Equal(at) {
		t.Errorf("%s, %v, want %s", next, ok, at)
	}
	if next, ok := At(at).Next(at); ok {
		t.Errorf("it comes again, at %s", next)
	}
}

func TestCountStopsAtLimit(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		text        string
		to          time.Duration
		limit, want int
	}{
		{"1s", 24 * time.Hour, 1 << 30, 86400},
		{"1s", 24 * time.Hour, 100, 100},
		{"1s", 0, 100, 0},
		{"7s", 13 * time.Second, 100, 1},
		{"hourly", 24 * time.Hour, 100, 24},
		{"hourly", 24 * time.Hour, 10, 10},
	} {
		s := parse(t, test.text, Options{Zone: time.UTC})
		first, _ := s.Next(from.Add(-1))
		if got := s.Count(first, first.Add(test.to), test.limit); got != test.want {
			t.Errorf("%s in %s, at most %d: %d, want %d", test.text, test.to, test.limit, got, test.want)
		}
	}
	until := parse(t, "1s", Options{Until: from.Add(10 * time.Second)})
	if got := until.Count(from, from.Add(time.Hour), 1000); got != 10 {
		t.Errorf("%d after the upper bound, want 10", got)
	}
}

func TestSpreadIsStableAndEven(t *testing.T) {
	const limit, parts = 10 * time.Minute, 10
	var counts [parts]int
	for i := range 10000 {
		seed := "host" + string(rune('a'+i%26)) + time.Duration(i).String()
		d := Spread(seed, limit)
		if d != Spread(seed, limit) || d < 0 || d >= limit {
			t.Fatalf("Spread(%q) = %s", seed, d)
		}
		counts[d*parts/limit]++
	}
	for _, n := range counts {
		if n < 800 || n > 1200 {
			t.Errorf("uneven: %v", counts)
			break
		}
	}
	if Spread("x", 0) != 0 {
		t.Error("no limit, but a spread")
	}
}

// ordinary is what one would write.
func ordinary() []string {
	return []string{"*/5 * * * *", "0 9 * * 1-5", "0 0 1 1 *", "0 0 29 2 *", "Mon..Fri 09:00", "*:*:0/0.5", "15m", "1d"}
}

func TestNextAllocatesNothing(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, text := range ordinary() {
		s := parse(t, text, Options{Zone: berlin})
		at := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin)
		if n := testing.AllocsPerRun(100, func() { at, _ = s.Next(at) }); n != 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	berlin, _ := LoadZone("Europe/Berlin")
	for _, text := range ordinary() {
		s := parse(b, text, Options{Zone: berlin})
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			at := time.Date(2026, 11, 23, 12, 0, 0, 0, berlin)
			for b.Loop() {
				s.Next(at)
			}
		})
	}
}
