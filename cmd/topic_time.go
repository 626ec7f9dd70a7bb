package cmd

// timeHelp is how times are written, and what schedules mean.
const timeHelp = `DURATIONS

A DURATION is a number of seconds (5, 5.5), or numbers with units:

  500ms  1h30m  2h 30min  1d  1w  PT1H30M

Units: ns, us or µs, ms, s, m, h, d, w, and their long forms (sec, second,
seconds, min, minute, minutes, hr, hour, hours, day, days, week, weeks). Spaces
between the parts don't matter. A day is 24 hours and a week is 7 days, but for
'ev every', where they follow the calendar. Where a limit is meant, inf is none,
and 0 has passed at once: --timeout 0 looks once, --kill-after 0 kills at once.
Negative spans, months and years are refused.

Durations are printed as 1h30m or 2.5s, and as seconds in JSON. Times are
RFC 3339, with nanoseconds.

TIMES

A TIME, as of --at, --from, --until and --after, is one of

  2026-12-24 18:00       in the zone; with seconds 18:00:30, their fractions
  2026-12-24             its midnight
  18:00                  today, also if that has passed
  tomorrow 09:00         today and tomorrow alone are their midnight
  fri 18:00              the next one: in a week, if it is Friday and later than that
  2026-12-24T18:00:00Z   RFC 3339; or with an offset, +01:00
  @1795400000            seconds since 1970
  now

A zone may follow: 18:00 Asia/Tokyo. Years go from 1970 to 2199.

ZONES

The zone is that of --tz, else of TZ, else the machine's. It has a name of the
zone database, Europe/Berlin, which is the system's if it has one, and else a copy
within ev. TZ may also have POSIX's rule, CET-1CEST,M3.5.0,M10.5.0/3.

INTERVALS

15m, 1h, 90s: the instants OFFSET + N * INTERVAL since 1970 in UTC, whenever ev is
started; --from-now counts from its start. Days and weeks are the calendar's: they
begin at midnight in the zone, weeks on Monday. --from counts them from another
day: 2w --from 2026-01-05 is every other Monday.

CRON

Five fields, or six with seconds first. A line that ends with a year is refused.

  minute        0-59
  hour          0-23
  day of month  1-31, L (the last), L-3 (the third before it), 15W (the workday
                nearest to the 15th), LW (the last workday)
  month         1-12, jan-dec
  weekday       0-7 (0 and 7 are Sunday), sun-sat, 5L (the last Friday),
                mon#2 (the second Monday)

Each is *, a value, a range (22-2 and fri-mon go round), one of these with a step
(*/15, 10-50/20, 5/15), or a list with commas. A ? is a *. H stands for a value
that depends on the watcher's name: H 3 * * * is some minute past three; also
H/15, H(0-29).

If both the day of month and the weekday are given, one of them is enough, unless
one begins with *: then both have to match.

  @hourly    0 * * * *          @monthly           0 0 1 * *
  @daily     0 0 * * *          @yearly, @annually 0 0 1 1 *
  @midnight  0 0 * * *          @weekly            0 0 * * 0

CRON_TZ=ZONE (or TZ=ZONE) in front says in which zone, over --tz.

CALENDAR EVENTS

As in systemd.time(7). What is left out is any day, or midnight:

  [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE]

  Mon..Fri 09:00                 Sat,Sun 10:30:15
  *-*-1,15 18:00                 the 1st and the 15th
  *-*~1, *-2~3                   the last day; the third last of February
  Mon *-*-1..7 09:00             the first Monday
  *:0/15, 8..18/2:00             each quarter of an hour; 8, 10, … 18 o'clock
  *:*:0/0.5                      twice a second
  2026-12-24 18:00 Europe/Berlin once

minutely, hourly, daily, weekly (Monday), monthly, quarterly, semiannually and
yearly stand for what they say. A range goes upwards, and a step needs a start.

DAYLIGHT SAVING

A schedule with a wildcard or an open step in its hour or minute (*/10, 0/2,
*:30) follows elapsed time, and so does an interval in hours or less: it goes on
through the hour that comes twice, and there is nothing in one that is skipped.

All others name fixed times. One that the clocks skip comes once, when they have;
with --dst-gap skip it does not. If they skip more than three hours, it is missed.
One that they show twice comes once, at the first; --dst-overlap last and both are
the other choices. --explain says of each instant if it is such a one.

THE CLOCK

'ev every' goes by the wall clock, 'ev timer' and all limits by elapsed time, in
which the machine was not asleep and ev not stopped.

When the clock is set, each schedule is computed anew. An instant passed over, or
slept through, is just late up to a minute. After that it was missed: --catch-up
none counts it in the field 'missed' of the next event, once has one event for all
that were missed, all has one for each. With --jitter these are spread over it.
When the clock is set back, what has run does not run again, unless it follows
elapsed time, or ran more than three hours ahead of what the clock shows now.`
