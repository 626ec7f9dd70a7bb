package schedule

import "math/bits"

// fields is the rule of cron and of calendar events: the times whose every field is in its set. In
// a set of type uint64, bit n stands for the value n.
type fields struct {
	years   yearSet
	months  uint64
	days    daySet
	hours   uint64
	minutes uint64
	seconds secondSet
}

func (f *fields) next(c civil) (civil, bool) {
	c = max(c, 0)
	today := c / civilDay
	day, ok := f.day(today)
	if ok && day == today {
		if clock, ok := f.clock(c % civilDay); ok {
			return day*civilDay + clock, true
		}
		day, ok = f.day(today + 1)
	}
	clock, _ := f.clock(0)
	return day*civilDay + clock, ok
}

// day is the first matching day at or after from, a number of days since 1970.
func (f *fields) day(from civil) (civil, bool) {
	year, month, dayOfMonth := date(from)
	for ; year <= lastYear; year, month, dayOfMonth = year+1, 1, 1 {
		if !f.years.has(year) {
			continue
		}
		for ; month <= 12; month, dayOfMonth = month+1, 1 {
			if f.months>>month&1 == 0 {
				continue
			}
			if d := first(f.days.in(year, month), dayOfMonth); d <= 31 {
				return firstOf(year, month) + civil(d-1), true
			}
		}
	}
	return 0, false
}

// clock is the first matching time of day at or after c.
func (f *fields) clock(c civil) (civil, bool) {
	hour, minute := int(c/civilHour), int(c%civilHour/civilMinute)
	if f.hours>>hour&1 == 1 {
		if f.minutes>>minute&1 == 1 {
			if s, ok := f.seconds.next(c % civilMinute); ok {
				return civil(hour)*civilHour + civil(minute)*civilMinute + s, true
			}
		}
		if minute = first(f.minutes, minute+1); minute < 60 {
			s, _ := f.seconds.next(0)
			return civil(hour)*civilHour + civil(minute)*civilMinute + s, true
		}
	}
	hour = first(f.hours, hour+1)
	s, _ := f.seconds.next(0)
	return civil(hour)*civilHour + civil(first(f.minutes, 0))*civilMinute + s, hour < 24
}

// first is the first member of a set at or after n, or 64.
func first(set uint64, n int) int {
	return bits.TrailingZeros64(set &^ (1<<n - 1))
}

// members is the set of from, from+step, … up to to.
func members(from, to, step int) uint64 {
	var set uint64
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set
}

// A yearSet has a bit for each year from firstYear on.
type yearSet [(lastYear - firstYear + 64) / 64]uint64

func (s *yearSet) has(year int) bool {
	n := year - firstYear
	return s[n/64]>>(n%64)&1 == 1
}

func (s *yearSet) add(from, to, step int) {
	for n := from - firstYear; n <= to-firstYear; n += step {
		s[n/64] |= 1 << (n % 64)
	}
}

// A secondSet is a set of times within a minute: of whole seconds, or of progressions where there
// are fractions.
type secondSet struct {
	whole  uint64
	finely []progression
}

// A progression is first, first+step, … up to last.
type progression struct {
	first, last, step civil
}

func (s *secondSet) next(c civil) (civil, bool) {
	if s.finely == nil {
		n := first(s.whole, int((c+civilSecond-1)/civilSecond))
		return civil(n) * civilSecond, n < 60
	}
	best := civilMinute
	for _, p := range s.finely {
		n := p.first
		if c > n {
			n += (c - n + p.step - 1) / p.step * p.step
		}
		if n <= p.last {
			best = min(best, n)
		}
	}
	return best, best < civilMinute
}

// everyWeekday has the bits of all seven.
const everyWeekday = 1<<7 - 1

// A daySet says which days of a month match, by date and by weekday.
type daySet struct {
	dates    uint64   // bit d: the d-th
	fromEnd  uint64   // bit n: the n-th last
	nearest  uint64   // bit d: the workday nearest to the d-th; bit 0: the last workday
	weekdays uint64   // bit w: each such weekday, 0 Sunday
	nth      [7]uint8 // bit n of weekday w: the n-th such day; bit 0: the last
	either   bool     // a day matches if its date or its weekday does; else both have to
}

// in is the set of the matching days of a month.
func (s *daySet) in(year, month int) uint64 {
	length := daysIn(year, month)
	firstWeekday := (firstOf(year, month) * civilDay).weekday()
	dates := s.dates | bits.Reverse64(s.fromEnd)>>(62-length)
	if s.nearest != 0 {
		dates |= s.workdays(firstWeekday, length)
	}
	// Bit 0 of week is the weekday of the 1st; it is repeated five times and moved to bit 1.
	week := s.weekdays>>firstWeekday | s.weekdays<<(7-firstWeekday)&0x7f
	weekdays := week * (1 | 1<<7 | 1<<14 | 1<<21 | 1<<28) << 1
	for weekday, nth := range s.nth {
		if nth != 0 {
			weekdays |= nthDays(nth, 1+(weekday-firstWeekday+7)%7, length)
		}
	}
	all := uint64(1)<<(length+1) - 2
	if s.either {
		return (dates | weekdays) & all
	}
	return dates & weekdays & all
}

// workdays resolves s.nearest, never leaving the month.
func (s *daySet) workdays(firstWeekday, length int) uint64 {
	var set uint64
	for n := range length + 1 {
		if s.nearest>>n&1 == 0 {
			continue
		}
		day := n
		if n == 0 {
			day = length
		}
		switch weekday := (firstWeekday + day - 1) % 7; {
		case weekday == 6 && day == 1:
			day = 3
		case weekday == 6:
			day--
		case weekday == 0 && day == length:
			day -= 2
		case weekday == 0:
			day++
		}
		set |= 1 << day
	}
	return set
}

// nthDays takes those days out of first, first+7, … that nth names.
func nthDays(nth uint8, first, length int) uint64 {
	var set uint64
	for n, day := 1, first; day <= length; n, day = n+1, day+7 {
		if nth>>n&1 == 1 || nth&1 == 1 && day+7 > length {
			set |= 1 << day
		}
	}
	return set
}
