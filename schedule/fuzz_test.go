package schedule

import (
	"testing"
	"time"
)

func FuzzParse(f *testing.F) {
	for _, text := range append(ordinary(),
		"H/15 22-2 LW nov-feb 5L,mon#2", "0 0 0 15W,L-3 * ?", "CRON_TZ=Europe/Berlin @daily",
		"Mon..Wed,Sat 2026/2-*~7/2 *:0/10:30.5 UTC", "93..00-*-*", "@1795400000", "00:00:1.125..2.125", "2w", "PT1H30M") {
		f.Add(text, int64(1795400000))
	}
	lordHowe, err := LoadZone("Australia/Lord_Howe")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, sec int64) {
		o := Options{Zone: lordHowe, Gap: Gap(uint64(sec) % 2), Overlap: Overlap(uint64(sec) % 3)}
		s, err := Parse(text, o)
		if err != nil {
			return
		}
		again, err := Parse(s.String(), o)
		if err != nil {
			t.Fatalf("%q is %q, which is not read back: %v", text, s, err)
		}
		if again.String() != s.String() {
			t.Fatalf("%q is %q, which is %q", text, s, again)
		}
		cron, calendar := &Spec{zone: lordHowe}, &Spec{zone: lordHowe}
		if cron.parseCron(text, o) == nil && calendar.parseCalendar(text, o) == nil {
			t.Fatalf("%q is a cron line %q and a calendar event %q", text, cron, calendar)
		}
		at := time.Unix(sec, 0)
		for range 300 {
			next, ok := s.Next(at)
			same, sameOK := again.Next(at)
			if !next.Equal(same) || ok != sameOK {
				t.Fatalf("%q after %s: %s, but its normal form %q: %s", text, at, next, s, same)
			}
			if !ok {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q after %s: %s", text, at, next)
			}
			at = next
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"2026-12-24 18:00", "18:00 Asia/Tokyo", "@1.5", "2026-03-29 02:30", "now"} {
		f.Add(text)
	}
	berlin, err := LoadZone("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1795400000, 0)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTime(text, now, berlin)
		if err != nil {
			return
		}
		again, err := ParseTime(got.Format(time.RFC3339Nano), now, berlin)
		if err != nil || !again.Equal(got) {
			t.Errorf("%q is %s, which is read back as %s, %v", text, got, again, err)
		}
	})
}
