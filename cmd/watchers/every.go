package watchers

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/every"
)

// everyOptions are the flags of every.
type everyOptions struct {
	options
	preview preview

	at      string
	command string

	zone    string
	reading readingFlags

	jitter      time.Duration
	fixedJitter bool
	catchUp     string
	state       string
}

// readingFlags say how a SCHEDULE is read.
type readingFlags struct {
	offset  time.Duration
	fromNow bool
	from    string
	until   string
	gap     string
	overlap string
}

func (a *App) newEvery(sink Sink) *cobra.Command {
	o := &everyOptions{}
	c := &cobra.Command{
		Use:   "every SCHEDULE [flags] [-- COMMAND [ARG...]]",
		Short: "wait for the times of a schedule, as cron and at do",
		Long: `Every fires at the instants of SCHEDULE, which is one of

  15m, 1h, 2w              an interval, counted from 1970 in UTC; days and weeks
                           follow the calendar and begin at local midnight
  '0 9 * * mon-fri'        cron: five fields, or six with seconds first; also
                           @hourly, L, W, #, H
  'Mon..Fri 09:00'         a calendar event as in systemd.time(7)
  --at '2026-12-24 18:00'  a single instant; one in the past fires at once
  --schedule-command CMD   a command that prints the next instant: a time, or
                           seconds since 1970. It has to lie after EV_AFTER
                           (RFC 3339; EV_AFTER_EPOCH has it in whole seconds).
                           If CMD prints nothing, the schedule has ended

A fixed time that the clocks skip fires once, right after the gap. A fixed time that the
clocks show twice fires the first time only. Intervals, and schedules with a wildcard in
the hour or the minute, follow elapsed time instead. --explain points out such instants.
'ev help time' describes every form of a SCHEDULE, a TIME and a ZONE.

The clock may be set and the machine may sleep. An instant that is reached up to one
minute late still fires, with the delay in 'late'. After that it counts as missed:
--catch-up decides what happens, and the field 'missed' counts such instants. When the
clock is set back, instants that have fired do not fire again, unless the schedule fires
at least once an hour, or the clock was more than three hours ahead.

With --state, this also holds for the time in which ev was not running. An instant is
dealt with once its COMMAND has ended, with whatever status; without a COMMAND, once it
is printed. If a run is cut off, because ev is stopped or killed or the machine goes
down, the next start repeats it, with 2 in the field 'attempt'. If the repeated run is
cut off as well, ev reports that and gives it up, so that a job which reboots the machine
cannot do so forever. If something of the run is still there, ev waits until it has
ended. An instant that is skipped during a run shares the fate of that run. The FILE is
text. It says up to when all instants are dealt with, and which runs have begun or ended
since. Only one ev at a time can use it.

With --jitter, 'due' is the instant without the delay, and 'late' counts from the
instant with it. Catch-up runs are spread over the jitter, too.`,
		Example: `  # every weekday at nine in Berlin
  ev every 'Mon..Fri 09:00' --tz Europe/Berlin -- echo 'good morning'
  # show the instants of a year, with the effects of daylight saving
  ev every '30 2 * * *' --tz Europe/Berlin --next 400 --explain
  # every other week, counted from a Monday
  ev every 2w --from 2026-01-05
  # a rule of your own: every hundred seconds since 1970
  ev every --schedule-command 'sh -c "echo $((EV_AFTER_EPOCH / 100 * 100 + 100))"'
  # once a day even if the machine was off at three, and spread over machines
  mkdir -p notes
  ev every 03:00 --state backup.state --jitter 30m --fixed-jitter -- tar -czf notes.tgz notes`,
	}
	fs := ownFlags(c)
	fs.StringVar(&o.at, "at", "", "fire once at this time: 2026-12-24 18:00, 18:00, tomorrow 09:00, fri 18:00, @SECONDS or RFC 3339 `TIME`")
	fs.StringVar(&o.command, "schedule-command", "", "run this command to ask for the next instant `CMD`")
	duration(fs, &o.reading.offset, "offset", 0, "shift the instants of an interval by this much")
	fs.BoolVar(&o.reading.fromNow, "from-now", false, "count an interval from now, not from the full hour or midnight")
	fs.StringVar(&o.zone, "tz", "", "time zone of the schedule, such as Europe/Berlin or UTC (default: the local zone) `ZONE`")
	fs.StringVar(&o.reading.from, "from", "", "do not fire before this time; intervals of days and weeks are counted from it `TIME`")
	fs.StringVar(&o.reading.until, "until", "", "do not fire after this time `TIME`")
	fs.StringVar(&o.reading.gap, "dst-gap", "after", "when to fire for a time that the clocks skip: after (once they have) or skip (not at all) `RULE`")
	fs.StringVar(&o.reading.overlap, "dst-overlap", "first", "when to fire for a time that the clocks show twice: first, last or both `RULE`")
	duration(fs, &o.jitter, "jitter", 0, "delay each event by a random time of up to this much")
	fs.BoolVar(&o.fixedJitter, "fixed-jitter", false, "use the same --jitter each time; it depends on the host and the name of the watcher")
	fs.StringVar(&o.catchUp, "catch-up", "", "what to do about missed instants: none, once (one event for all), all (default: once with --state, else none) `WHAT`")
	fs.StringVar(&o.state, "state", "", "remember in this file which instants were dealt with `FILE`")
	o.preview.add(c.Flags())
	o.add(c)
	CompleteArgs(c, Words("15m\tan interval", "1h", "1d\tlocal midnight", "hourly", "daily", "weekly", "monthly",
		"*:0/15\ta calendar event", "0 9 * * mon-fri\tcron"))
	return runs(a, c, o, sink)
}

func (o *everyOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	b, err := o.bind(a, c, event.Every{}, action.Skip, command)
	if err != nil {
		return err
	}
	w, err := o.describe(a, c, own, b.Name)
	if err != nil {
		return err
	}
	if o.preview.asked(c) {
		if err := o.preview.alone(c, command); err != nil {
			return err
		}
		return o.preview.write(a, c, w, o.json)
	}
	if o.at != "" && o.at != "now" && o.state == "" {
		if _, ahead := w.Schedule.Next(time.Now()); !ahead {
			a.Report.Noticef("--at %s is in the past: it fires at once", o.at)
		}
	}
	if err := o.comes(a, c, w); err != nil {
		return err
	}
	b.ClaimState(w.State)
	if w.CatchUp == every.CatchUpAll {
		if err := o.runAll(b); err != nil {
			return err
		}
	}
	if lock := b.Lock; lock != nil {
		lock.Instant = func(d event.Detail) (time.Time, bool) { return d.(event.Every).Due, true }
		lock.Since = func(d event.Detail, settled time.Time) event.Detail {
			e := d.(event.Every)
			if w.Schedule != nil {
				e.Missed = max(int64(w.Schedule.Count(settled, e.Due, int(e.Missed)+1))-1, 0)
			}
			return e
		}
		lock.Again = func(due time.Time, missed int64) event.Detail {
			return event.Every{Schedule: w.Text, Due: due, Late: max(time.Since(due), 0), Missed: missed, Attempt: 2}
		}
	}
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		if lock := b.Lock; lock != nil {
			shared, err := lock.Open(l)
			if err != nil {
				return nil, err
			}
			w.Load = func(then func(time.Time)) {
				shared.Settled(lock.Name, lock.Label, func(at time.Time, err error) {
					if err != nil { // the check tells it, or the first claim
						b.Report.Verbosef("the lock %s: it is unknown which instants were dealt with: %v", lock.Name, err)
					}
					then(at)
				})
			}
		}
		return every.New(l, w, emit), nil
	}
	return sink(c.Context(), b)
}

// runAll has each instant have its run, also those that are made up for together.
func (o *everyOptions) runAll(b *session.Binding) error {
	switch {
	case b.Exec != nil && o.onBusy == "":
		b.Exec.Busy.Policy = action.Queue
	case b.Exec != nil && b.Exec.Busy.Policy == action.Skip:
		return usage.At(usage.Value("on-busy"), "--catch-up all runs the command for each instant, and --on-busy skip does not: leave it out, or use queue")
	}
	if b.Lock != nil && o.onBusy == "" {
		b.Lock.Busy = action.Queue
	}
	return nil
}

// comes reports that no instant comes any more. In an Evfile that is no error: what was once right
// would keep all other lines from running.
func (o *everyOptions) comes(a *App, c *cobra.Command, w every.Options) error {
	if w.Schedule == nil || w.Schedule.Kind() == schedule.Instant || o.state != "" {
		return nil
	}
	if _, ok := w.Schedule.Next(time.Now()); ok {
		return nil
	}
	err := usage.At(usage.Args(), "%q never fires again: all its instants are in the past: change its year or --until", w.Text)
	if c.HasParent() {
		return err
	}
	a.Report.Noticef("%v", err)
	return nil
}

// describe turns the flags and the SCHEDULE into what the watcher wants to know.
func (o *everyOptions) describe(a *App, c *cobra.Command, own []string, name string) (every.Options, error) {
	w := every.Options{Jitter: o.jitter, State: o.state, Report: a.Report}
	zone, err := o.location(a)
	if err != nil {
		return w, err
	}
	if o.zone == "" && a.isLocal() {
		w.Localtime = a.localtime
	}
	if w.CatchUp, err = o.parseCatchUp(); err != nil {
		return w, err
	}
	if w.Seed, err = o.seed(name); err != nil {
		return w, err
	}
	switch {
	case o.at != "" && o.command != "":
		return w, usage.At(usage.Flag("at", "schedule-command"), "--at is one instant and --schedule-command another rule: leave out one of the two")
	case o.at != "" || o.command != "":
		if err := o.alone(c, own); err != nil {
			return w, err
		}
	case c.Flags().Changed("at"):
		return w, usage.At(usage.Value("at"), "--at is empty: give a time, as in --at 18:00")
	case c.Flags().Changed("schedule-command"):
		return w, usage.At(usage.Value("schedule-command"), "--schedule-command is empty: give a command that prints a time")
	case len(own) == 0:
		return w, usage.Errorf("give a schedule, as in: ev every 15m, ev every '0 9 * * mon-fri', ev every 'Mon..Fri 09:00'")
	}
	switch now := time.Now(); {
	case o.at != "":
		w.Text, w.Localtime = o.at, nil
		if w.Schedule, err = schedule.ParseAt(o.at, now, zone); err != nil {
			return w, usage.Of(usage.Value("at"), "--at: ", err)
		}
	case o.command != "":
		w.Text = o.command
		w.Rule, err = a.parseRule(o.command, zone)
	default:
		w.Text = strings.Join(own, " ")
		s, err := o.read(a, c, own, now, zone, name)
		if err != nil {
			return w, err
		}
		w.Schedule, w.In = s.Spec, s.in
		if s.Zone() != zone || s.Kind() == schedule.Interval && s.Ticks() {
			w.Localtime = nil // it has a zone of its own, or goes by none
		}
	}
	return w, err
}

// location is the zone of --tz, or the local one.
func (o *everyOptions) location(a *App) (*time.Location, error) {
	if o.zone == "" {
		return a.localZone(), nil
	}
	zone, err := a.loadZone(o.zone)
	if err != nil {
		return nil, usage.Of(usage.Value("tz"), "--tz: ", err)
	}
	return zone, nil
}

// alone reports what can't be together with --at or --schedule-command.
func (o *everyOptions) alone(c *cobra.Command, own []string) error {
	which := "--at"
	if o.command != "" {
		which = "--schedule-command"
	}
	if len(own) > 0 {
		return usage.At(usage.Arg(0), "%s says when, and there is a schedule %q as well: leave out one of the two", which, strings.Join(own, " "))
	}
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "offset", "from-now", "from", "until", "dst-gap", "dst-overlap":
			err = usage.At(usage.Flag(f.Name), "--%s has no effect on %s: leave out one of the two", f.Name, which)
		}
	})
	return err
}

// read reads the SCHEDULE. It may come in several words, as from a shell without quotes; but the
// COMMAND without its -- does, too.
func (o *everyOptions) read(a *App, c *cobra.Command, own []string, now time.Time, zone *time.Location, name string) (scheduled, error) {
	text := scheduleText{text: strings.Join(own, " "), zone: zone, readingFlags: o.reading}
	if strings.Contains(text.text, "H") {
		text.name = name
	}
	if text.fromNow || text.from != "" || text.until != "" {
		text.now = now
	}
	s, err := known(a.Common.schedules, text, func() (scheduled, error) {
		so, err := text.options(now, zone, name)
		if err != nil {
			return scheduled{}, err
		}
		spec, err := schedule.Parse(text.text, so)
		if err != nil {
			_, alone := schedule.Parse(own[0], so)
			return scheduled{}, a.misread(c, own, alone == nil, err)
		}
		return scheduled{spec, func(zone *time.Location) (*schedule.Spec, error) {
			so, err := text.options(now, zone, name)
			if err != nil {
				return nil, err
			}
			return schedule.Parse(text.text, so)
		}}, nil
	})
	if err != nil {
		return s, err
	}
	a.Report.Verbosef("it is read as %s: %s, in %s", reading(s.Kind()), s, s.Zone())
	for _, note := range s.Notes() {
		a.Report.Verbosef("%s", note)
	}
	return s, nil
}

// options are how a SCHEDULE is read in a zone.
func (f *readingFlags) options(now time.Time, zone *time.Location, name string) (schedule.Options, error) {
	so := schedule.Options{Zone: zone, Name: name, Offset: f.offset}
	if f.fromNow {
		so.FromNow = now
	}
	for _, bound := range []struct {
		flag, text string
		to         *time.Time
	}{{"from", f.from, &so.From}, {"until", f.until, &so.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := schedule.ParseTime(bound.text, now, zone)
		if err != nil {
			return so, usage.Of(usage.Value(bound.flag), "--"+bound.flag+": ", err)
		}
		*bound.to = t
	}
	switch {
	case f.fromNow && f.from != "":
		return so, usage.At(usage.Flag("from-now", "from"), "--from and --from-now each say from when an interval counts: leave out one of the two")
	case !so.From.IsZero() && !so.Until.IsZero() && so.Until.Before(so.From):
		return so, usage.At(usage.Value("until"), "--until %s is before --from %s: change one of the two", so.Until.Format(time.RFC3339), so.From.Format(time.RFC3339))
	}
	var err error
	if so.Gap, err = choose("dst-gap", f.gap, map[string]schedule.Gap{"after": schedule.GapAfter, "skip": schedule.GapSkip}); err != nil {
		return so, err
	}
	if so.Overlap, err = choose("dst-overlap", f.overlap, map[string]schedule.Overlap{
		"first": schedule.OverlapFirst, "last": schedule.OverlapLast, "both": schedule.OverlapBoth,
	}); err != nil {
		return so, err
	}
	return so, nil
}

// misread is the error for a SCHEDULE that can't be read. If its first word is one alone, the next
// may be the COMMAND, unless that has been given or no command begins like it.
func (a *App) misread(c *cobra.Command, own []string, alone bool, err error) error {
	hint := ""
	if alone && len(own) > 1 && strings.Trim(own[1][:min(len(own[1]), 1)], "0123456789*?@+-") != "" {
		hint = a.DashHint(c, 1)
	}
	switch {
	case hint == "":
		return usage.Of(usage.Args(), "", err)
	case a.lookup(own[1], "", a.Env) == nil:
		return usage.At(usage.Arg(1), "%s", hint)
	}
	return usage.Of(usage.Args(), "", fmt.Errorf("%w (if %s is the command, %s)", err, own[1], hint))
}

// reading names a way to write a schedule.
func reading(k schedule.Kind) string {
	return map[schedule.Kind]string{
		schedule.Interval: "an interval",
		schedule.Cron:     "cron",
		schedule.Calendar: "a calendar event",
		schedule.Instant:  "an instant",
	}[k]
}

func (o *everyOptions) parseCatchUp() (every.CatchUp, error) {
	if o.state != "" && o.lock != "" {
		return 0, usage.Errorf("--lock already remembers which instants were dealt with: leave out --state")
	}
	if o.catchUp == "" {
		if o.state != "" || o.lock != "" {
			return every.CatchUpOnce, nil
		}
		return every.CatchUpNone, nil
	}
	return choose("catch-up", o.catchUp, map[string]every.CatchUp{
		"none": every.CatchUpNone, "once": every.CatchUpOnce, "all": every.CatchUpAll,
	})
}

// choose returns what a flag's word stands for.
func choose[T any](flag, word string, choices map[string]T) (T, error) {
	choice, ok := choices[word]
	if !ok {
		list := slices.Sorted(maps.Keys(choices))
		return choice, usage.At(usage.Value(flag), "--%s is %s or %s, not %q", flag, strings.Join(list[:len(list)-1], ", "), list[len(list)-1], word)
	}
	return choice, nil
}

// seed is what a fixed jitter is a hash of.
func (o *everyOptions) seed(name string) (string, error) {
	if !o.fixedJitter {
		return "", nil
	}
	if o.jitter == 0 {
		return "", usage.At(usage.Flag("fixed-jitter"), "--fixed-jitter needs a jitter: add one, as in --jitter 10m")
	}
	host, err := os.Hostname()
	return host + "/" + name, err
}

// parseRule splits a command as a line of an Evfile is.
func (a *App) parseRule(text string, zone *time.Location) (*every.Rule, error) {
	argv, err := a.splitCommand("schedule-command", text, "", a.Env)
	if err != nil {
		return nil, err
	}
	return &every.Rule{Command: argv, Zone: zone, Env: a.Env, Starter: a.Starter}, nil
}
