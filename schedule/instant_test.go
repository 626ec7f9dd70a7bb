package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	now := time.Date(2026, 11, 23, 8, 30, 15, 0, time.UTC)
	for text, want := range map[string]string{
		"now":                            "2026-11-23T09:30:15+01:00",
		"18:00":                          "2026-11-23T18:00:00+01:00",
		"18:00:30.5":                     "2026-11-23T18:00:30.5+01:00",
		"18:00 Asia/Tokyo":               "2026-11-23T18:00:00+09:00",
		"today 06:00":                    "2026-11-23T06:00:00+01:00",
		"tomorrow":                       "2026-11-24T00:00:00+01:00",
		"Tomorrow 09:00":                 "2026-11-24T09:00:00+01:00",
		"tomorrow 09:00:30 Asia/Tokyo":   "2026-11-24T09:00:30+09:00",
		"fri 18:00":                      "2026-11-27T18:00:00+01:00",
		"Sunday":                         "2026-11-29T00:00:00+01:00",
		"mon 18:00":                      "2026-11-23T18:00:00+01:00", // it is Monday
		"mon 09:30":                      "2026-11-30T09:30:00+01:00", // and later than that
		"2026-12-24":                     "2026-12-24T00:00:00+01:00",
		"2026-12-24 18:00":               "2026-12-24T18:00:00+01:00",
		"2026-07-24T18:00:05":            "2026-07-24T18:00:05+02:00",
		"2026-12-24 18:00 UTC":           "2026-12-24T18:00:00Z",
		"2026-12-24 18:00 utc":           "2026-12-24T18:00:00Z",
		"2026-12-24 18:00 Asia/Tokyo":    "2026-12-24T18:00:00+09:00",
		"2026-12-24T18:00:00Z":           "2026-12-24T19:00:00+01:00",
		"2026-12-24T18:00:00.25-05:00":   "2026-12-25T00:00:00.25+01:00",
		"2026-12-24 18:00+00:00":         "2026-12-24T19:00:00+01:00",
		"@1795400000":                    "2026-11-23T03:13:20+01:00",
		"@1795400000.5":                  "2026-11-23T03:13:20.5+01:00",
		"2026-03-29 02:30":               "2026-03-29T03:00:00+02:00", // in the gap
		"2026-10-25 02:30":               "2026-10-25T02:30:00+02:00", // the first of two
		"2026-10-25 02:30 Europe/Berlin": "2026-10-25T02:30:00+02:00",
	} {
		got, err := ParseTime(text, now, berlin)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %s, %v, want %s", text, got.Format(time.RFC3339Nano), err, want)
		}
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                         "not a time",
		"yesterday":                "not a time",
		"tomorrow 25:00":           "not a time",
		"friday18:00":              "not a time",
		"fri sat":                  "not a time",
		"2026-02-30":               "no such day",
		"25:00":                    "no such day or time",
		"1901-01-01":               "years from 1970",
		"@x":                       "seconds since 1970",
		"@-5":                      "seconds since 1970",
		"18:00 Europe/Berln":       "did you mean Europe/Berlin?",
		"2011-12-30 12:00":         "more than three hours",
		"2026-12-24T18:00:00Z UTC": "not a time",
		strings.Repeat("1", 1<<20): "too long",
	} {
		if got, err := ParseTime(text, time.Unix(0, 0), zone(t, "Pacific/Apia")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %s, %.200v, want %q", text, got, err, says)
		}
	}
}

func TestZonesCanAllBeLoaded(t *testing.T) {
	zones := Zones()
	if len(zones) < 400 {
		t.Errorf("%d zones", len(zones))
	}
	for _, name := range zones {
		zone(t, name)
	}
}

func TestUnknownZoneIsAnsweredWithTheNearest(t *testing.T) {
	for name, want := range map[string]string{
		"Europe/Berln":     "Europe/Berlin",
		"berlin":           "Europe/Berlin",
		"America/new york": "America/New_York",
		"tokio":            "Asia/Tokyo",
		"utcc":             "UTC",
	} {
		if _, err := LoadZone(name); err == nil || !strings.HasSuffix(err.Error(), "did you mean "+want+"?") {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	for _, name := range []string{"", "Mars/Olympus_Mons", "../etc/passwd", strings.Repeat("x", 1<<20)} {
		if z, err := LoadZone(name); err == nil || strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%.40q: %v, %.100v", name, z, err)
		}
	}
}
