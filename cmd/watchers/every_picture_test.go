package watchers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/evshell/ev/schedule"
)

// TestPictures compares with the files in testdata: what a user would see.
func TestPictures(t *testing.T) {
	wide, narrow, plain := pictureSize{120, true}, pictureSize{60, true}, pictureSize{80, false}
	calendar := func(text, zone, after string, size pictureSize) string {
		return drawCalendar(parseSchedule(t, text, zone), parseTime(t, after, zone), size)
	}
	timeline := func(text, zone, after string, size pictureSize) string {
		return drawTimeline(parseSchedule(t, text, zone), parseTime(t, after, zone), size)
	}
	for name, got := range map[string]string{
		"calendar":                calendar("*/10 8-17 * * mon-fri", "Europe/Berlin", "2026-10-19 00:00", wide),
		"calendar_narrow":         calendar("0 9 * * mon", "UTC", "2026-10-19", pictureSize{34, true}),
		"calendar_gap":            calendar("30 * * * *", "Europe/Berlin", "2026-03-20 12:31", plain),
		"calendar_overlap":        calendar("30 * * * *", "Europe/Berlin", "2026-10-20", narrow),
		"calendar_midnight_skips": calendar("*-*-* *:00:00", "America/Santiago", "2026-09-01", plain),
		"timeline":                timeline("*/10 8-17 * * mon-fri", "Europe/Berlin", "2026-10-19 09:35", wide),
		"timeline_plain":          timeline("*/10 8-17 * * mon-fri", "Europe/Berlin", "2026-10-19 09:35", plain),
		"timeline_narrow":         timeline("1h", "UTC", "2026-10-19 09:35", pictureSize{30, true}),
		"timeline_overlap":        timeline("*/30 * * * *", "Europe/Berlin", "2026-10-24 22:00", narrow),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "every_"+name+".txt")
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
			}
			for line := range strings.Lines(got) {
				if strings.TrimRight(line, " \n") == "" || strings.HasSuffix(line, " \n") {
					t.Errorf("a line ends in blanks: %q", line)
				}
			}
			if size := len(got); strings.HasSuffix(name, "plain") && size != utf8.RuneCountInString(got) {
				t.Error("it is not ASCII")
			}
		})
	}
}

func parseSchedule(t *testing.T, text, zone string) *schedule.Spec {
	t.Helper()
	z, err := schedule.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schedule.Parse(text, schedule.Options{Zone: z})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parseTime(t *testing.T, text, zone string) time.Time {
	t.Helper()
	at, err := schedule.ParseTime(text+" "+zone, time.Time{}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestPicturesShowEachInstantOnce compares the pictures' counts with the schedule's own, over all
// zones' changes of clocks.
func TestPicturesShowEachInstantOnce(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "America/Santiago", "Asia/Kathmandu"} {
		s := parseSchedule(t, "*-*-* *:0/20:00", zone)
		start := parseTime(t, "2026-01-01 12:00", zone)
		shown := 0
		from := startOfDay(start)
		for i := range 366 {
			to := startOfDay(time.Date(2026, 1, 2+i, 12, 0, 0, 0, s.Zone()))
			for _, n := range hours(s, from, to, time.Time{}) {
				shown += n
			}
			from = to
		}
		if want := s.Count(startOfDay(start).Add(-1), from.Add(-1), 1<<20); shown != want {
			t.Errorf("%s: %d instants in a year's rows, want %d", zone, shown, want)
		}
	}
}

func TestShowsUTF8(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{}, false},
		{map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "de_DE.UTF-8"}, true},
		{map[string]string{"LANG": "de_DE.utf8"}, true},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, false},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.UTF-8"}, true},
	} {
		if got := showsUTF8(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%v: %t", tt.env, got)
		}
	}
}
