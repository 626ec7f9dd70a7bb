package cmd

// timeHelp is how times are written, and what schedules mean.
const timeHelp = `DURATIONS

A DURATION is a number of seconds (5, 5.5), or numbers with units:

  500ms  1h30m  2h 30min  1d  1w  PT1H30M

Units: ns, us or µs, ms, s, m, h, d, w, and their long forms (sec, second,
seconds, min, minute, minutes, hr, hour, hours, day, days, week, weeks). Spaces
between the parts are optional. A day has 24 hours and a week 7 days, except in
'ev every', where they follow the calendar. For a limit, inf means no limit, and
0 means at once: --timeout 0 checks once, --kill-after 0 kills at once. Negative
durations, months and years are refused.

Durations are printed as 1h30m or 2.5s, and as seconds in JSON. Times are
RFC 3339, with nanoseconds.

TIMES

A TIME, for --at, --from, --until and --after, is one of

  2026-12-24 18:00       local time; also with seconds, 18:00:30, and fractions
  2026-12-24             midnight of that day
  18:00                  today, even if that is in the past
  tomorrow 09:00         tomorrow; without a time, midnight
  fri 18:00              the next Friday, or today if it is Friday before 18:00
  2026-12-24T18:00:00Z   RFC 3339; also with an offset, +01:00
  @1795400000            seconds since 1970
  now

A zone may follow: 18:00 Asia/Tokyo. Years range from 1970 to 2199.

ZONES

The zone is that of --tz, or else of TZ, or else of the machine. A zone has a name of
the zone database, such as Europe/Berlin. Ev uses the database of the system, or its own
copy if there is none. TZ may also be a POSIX rule: CET-1CEST,M3.5.0,M10.5.0/3.
When the zone of the machine (/etc/localtime) changes, schedules that use it follow at
once, or within a minute where the system does not report that.

INTERVALS

15m, 1h and 90s stand for the instants OFFSET + N * INTERVAL since 1970 in UTC. They do
not depend on when ev is started, unless --from-now is given. Days and weeks follow the
calendar: they begin at local midnight, and weeks on Monday. --from counts them from
another day: 2w --from 2026-01-05 is every other Monday.

CRON

A cron schedule has five fields, or six with seconds first. A year at the end is refused.

  minute        0-59
  hour          0-23
  day of month  1-31, L (the last day), L-3 (the third before it), 15W (the
                workday nearest to the 15th), LW (the last workday)
  month         1-12, jan-dec
  weekday       0-7 (0 and 7 are Sunday), sun-sat, 5L (the last Friday),
                mon#2 (the second Monday)

Each field is *, a value, a range (22-2 and fri-mon wrap around), one of these with a
step (*/15, 10-50/20, 5/15), or several with commas. ? means *. H stands for a value
that depends on the name of the watcher: H 3 * * * is some minute between 3:00 and 3:59.
H/15 and H(0-29) are possible, too.

If both the day of month and the weekday are given, a day has to match only one of them,
unless one begins with *: then it has to match both.

  @hourly    0 * * * *          @monthly           0 0 1 * *
  @daily     0 0 * * *          @yearly, @annually 0 0 1 1 *
  @midnight  0 0 * * *          @weekly            0 0 * * 0

CRON_TZ=ZONE (or TZ=ZONE) in front of a schedule sets its zone, and overrides --tz.

CALENDAR EVENTS

Calendar events are written as in systemd.time(7). A missing date means every day, and a
missing time means midnight:

  [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE]

  Mon..Fri 09:00                 Sat,Sun 10:30:15
  *-*-1,15 18:00                 the 1st and the 15th
  *-*~1, *-2~3                   the last day; the third last of February
  Mon *-*-1..7 09:00             the first Monday
  *:0/15, 8..18/2:00             each quarter of an hour; 8, 10, … 18 o'clock
  *:*:0/0.5                      twice a second
  2026-12-24 18:00 Europe/Berlin once

The words minutely, hourly, daily, weekly (Monday), monthly, quarterly, semiannually and
yearly are possible, too. A range goes upwards, and a step needs a start.

DAYLIGHT SAVING

Schedules with a wildcard or an open step in the hour or the minute (*/10, 0/2, *:30)
follow elapsed time, and so do intervals shorter than a day. They continue through an
hour that the clocks show twice, and have no instants in an hour that the clocks skip.

All other schedules name fixed times. A fixed time that the clocks skip fires once,
right after the gap, or not at all with --dst-gap skip. After a gap of more than three
hours it counts as missed. A fixed time that the clocks show twice fires the first time;
--dst-overlap chooses last or both instead. --explain points out such instants.

THE CLOCK

'ev every' follows the wall clock. 'ev timer' and all time limits follow elapsed time,
which does not count while the machine sleeps or ev is stopped.

When the clock is set, ev computes each schedule anew. An instant that was passed over,
or slept through, still fires up to one minute late. After that it counts as missed. With
--catch-up none, the field 'missed' of the next event counts it; with once, one event
stands for all missed instants; with all, each gets an event. --jitter spreads such
events, too. When the clock is set back, instants that have fired do not fire again,
unless the schedule follows elapsed time, or they had fired more than three hours ahead
of the new time.`
