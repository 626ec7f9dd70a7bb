package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestParseZone(t *testing.T) {
	for rule, want := range map[string]string{
		"CET-1CEST,M3.5.0,M10.5.0/3": "2026-01-01 13:00 CET, 2026-07-01 14:00 CEST",
		"CET-1CEST":                  "2026-01-01 13:00 CET, 2026-07-01 14:00 CEST",
		"UTC0":                       "2026-01-01 12:00 UTC, 2026-07-01 12:00 UTC",
		"UTC+1":                      "2026-01-01 11:00 UTC, 2026-07-01 11:00 UTC",
		"<+0330>-3:30":               "2026-01-01 15:30 +0330, 2026-07-01 15:30 +0330",
		"Europe/Berln":               "",
		"nonsense":                   "",
		"":                           "",
		"UTC0\nX":                    "",
	} {
		z, err := ParseZone(rule)
		got := ""
		if err == nil {
			const layout = "2006-01-02 15:04 MST"
			got = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).In(z).Format(layout) + ", " +
				time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(z).Format(layout)
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", rule, got, err, want)
		}
	}
}

func FuzzParseZone(f *testing.F) {
	f.Add("CET-1CEST,M3.5.0,M10.5.0/3")
	f.Add("IST-1GMT-0,M10.5.0/1,M3.5.0/1")
	f.Add("<+0330>-3:30,J60/-2,365/+3")
	f.Fuzz(func(t *testing.T, rule string) {
		z, err := ParseZone(rule)
		if err != nil {
			return
		}
		if strings.Contains(rule, "\n") {
			t.Fatalf("%q is one line", rule)
		}
		s, err := Parse("30 2 * * *", Options{Zone: z})
		if err != nil {
			return
		}
		at := time.Unix(1795400000, 0)
		for range 300 {
			next, ok := s.Next(at)
			if !ok || !next.After(at) {
				t.Fatalf("in %q after %s: %s, %t", rule, at, next, ok)
			}
			at = next
		}
	})
}
