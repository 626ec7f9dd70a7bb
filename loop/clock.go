package loop

import "time"

// A Clock tells the time: that of the wall, and that which has passed since some fixed moment,
// which no one can set.
type Clock func() (wall time.Time, mono time.Duration)

// systemClock returns the clock of the machine.
func systemClock() Clock {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now, now.Sub(start)
	}
}

// jump is how far the wall clock may run away from the monotonic one between two looks before it
// counts as stepped. It is libev's MIN_TIMEJUMP: less is what adjusting the clock, or a pause
// between reading the two, may do.
const jump = int64(time.Second)

// update takes the time. If the wall clock has been stepped, every periodic is asked anew.
func (l *Loop) update() {
	wall, mono := l.clock()
	l.now = wall
	l.elapsed = int64(mono)
	if l.stops != nil {
		if stopped := l.stops.take(wall); !l.suspended {
			l.lost += int64(stopped)
		}
	}
	if !l.suspended {
		l.mono = l.elapsed - l.lost
	}
	offset := wall.UnixNano() - l.elapsed
	step := offset - l.offset
	l.offset = offset
	if step >= jump || step <= -jump {
		l.reschedule(wall.UnixNano() - step)
	}
}

// stopMatters is the span of a timer from which on it is of interest whether the process is stopped
// meanwhile.
const stopMatters = int64(50 * time.Millisecond)

// noticeStops has it noticed from now on when the process is stopped, if that is asked for and a
// timer of this span should know.
func (l *Loop) noticeStops(span int64) {
	if l.stopTime && l.stops == nil && span >= stopMatters {
		l.stops = newStopClock()
	}
}

// freshen takes the time if the loop does not run: its time is then as old as its last turn.
func (l *Loop) freshen() {
	if !l.running {
		l.update()
	}
}

// UpdateNow takes the time in the middle of a turn: worth its 50 ns after a call that took long,
// before starting a timer.
func (l *Loop) UpdateNow() { l.update() }

// Now returns the loop's time, which is that of the turn's beginning. It costs nothing.
func (l *Loop) Now() time.Time { return l.now }

// Suspend makes the loop's monotonic time stand still: timers do not age until Resume. The wall
// clock goes on, and periodics with it.
func (l *Loop) Suspend() {
	if !l.suspended {
		l.update()
		l.suspended = true
	}
}

// Resume ends what Suspend began.
func (l *Loop) Resume() {
	if l.suspended {
		l.update() // what has stopped it meanwhile counts once
		l.suspended = false
		_, mono := l.clock()
		l.lost = int64(mono) - l.mono
		l.update()
	}
}

// watchClock asks the backend to tell of steps of the wall clock, once.
func (l *Loop) watchClock() {
	if l.clockAsked {
		return
	}
	l.clockAsked = true
	if w, ok := l.backend.(ClockWatcher); ok {
		l.clockTold = w.WatchClock() == nil
	}
}
