package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(tb testing.TB, text string, o Options) *Spec {
	tb.Helper()
	s, err := Parse(text, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// between lists the instants of s in (from, to], as the clocks of its zone show them.
func between(s *Spec, from, to time.Time) []string {
	var list []string
	for {
		next, ok := s.Next(from)
		if !ok || next.After(to) {
			return list
		}
		list = append(list, next.Format("02 15:04 -07"))
		from = next
	}
}

func TestFixedTimeInGapComesOnceAtItsEnd(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	from, to := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 3, 30, 12, 0, 0, 0, berlin)
	for _, text := range []string{"30 2 * * *", "0-59 2 * * *", "02:30", "*-*-* 02:00..59", "CRON_TZ=Europe/Berlin 30 2 * * *"} {
		s := parse(t, text, Options{Zone: berlin})
		list := between(s, from, to)
		if list[0] != "29 03:00 +02" || !strings.HasPrefix(list[1], "30 02:") {
			t.Errorf("%q: %v", text, list)
		}
		skipping := parse(t, text, Options{Zone: berlin, Gap: GapSkip})
		if list := between(skipping, from, to); !strings.HasPrefix(list[0], "30 02:") {
			t.Errorf("%q with GapSkip: %v", text, list)
		}
	}
}

func TestFixedTimeInOverlapComesOnce(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	from, to := time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), time.Date(2026, 10, 25, 12, 0, 0, 0, berlin)
	for overlap, want := range map[Overlap]string{
		OverlapFirst: "[25 02:30 +02 25 03:00 +01]",
		OverlapLast:  "[25 02:30 +01 25 03:00 +01]",
		OverlapBoth:  "[25 02:30 +02 25 02:30 +01 25 03:00 +01]",
	} {
		for _, text := range []string{"30 2 * * *", "02:30"} {
			three := parse(t, strings.ReplaceAll(strings.ReplaceAll(text, "30", "0"), "2", "3"), Options{Zone: berlin})
			list := append(between(parse(t, text, Options{Zone: berlin, Overlap: overlap}), from, to), between(three, from, to)...)
			if fmt.Sprint(list) != want {
				t.Errorf("%q, overlap %d: %v, want %s", text, overlap, list, want)
			}
		}
	}
}

func TestWildcardFollowsElapsedTime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, text := range []string{"*/10 * * * *", "0/10 * * * *", "*:0/10", "*:00,10,20,30,40,50", "10m"} {
		s := parse(t, text, Options{Zone: berlin})
		for _, at := range []time.Time{time.Date(2026, 3, 28, 23, 0, 0, 0, berlin), time.Date(2026, 10, 24, 23, 0, 0, 0, berlin)} {
			for range 60 {
				next, ok := s.Next(at)
				if !ok || next.Sub(at) != 10*time.Minute {
					t.Fatalf("%q after %s: %s", text, at, next)
				}
				at = next
			}
		}
	}
}

func TestJumpOfMoreThanThreeHoursIsMissed(t *testing.T) {
	for _, test := range []struct {
		name, zone string // each has a gap in the night before 31 December
		want       []string
	}{
		{"three hours", "STD0DST-3,363/0,60/3", []string{"30 03:00 +03", "31 01:00 +03"}},
		{"a minute more", "STD0DST-3:01,363/0,60/3", []string{"31 01:00 +03"}},
		{"four hours", "STD0DST-4,363/0,60/3", []string{"31 01:00 +04"}},
	} {
		z, err := ParseZone(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		s := parse(t, "0 1 * * *", Options{Zone: z})
		list := between(s, time.Date(2011, 12, 29, 12, 0, 0, 0, z), time.Date(2011, 12, 31, 12, 0, 0, 0, z))
		if !slices.Equal(list, test.want) {
			t.Errorf("%s: %v, want %v", test.name, list, test.want)
		}
	}
	apia := zone(t, "Pacific/Apia") // had no 2011-12-30
	s := parse(t, "0 3 * * *", Options{Zone: apia})
	list := between(s, time.Date(2011, 12, 29, 1, 0, 0, 0, apia), time.Date(2011, 12, 31, 12, 0, 0, 0, apia))
	if want := []string{"29 03:00 -10", "31 03:00 +14"}; !slices.Equal(list, want) {
		t.Errorf("%v, want %v", list, want)
	}
}

func TestWhyNamesGapAndOverlap(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	spring, autumn := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 10, 24, 12, 0, 0, 0, berlin)
	for _, test := range []struct {
		text, want string
		after      time.Time
	}{
		{"30 2 * * *", "02:30 does not exist on 2026-03-29, clocks go from 02:00 to 03:00: once, at the end of the gap", spring},
		{"0 2,3 * * *", "02:00 does not exist on 2026-03-29, clocks go from 02:00 to 03:00: once, at the end of the gap", spring},
		{"30 2 * * *", "02:30 comes twice on 2026-10-25, clocks go from 03:00 to 02:00: the first pass", autumn},
		{"30 3 * * *", "", spring},
		{"30 3 * * *", "", autumn},
		{"15m", "", autumn},
	} {
		s := parse(t, test.text, Options{Zone: berlin})
		next, _ := s.Next(test.after)
		if got := s.Why(next); got != test.want {
			t.Errorf("%q at %s: %q, want %q", test.text, next, got, test.want)
		}
	}
	s := parse(t, "30 2 * * *", Options{Zone: berlin, Overlap: OverlapLast})
	next, _ := s.Next(autumn)
	if got := s.Why(next); !strings.HasSuffix(got, "the second pass") {
		t.Errorf("%s: %q", next, got)
	}
}

// model lists the instants of z after from, up to to, without any cleverness, for rules of whole
// minutes: it looks at every minute, and at every change of the clocks.
func model(z *civilTimes, from, to int64) []int64 {
	const minute = int64(time.Minute)
	matches := func(c civil) bool {
		next, ok := z.rule.next(c)
		return ok && next == c
	}
	shown := func(t int64) civil { return civilOf(time.Unix(0, t).In(z.zone)) }
	alsoShown := func(c civil, at, step int64) bool { // within three hours before or after
		for n := range int64(3 * 60) {
			if shown(at+(n+1)*step) == c {
				return true
			}
		}
		return false
	}
	var list []int64
	for at := (from/minute + 1) * minute; at <= to; at += minute {
		c := shown(at)
		comes := matches(c)
		switch {
		case !comes || z.ticks:
		case z.overlap == OverlapFirst:
			comes = !alsoShown(c, at, -minute)
		case z.overlap == OverlapLast:
			comes = !alsoShown(c, at, minute)
		}
		gap := c - shown(at-minute) - civilMinute
		if !z.ticks && z.gap == GapAfter && gap <= civil(lateAtMost) {
			for missing := c - gap; missing < c; missing += civilMinute {
				comes = comes || matches(missing)
			}
		}
		if comes {
			list = append(list, at)
		}
	}
	return list
}

func TestNextAgreesWithModel(t *testing.T) {
	texts := []string{
		"30 2 * * *", "*/20 2 * * *", "0 */2 * * *", "7 0-3 * * *", "0,30 1,2,3 * * *", "30 * * * sun", "45 23 * * *",
		"00:15", "*:17", "1..3:0/25", "Sun 02:30", "1d",
	}
	for _, change := range []struct {
		zone string
		day  time.Time
	}{
		{"Europe/Berlin", time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2026, 4, 4, 0, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)},
		{"America/Sao_Paulo", time.Date(2018, 11, 3, 12, 0, 0, 0, time.UTC)},
		{"America/Sao_Paulo", time.Date(2018, 2, 17, 12, 0, 0, 0, time.UTC)},
		{"Antarctica/Troll", time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)},
		{"Antarctica/Troll", time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC)},
		{"Pacific/Apia", time.Date(2011, 12, 29, 0, 0, 0, 0, time.UTC)},
		{"UTC", time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)},
	} {
		for i, text := range texts {
			o := Options{Zone: zone(t, change.zone), Gap: Gap(i % 2), Overlap: Overlap(i % 3)}
			z := parse(t, text, o).civil
			start := change.day.UnixNano()
			list := model(z, start, start+3*int64(civilDay))
			for at := start; at < start+2*int64(civilDay); at += 17 * int64(time.Minute) {
				n, _ := slices.BinarySearch(list, at+1)
				if n == len(list) {
					break
				}
				if got, _ := z.next(at); got != list[n] {
					in := func(t int64) string { return time.Unix(0, t).In(z.zone).Format(time.RFC3339) }
					t.Fatalf("%q gap %d overlap %d after %s: %s, the model says %s", text, o.Gap, o.Overlap, in(at), in(got), in(list[n]))
				}
			}
		}
	}
}

func TestLastDayOfLeapYear(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for text, want := range map[string]string{
		"0 0 1 1 *":    "2041-01-01T00:00:00+01:00",
		"0 0 31 12 *":  "2041-12-31T00:00:00+01:00",
		"0 12 31 12 *": "2040-12-31T12:00:00+01:00",
		"* * * * *":    "2040-12-31T10:01:00+01:00",
	} {
		next, _ := parse(t, text, Options{Zone: berlin}).Next(time.Date(2040, 12, 31, 10, 0, 0, 0, berlin))
		if got := next.Format(time.RFC3339); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A countingRule counts how often it is asked.
type countingRule struct {
	rule
	asked int
}

func (r *countingRule) next(c civil) (civil, bool) {
	r.asked++
	return r.rule.next(c)
}

func TestSearchIsBounded(t *testing.T) {
	s := &Spec{zone: time.UTC}
	if err := s.parseCalendar("Sun *-3~1..7 02:30 Europe/Berlin", Options{Gap: GapSkip}); err != nil {
		t.Fatal(err)
	}
	counting := &countingRule{rule: s.civil.rule}
	s.civil.rule = counting
	if next, ok := s.Next(time.Date(1996, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Errorf("%s is no gap", next)
	}
	if most := 4 * (lastYear + 1 - 1996); counting.asked > most {
		t.Errorf("asked %d times, want at most %d: twice in each of two segments a year", counting.asked, most)
	}
}
