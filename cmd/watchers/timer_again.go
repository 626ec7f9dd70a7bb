package watchers

import (
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/fd"
	"github.com/evshell/ev/watch/onsignal"
	"github.com/evshell/ev/watch/stat"
	"github.com/evshell/ev/watch/timer"
)

// describe turns the flags about activity into what the timer wants to know.
func (o *timerOptions) describe(a *App, b *session.Binding) (timer.Options, error) {
	var t timer.Options
	if o.pass && !slices.Contains(o.againOn, "fd:0") {
		return t, usage.At(usage.Flag("pass"), "--pass copies standard input, and ev does not read it: add --again-on fd:0")
	}
	if o.pass && b.Render != nil {
		return t, usage.At(usage.Flag("pass", "print"), "with --pass, standard output is for what is copied: add a -- COMMAND without --print, or add -q")
	}
	if o.pass {
		b.Claim().Writes = true
	}
	for _, source := range o.againOn {
		activity, err := o.activity(a, b, source)
		if err != nil {
			return t, err
		}
		t.AgainOn = append(t.AgainOn, activity)
	}
	return t, nil
}

// showsProgress reports whether --progress has a terminal to draw on: that of standard error, if it
// is the one that ev is controlled by, and no table is on it (--live).
func (a *App) showsProgress() bool {
	return a.Getenv("TERM") != "dumb" && term.Controlling(StderrFD) && !a.Live
}

// activity reads a SOURCE. What is wrong with the activity later is about it, too.
func (o *timerOptions) activity(a *App, b *session.Binding, source string) (timer.NewActivity, error) {
	newActivity, err := o.newActivity(a, b, source)
	if err != nil {
		return nil, err
	}
	return func(l *loop.Loop, again watch.Emit) (timer.Activity, error) {
		activity, err := newActivity(l, again)
		if err != nil {
			return nil, sourceError(source, err)
		}
		return placedActivity{activity, source}, nil
	}, nil
}

// sourceError is an error about what a SOURCE names.
func sourceError(source string, err error) error {
	kind, _, _ := strings.Cut(source, ":")
	return usage.About(usage.Item("again-on", source).From(len(kind+":")), err)
}

// A placedActivity says which SOURCE it is if it can't be started.
type placedActivity struct {
	timer.Activity
	source string
}

func (p placedActivity) Start() error {
	err := p.Activity.Start()
	if err != nil {
		err = sourceError(p.source, err)
	}
	return err
}

// Failed reports whether an error has ended it.
func (p placedActivity) Failed() bool {
	f, ok := p.Activity.(watch.Failer)
	return ok && f.Failed()
}

func (o *timerOptions) newActivity(a *App, b *session.Binding, source string) (timer.NewActivity, error) {
	kind, what, _ := strings.Cut(source, ":")
	at := usage.Item("again-on", source)
	switch {
	case what == "":
	case kind == "fd":
		number, err := strconv.ParseUint(what, 10, 31)
		if err != nil {
			return nil, usage.At(at.From(len("fd:")), "--again-on %s: %q is not a descriptor: the numbers are 0, 1, 2, …", source, what)
		}
		if number == StdinFD {
			b.Claim().Stdin = true
		}
		p := fd.PassOptions{In: int(number), Out: -1, Inherited: fd.Inherited(), Report: a.Report}
		if o.pass && number == StdinFD {
			p.Out = StdoutFD
		}
		return func(l *loop.Loop, again watch.Emit) (timer.Activity, error) {
			return fd.NewPass(l, p, again), nil
		}, nil
	case kind == "stat":
		return func(l *loop.Loop, again watch.Emit) (timer.Activity, error) {
			return stat.New(l, stat.Options{Paths: []string{what}, Hub: a.Hub, Report: a.Report}, again)
		}, nil
	case kind == "signal":
		s, err := sig.Parse(what)
		if err != nil {
			return nil, usage.Of(at.From(len("signal:")), "--again-on "+source+": ", err)
		}
		b.Claim().Signals = append(b.Claim().Signals, s)
		return func(l *loop.Loop, again watch.Emit) (timer.Activity, error) {
			return onsignal.New(l, onsignal.Options{Signals: []syscall.Signal{s}}, again)
		}, nil
	}
	return nil, usage.At(at, "--again-on %s: write fd:N, stat:PATH or signal:NAME", source)
}
