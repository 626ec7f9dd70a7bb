package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// days2026 lists the first n days on which s fires after the start of 2026, in UTC.
func days2026(t *testing.T, text string, n int) string {
	t.Helper()
	s := parse(t, text, Options{Zone: time.UTC})
	at := time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC)
	var days []string
	for range n {
		next, ok := s.Next(at)
		if !ok {
			break
		}
		days = append(days, next.Format("Jan2"))
		at = next
	}
	return strings.Join(days, " ")
}

func TestCronDayForms(t *testing.T) {
	for text, want := range map[string]string{
		"0 0 L * *":       "Jan31 Feb28 Mar31 Apr30",
		"0 0 L-2 * *":     "Jan29 Feb26 Mar29 Apr28",
		"0 0 LW * *":      "Jan30 Feb27 Mar31 Apr30",
		"0 0 1W * *":      "Jan1 Feb2 Mar2 Apr1", // Sunday 1 February and 1 March
		"0 0 31W * *":     "Jan30 Mar31 May29 Jul31",
		"0 0 15,L * *":    "Jan15 Jan31 Feb15 Feb28",
		"0 0 * * 5L":      "Jan30 Feb27 Mar27 Apr24",
		"0 0 * * mon#1":   "Jan5 Feb2 Mar2 Apr6",
		"0 0 * * 7#5":     "Mar29 May31 Aug30 Nov29",
		"0 0 * * fri-mon": "Jan2 Jan3 Jan4 Jan5 Jan9",
		"0 0 * * 5-7":     "Jan2 Jan3 Jan4 Jan9",
		"0 0 * * 7":       "Jan4 Jan11",
		"0 0 28-3 * *":    "Jan1 Jan2 Jan3 Jan28",
		"0 0 1 nov-feb *": "Jan1 Feb1 Nov1 Dec1",
		"0 0 1,15 * sun":  "Jan1 Jan4 Jan11 Jan15", // either
		"0 0 */15 * sun":  "Feb1 Mar1 May31 Aug16", // both, since one begins with *
		"0 0 ? * thu":     "Jan1 Jan8 Jan15",
	} {
		if got := days2026(t, text, strings.Count(want, " ")+1); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestCronRangeGoesRound(t *testing.T) {
	s := parse(t, "0 22-2/2 * * *", Options{Zone: time.UTC})
	list := between(s, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	if want := "[01 22:00 +00 02 00:00 +00 02 02:00 +00]"; fmt.Sprint(list) != want {
		t.Errorf("%v, want %s", list, want)
	}
}

func TestCronHashIsStablePerName(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		text := parse(t, "H H(0-7) H * *", Options{Name: name}).String()
		if again := parse(t, "H H(0-7) H * *", Options{Name: name}).String(); again != text {
			t.Errorf("%s: %q, then %q", name, text, again)
		}
		seen[text] = true
	}
	if len(seen) < 5 {
		t.Errorf("six names share %d schedules: %v", len(seen), seen)
	}
	quarter := parse(t, "H/15 * * * *", Options{Name: "a", Zone: time.UTC})
	if n := quarter.Count(time.Unix(0, 0), time.Unix(86400, 0), 1000); n != 96 {
		t.Errorf("%q fires %d times a day, want 96", quarter, n)
	}
}

func TestCronNormalForm(t *testing.T) {
	for text, want := range map[string]string{
		"@daily":                          "0 0 * * *",
		"05  09 ? JAN-mar Mon,7":          "5 9 * 1-3 1,0",
		"*/15 */1 5-5 * 5-7":              "*/15 */1 5 * 5-7",
		"5/15 0-0/3 lw,l,15w * 1l,SUN#02": "",
		"5/15 0-0/3 lw,l,15w * 1l,SUN#2":  "5/15 0-0/3 LW,L,15W * 1L,0#2",
		"TZ=UTC 0 0 1 1 *":                "CRON_TZ=UTC 0 0 1 1 *",
		"0 H(3-3) * * *":                  "0 3 * * *",
	} {
		s, err := Parse(text, Options{})
		if got := fmt.Sprint(s); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestCronZonePrefixHasPrecedence(t *testing.T) {
	s := parse(t, "CRON_TZ=Asia/Kathmandu 0 12 * * *", Options{Zone: time.UTC})
	next, _ := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if want := "2026-01-01T12:00:00+05:45"; next.Format(time.RFC3339) != want || s.Zone().String() != "Asia/Kathmandu" {
		t.Errorf("%s in %s, want %s", next, s.Zone(), want)
	}
}

func TestNotesTellWhatOneMightNotExpect(t *testing.T) {
	for text, want := range map[string]string{
		"0 0 13 * fri":     "one of them is enough",
		"0 0 */2 * fri":    "both have to match",
		"0 0 12 * * *":     "first is seconds",
		"@weekly":          "Sunday 00:00",
		"*/60 * * * *":     "a step of 60 leaves only the first value",
		"7m":               "other times every day",
		"6h":               "whatever the zone",
		"2w":               "weeks start on Monday",
		"3d":               "counted from 1970-01-01",
		"1d":               "",
		"Mon..Fri 09:00":   "",
		"30 9 * * mon-fri": "",
	} {
		notes := parse(t, text, Options{}).Notes()
		if got := strings.Join(notes, "; "); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNoteThatDaylightSavingRulesDoNotMatter(t *testing.T) {
	for text, want := range map[string]bool{"*/10 * * * *": true, "15m": true, "30 2 * * *": false, "1d": false} {
		notes := parse(t, text, Options{Gap: GapSkip}).Notes()
		if got := strings.Contains(strings.Join(notes, "; "), "follows elapsed time"); got != want {
			t.Errorf("%q: %q", text, notes)
		}
	}
}

func TestNoTextIsBothCronAndCalendar(t *testing.T) {
	for _, file := range []string{"cron.tsv", "oncalendar.tsv"} {
		for _, row := range rows(t, file) {
			cron, calendar := &Spec{zone: time.UTC}, &Spec{zone: time.UTC}
			if strings.TrimSpace(row[0]) == "" {
				continue
			}
			if cron.parseCron(row[0], Options{}) == nil && calendar.parseCalendar(row[0], Options{}) == nil {
				t.Errorf("%q is cron %q and calendar %q", row[0], cron, calendar)
			}
			if s, err := Parse(row[0], Options{}); err == nil && cron.civil != nil && calendar.civil == nil && s.Kind() != Cron {
				t.Errorf("%q was read as %s", row[0], s.Kind())
			}
		}
	}
}

func TestKindIsFoundOut(t *testing.T) {
	for text, want := range map[string]Kind{
		"5": Interval, "1h 30min": Interval, "PT1H": Interval, "1d": Interval,
		"@hourly": Cron, "* * * * *": Cron, "0 9 * * mon-fri": Cron, "TZ=UTC @daily": Cron,
		"hourly": Calendar, "09:00": Calendar, "Mon": Calendar, "@1795400000": Calendar, "*-*~1": Calendar, "1-1": Calendar,
	} {
		if s := parse(t, text, Options{}); s.Kind() != want {
			t.Errorf("%q was read as %s, want %s", text, s.Kind(), want)
		}
	}
	if k := At(time.Unix(0, 0)).Kind(); k != Instant || k.String() != "instant" {
		t.Errorf("At is %s", k)
	}
}
