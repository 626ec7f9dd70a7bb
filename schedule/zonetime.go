package schedule

import "time"

// Gap says what becomes of a fixed time that a day lacks, since the clocks are put forward over it.
type Gap uint8

const (
	GapAfter Gap = iota // it comes once, at the end of the gap, unless the gap is longer than three hours
	GapSkip             // it does not come
)

// Overlap says when a fixed time comes that a day has twice, since the clocks are put back over it.
type Overlap uint8

const (
	OverlapFirst Overlap = iota // at the first pass
	OverlapLast                 // at the second pass
	OverlapBoth                 // at both
)

// lateAtMost is how long a gap may be for what it swallowed to be made up for: cron(8) takes a
// longer one for a correction of the clock.
const lateAtMost = 3 * int64(time.Hour)

// reach is longer than the clocks of any zone have been away from UTC.
const reach = 24 * int64(time.Hour)

// civilTimes places a rule on the time axis of a zone. Its instants are nanoseconds since the
// epoch.
type civilTimes struct {
	rule    rule
	zone    *time.Location
	ticks   bool // follows elapsed time: all instants at which the clock shows a time of the rule, and no others
	gap     Gap
	overlap Overlap
}

// A segment is a stretch of time over which a zone's offset from UTC stays the same.
type segment struct {
	start, end, offset int64
}

func (z *civilTimes) segment(t int64) segment {
	at := time.Unix(0, t).In(z.zone)
	_, offset := at.Zone()
	s := segment{start: -int64(civilEnd), end: int64(civilEnd) + 2*reach, offset: int64(offset) * int64(time.Second)}
	start, end := at.ZoneBounds()
	if !start.IsZero() {
		s.start = max(s.start, start.UnixNano())
	}
	if !end.IsZero() {
		s.end = min(s.end, end.UnixNano())
	}
	if s.end <= t {
		// Past the changes that a zone lists, ZoneBounds ends at the 365th day of the year, even on
		// the 366th.
		s.end += int64(civilDay)
	}
	return s
}

// next is the first instant after t. It goes from segment to segment, and there are two a year at
// most in which a rule can fail, so it ends soon.
func (z *civilTimes) next(t int64) (int64, bool) {
	t = max(t, -2*reach)
	seg := z.segment(t)
	for t++; ; {
		from := z.from(seg, t)
		c, ok := z.rule.next(from)
		to := civil(seg.end + seg.offset)
		if ok && c < to && !z.repeated(seg, c) {
			return int64(c) - seg.offset, true
		}
		if ok && c >= to && z.swallowed(seg, c) {
			return seg.end, true
		}
		// From the end of the segment on, no clock shows less than this.
		c, ok = z.rule.next(civil(seg.end - reach))
		if !ok {
			return 0, false
		}
		t = max(seg.end, int64(c)-reach)
		seg = z.segment(t)
	}
}

// from is the civil time at t, which is in seg, or, if the clocks were put back at the start of
// seg, the time until which it repeats what has had its instants.
func (z *civilTimes) from(seg segment, t int64) civil {
	c := civil(t + seg.offset)
	if z.ticks || z.overlap != OverlapFirst || t >= seg.start+reach {
		return c
	}
	return max(c, civil(seg.start+z.segment(seg.start-1).offset))
}

// repeated tells that c comes again after seg, and has its instant then.
func (z *civilTimes) repeated(seg segment, c civil) bool {
	if z.ticks || z.overlap != OverlapLast || int64(c)-seg.offset < seg.end-reach {
		return false
	}
	return c >= civil(seg.end+z.segment(seg.end).offset)
}

// swallowed tells that c is in the gap at the end of seg, and has its instant there.
func (z *civilTimes) swallowed(seg segment, c civil) bool {
	if z.ticks || z.gap != GapAfter || int64(c)-seg.offset > seg.end+lateAtMost {
		return false
	}
	after := z.segment(seg.end).offset
	return after-seg.offset <= lateAtMost && c < civil(seg.end+after)
}

// why tells what is odd about an instant of z, if anything.
func (z *civilTimes) why(t int64) string {
	seg := z.segment(t)
	before := z.segment(seg.start - 1)
	c := civil(t + seg.offset)
	const clock, day = "15:04", "2006-01-02"
	change := func(earlier, later segment) string {
		return "clocks go from " + civil(later.start+earlier.offset).format(clock) +
			" to " + civil(later.start+later.offset).format(clock)
	}
	if t == seg.start && before.offset < seg.offset && !z.ticks {
		missing, ok := z.rule.next(civil(t + before.offset))
		if ok && missing < c {
			return missing.format(clock) + " does not exist on " + missing.format(day) + ", " + change(before, seg) +
				": once, at the end of the gap"
		}
	}
	if c < civil(seg.start+before.offset) {
		return c.format(clock) + " comes twice on " + c.format(day) + ", " + change(before, seg) + ": the second pass"
	}
	if seg.end-t < reach {
		if after := z.segment(seg.end); c >= civil(seg.end+after.offset) {
			return c.format(clock) + " comes twice on " + c.format(day) + ", " + change(seg, after) + ": the first pass"
		}
	}
	return ""
}
