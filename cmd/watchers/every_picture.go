package watchers

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evshell/ev/schedule"
)

// pictureSize says what the terminal can show.
type pictureSize struct {
	width int
	utf8  bool
}

// showsUTF8 reports whether the locale's characters are UTF-8 (locale(7)).
func showsUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}

// shades are for no instant, one, two or three, up to eleven, and more.
func (size pictureSize) shades() [5]string {
	if size.utf8 {
		return [5]string{"·", "░", "▒", "▓", "█"}
	}
	return [5]string{".", "-", "+", "*", "#"}
}

const manyInstants = 12

func (size pictureSize) shade(count int) string {
	level := 4
	switch {
	case count == 0:
		level = 0
	case count == 1:
		level = 1
	case count < 4:
		level = 2
	case count < manyInstants:
		level = 3
	}
	return size.shades()[level]
}

func (size pictureSize) legend() string {
	s := size.shades()
	return fmt.Sprintf("%s none  %s 1  %s 2-3  %s 4-11  %s 12 and more\n", s[0], s[1], s[2], s[3], s[4])
}

// calendarDays are four weeks.
const calendarDays = 28

// drawCalendar draws the days from the one of after on: a row for each, a column for each hour that
// the clocks show. An hour that they show twice is one column, one that they skip stays empty.
func drawCalendar(s *schedule.Spec, after time.Time, size pictureSize) string {
	label, cell := "Mon 2006-01-02  ", 1
	switch {
	case size.width > len(label)+2*24:
		cell = 2
	case size.width < len(label)+24:
		label = "Mon 02  "
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", len(label)))
	for hour := 0; hour < 24; hour += 3 {
		fmt.Fprintf(&b, "%-*s", 3*cell, fmt.Sprintf("%02d", hour))
	}
	trimRight(&b)
	year, month, day := after.In(s.Zone()).Date()
	noon := func(i int) time.Time { return time.Date(year, month, day+i, 12, 0, 0, 0, s.Zone()) }
	for i := range calendarDays {
		from, to := startOfDay(noon(i)), startOfDay(noon(i+1))
		b.WriteString(from.Format(label))
		for _, n := range hours(s, from, to, after) {
			b.WriteString(strings.Repeat(size.shade(n), cell))
		}
		if length := to.Sub(from); length != 24*time.Hour {
			fmt.Fprintf(&b, "  %gh", length.Hours())
		}
		b.WriteByte('\n')
	}
	legend := size.legend()
	if indent := len(label); indent+utf8.RuneCountInString(legend) <= size.width {
		b.WriteString(strings.Repeat(" ", indent))
	}
	return b.String() + legend
}

// quarter is what all changes of clocks are multiples of.
const quarter = 15 * time.Minute

// startOfDay is midnight, or the first time after it that the clocks show.
func startOfDay(noon time.Time) time.Time {
	t := noon
	for t.Add(-quarter).Day() == noon.Day() {
		t = t.Add(-quarter)
	}
	return t
}

// hours counts the instants from one time to another that are after a third, by the hour that the
// clocks show.
func hours(s *schedule.Spec, from, to, after time.Time) (counts [24]int) {
	for t := from; t.Before(to); t = t.Add(quarter) {
		counts[t.Hour()] += count(s, t, t.Add(quarter), after)
	}
	return counts
}

// count counts the instants from one time to just before another that are after a third.
func count(s *schedule.Spec, from, to, after time.Time) int {
	if from = from.Add(-1); from.Before(after) {
		from = after
	}
	return s.Count(from, to.Add(-1), manyInstants)
}

// drawTimeline draws 24 hours from the one of after on, each in as many parts as there is room for.
func drawTimeline(s *schedule.Spec, after time.Time, size pictureSize) string {
	parts := min(max((size.width-1)/24, 1), 4)
	step := time.Hour / time.Duration(parts)
	after = after.In(s.Zone())
	_, minute, second := after.Clock()
	past := time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(after.Nanosecond())
	var scale, marks, strip strings.Builder
	for hour := range 24 {
		t := after.Add(-past).Add(time.Duration(hour) * time.Hour)
		if hour%3 == 0 {
			fmt.Fprintf(&scale, "%-*s", 3*parts, t.Format("15:04")[:min(5, 3*parts-1)])
			fmt.Fprintf(&marks, "%-*s", 3*parts, "|")
		}
		for range parts {
			strip.WriteString(size.shade(count(s, t, t.Add(step), after)))
			t = t.Add(step)
		}
	}
	trimRight(&scale)
	trimRight(&marks)
	return scale.String() + marks.String() + strip.String() + "\n" + size.legend()
}

// trimRight ends a line without spaces.
func trimRight(b *strings.Builder) {
	line := strings.TrimRight(b.String(), " ") + "\n"
	b.Reset()
	b.WriteString(line)
}
