package schedule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads one instant: RFC 3339, 2026-12-24 18:00[:00[.5]] (with a space or T), 2026-12-24
// (its midnight), 18:00 (on the day of now), tomorrow 09:00, fri 18:00 (the next one), "now", and
// @SECONDS since the epoch. A zone may follow after a space; else a civil time is in zone. One that
// clocks skip is the end of the gap, one that they show twice is the first. The error is an
// [*Error].
func ParseTime(text string, now time.Time, zone *time.Location) (time.Time, error) {
	return trimmed(text, func(text string) (time.Time, error) {
		t, _, err := parseInstant(text, now, zone)
		return t, err
	})
}

// ParseAt is [ParseTime] for a schedule of that one instant, which knows what is odd about it.
func ParseAt(text string, now time.Time, zone *time.Location) (*Spec, error) {
	return trimmed(text, func(text string) (*Spec, error) {
		t, civil, err := parseInstant(text, now, zone)
		if err != nil {
			return nil, err
		}
		s := At(t)
		s.civil = civil
		return s, nil
	})
}

// parseInstant also returns the times of the clock that were written, if some were.
func parseInstant(text string, now time.Time, zone *time.Location) (at time.Time, written *civilTimes, err error) {
	if len(text) > maxText {
		return at, nil, &Error{Text: text, Msg: "it is too long for a time", Hint: timeHint}
	}
	body, suffix := cutZone(text)
	if suffix != "" {
		if zone, err = LoadZone(suffix); err != nil {
			return at, nil, &Error{Text: text, Pos: len(text) - len(suffix), Msg: err.Error()}
		}
	}
	if body == "now" {
		return now.In(zone), nil, nil
	}
	if seconds, ok := strings.CutPrefix(body, "@"); ok {
		if t, ok := sinceEpoch(seconds); ok {
			return t.In(zone), nil, nil
		}
		return at, nil, &Error{Text: text, Pos: 1, Msg: "@ needs the seconds since 1970", Hint: "write @1795400000 or @1795400000.5"}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00"} {
		if t, err := time.Parse(layout, body); err == nil && suffix == "" {
			return t.In(zone), nil, nil
		}
	}
	c, err := parseCivil(text, body, civilOf(now.In(zone)))
	if err != nil {
		return at, nil, err
	}
	once := &civilTimes{rule: exactly(c), zone: zone}
	t, ok := once.next(math.MinInt64)
	if !ok {
		return at, nil, &Error{Text: text, Msg: "the clocks of " + zone.String() + " skip it with more than three hours", Hint: "take another time"}
	}
	return time.Unix(0, t).In(zone), once, nil
}

const timeHint = "write 2026-12-24 18:00, 18:00, tomorrow 09:00, fri 18:00, 2026-12-24, @1795400000 or now"

// parseCivil reads a date, a time or both.
func parseCivil(text, body string, now civil) (civil, error) {
	if c, ok := parseDay(body, now); ok {
		return c, nil
	}
	malformed := true
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02", "15:04:05", "15:04"} {
		t, err := time.Parse(layout, body)
		if err != nil {
			malformed = malformed && !strings.HasSuffix(err.Error(), "out of range")
			continue
		}
		if strings.HasPrefix(layout, "15") {
			clock := t.Sub(t.Truncate(24 * time.Hour))
			return now - now%civilDay + civil(clock), nil
		}
		if t.Year() < firstYear || t.Year() > lastYear {
			return 0, &Error{Text: text, Msg: fmt.Sprintf("years from %d to %d are known", firstYear, lastYear), Hint: timeHint}
		}
		return civil(t.UnixNano()), nil
	}
	pos := 0
	if i := strings.IndexAny(body, " T"); i > 0 {
		if _, err := time.Parse(time.DateOnly, body[:i]); err == nil {
			pos = i + 1 // the date is right
		}
	}
	if malformed {
		return 0, &Error{Text: text, Pos: pos, Msg: "it is not a time", Hint: timeHint}
	}
	return 0, &Error{Text: text, Pos: pos, Msg: "there is no such day or time of day", Hint: timeHint}
}

// parseDay reads today, tomorrow or a weekday, with a time or at its midnight. A weekday is the
// next one: a day on which the time has passed is a week later.
func parseDay(body string, now civil) (civil, bool) {
	word, clock, timed := strings.Cut(body, " ")
	midnight := now - now%civilDay
	var at time.Duration
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, strings.TrimSpace(clock)); timed && err == nil {
			at, timed = t.Sub(t.Truncate(24*time.Hour)), false
		}
	}
	if timed {
		return 0, false // something else follows
	}
	switch strings.ToLower(word) {
	case "today":
		return midnight + civil(at), true
	case "tomorrow":
		return midnight + civilDay + civil(at), true
	}
	weekday, length := weekdayAt(word)
	if weekday < 0 || length != len(word) {
		return 0, false
	}
	c := midnight + civil((weekday+1-now.weekday()+7)%7)*civilDay + civil(at)
	if c <= now {
		c += 7 * civilDay
	}
	return c, true
}

// sinceEpoch reads seconds with up to nine decimal places.
func sinceEpoch(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < 0 || len(fraction) > 9 {
		return time.Time{}, false
	}
	nsec, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 64)
	t := time.Unix(sec, int64(nsec))
	return t, err == nil && t.Year() <= lastYear
}
