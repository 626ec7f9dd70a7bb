package schedule

import "time"

// A civil is what the calendar and the clock on the wall show: nanoseconds since 1970-01-01 00:00,
// all days having 24 hours. It knows no zone.
type civil int64

const (
	firstYear = 1970
	lastYear  = 2199 // as in systemd.time(7)

	civilSecond = civil(time.Second)
	civilMinute = civil(time.Minute)
	civilHour   = civil(time.Hour)
	civilDay    = 24 * civilHour
	civilEnd    = 84006 * civilDay // the end of lastYear
)

// A rule is a set of civil times, as one wrote it down.
type rule interface {
	// next is the first of them at or after c and before civilEnd.
	next(c civil) (civil, bool)
}

// exactly is the rule of a single civil time.
type exactly civil

func (e exactly) next(c civil) (civil, bool) { return civil(e), c <= civil(e) }

// dayGrid is the rule of every so many days, counted from origin in both directions.
type dayGrid struct {
	origin, step civil
}

func (g dayGrid) next(c civil) (civil, bool) {
	c = max(c, 0)
	past := (c - g.origin) % g.step
	if past > 0 {
		past -= g.step
	}
	c -= past
	return c, c < civilEnd
}

// weekday is 0 on Sundays.
func (c civil) weekday() int { return int((c/civilDay + 4) % 7) }

func (c civil) format(layout string) string { return time.Unix(0, int64(c)).UTC().Format(layout) }

// civilOf is what the clock shows at t, in the zone of t.
func civilOf(t time.Time) civil {
	_, offset := t.Zone()
	return civil(t.UnixNano()) + civil(offset)*civilSecond
}

// date is the Gregorian calendar from day 0, 1970-01-01, on: years begin in March, so that the leap
// day comes last.
func date(day civil) (year, month, dayOfMonth int) {
	const era = 146097 // days in 400 years
	n := int(day) + 719468
	ofEra := n % era
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/(era-1)) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*ofYear + 2) / 153
	year = yearOfEra + n/era*400
	month = m + 3
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, ofYear - (153*m+2)/5 + 1
}

// firstOf is the number of the first day of a month.
func firstOf(year, month int) civil {
	if month <= 2 {
		year--
		month += 12
	}
	return civil(year*365 + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 - 719468)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
