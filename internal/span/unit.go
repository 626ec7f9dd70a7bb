package span

import (
	"errors"
	"fmt"
	"time"
)

// unitOf knows the units of systemd.time(7) less those without a fixed length, and nanoseconds.
func unitOf(name string) (time.Duration, error) {
	switch name {
	case "", "s", "sec", "second", "seconds":
		return time.Second, nil
	case "m", "min", "minute", "minutes":
		return time.Minute, nil
	case "h", "hr", "hour", "hours":
		return time.Hour, nil
	case "d", "day", "days":
		return day, nil
	case "w", "week", "weeks":
		return week, nil
	case "ms", "msec", "millisecond", "milliseconds":
		return time.Millisecond, nil
	case "us", "µs", "μs", "usec", "microsecond", "microseconds": // µ is U+00B5, μ is U+03BC
		return time.Microsecond, nil
	case "ns", "nsec", "nanosecond", "nanoseconds":
		return time.Nanosecond, nil
	case "M", "mo", "mon", "month", "months":
		return 0, noFixedLength("month")
	case "y", "yr", "year", "years":
		return 0, noFixedLength("year")
	case "S", "H", "D", "W", "MS":
		return 0, fmt.Errorf("units are written in lower case: s m h d w, not %s", name)
	}
	return 0, fmt.Errorf("unknown unit %q; known are ns us ms s m h d w", name)
}

func noFixedLength(unit string) error {
	if unit == "month" {
		return errors.New("a month has no fixed length; m is a minute, and 'ev every monthly' follows the calendar")
	}
	return errors.New("a year has no fixed length; give days, or let 'ev every yearly' follow the calendar")
}
