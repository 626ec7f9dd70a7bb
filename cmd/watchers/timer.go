package watchers

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/live"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/timer"
)

// timerOptions are the flags of timer.
type timerOptions struct {
	options
	repeat   time.Duration
	againOn  []string
	pass     bool
	progress bool
}

func (a *App) newTimer(sink Sink) *cobra.Command {
	o := &timerOptions{}
	c := &cobra.Command{
		Use:   "timer AFTER... [flags] [-- COMMAND [ARG...]]",
		Short: "wait for a duration, once or repeatedly, or for silence that long",
		Long: `Timer fires once AFTER has passed, and with --repeat again and again after that. Several
durations are added up, as sleep(1) does. A duration is written 5, 5.5 (seconds), 500ms,
1h30m, 2h 30min, 1d or PT1H30M; see 'ev help time'.

The timer uses a monotonic clock. It does not notice when the clock is set, and time
during which the machine sleeps or ev is stopped does not count. A timer never fires
early. Ticks that come too late are merged into one, and its field 'missed' counts them.

With --again-on, the timer measures silence: each activity of SOURCE starts it again
from zero, even after it has fired. A SOURCE is

  fd:N          a descriptor that ev reads; at its end the timer ends, too. With
                --pass, what ev reads from fd:0 is copied to standard output
  stat:PATH     a file or directory that changes
  signal:NAME   a signal

--progress shows the remaining time if standard error is a terminal. The key p pauses.`,
		Example: `  # wait for a minute, then print a message
  ev timer 1m -- echo 'one minute over'
  # print three ticks as JSON
  ev timer 0.2 --repeat 0.1 --count 3 --json
  # run a command at once, and up to five times more until it succeeds
  ev timer 0 --once --retry 5 --retry-delay 2s -- curl -fsS https://example.com/
  # notice when a job has printed nothing for five seconds
  sh -c 'date; sleep 20; date' | ev timer 5s --again-on fd:0 --pass -- echo 'silent for 5 seconds'`,
	}
	duration(c.Flags(), &o.repeat, "repeat", 0, "fire again each time this long has passed")
	c.Flags().Var((*ListValue)(&o.againOn), "again-on", "start again from zero at each activity of this source: fd:N, stat:PATH or signal:NAME; can be repeated `SOURCE`")
	c.Flags().BoolVar(&o.pass, "pass", false, "copy standard input to standard output, if it is a source of --again-on")
	c.Flags().BoolVar(&o.progress, "progress", false, "show the remaining time on the terminal; the key p pauses")
	o.add(c)
	return runs(a, c, o, sink)
}

func (o *timerOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	after, err := a.sum(c, own)
	if err != nil {
		return err
	}
	b, err := o.bind(a, c, event.Timer{}, action.Skip, command)
	if err != nil {
		return err
	}
	t, err := o.describe(a, b)
	if err != nil {
		return err
	}
	t.After, t.Repeat = after, o.repeat
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) { return timer.New(l, t, emit) }
	if o.progress && a.showsProgress() {
		b.Claim().Terminal = true
		utf8 := showsUTF8(a.Getenv)
		b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) { return live.NewCountdown(l, t, utf8, emit) }
	}
	return sink(c.Context(), b)
}

// sum adds up the spans. What doesn't begin like one is likely the COMMAND.
func (a *App) sum(c *cobra.Command, args []string) (time.Duration, error) {
	if len(args) == 0 {
		return 0, usage.Errorf("give a duration, as in: ev timer 1m30s")
	}
	for i, arg := range args {
		_, err := span.Parse(arg)
		if err == nil {
			continue
		}
		if hint := a.DashHint(c, i); hint != "" && i > 0 && strings.Trim(arg[:min(len(arg), 1)], ".0123456789") != "" {
			return 0, usage.At(usage.Arg(i), "%s", hint)
		}
		return 0, usage.Of(usage.Arg(i), "", err)
	}
	d, err := span.Sum(args)
	if err != nil {
		return 0, usage.At(usage.Arg(len(args)-1), "%v", err)
	}
	return d, nil
}
