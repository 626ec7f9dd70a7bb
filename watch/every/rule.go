package every

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/schedule"
)

// A Rule is a command that says when: libev's reschedule callback.
type Rule struct {
	Command []string         // the program and its arguments
	Env     []string         // NAME=value, over ev's own environment
	Zone    *time.Location   // of the times that go in and come out
	Starter *process.Starter // of the command; Next has its own
}

const (
	ruleTimeout = 10 * time.Second
	rulePause   = time.Minute // before a rule that failed is asked again
)

// Next runs the command and returns the instant that it prints, in any form that
// [schedule.ParseTime] reads or as seconds since the epoch; false if it prints nothing, which means
// never again. The instant has to be after the one given, which the command finds in its
// environment as EV_AFTER (RFC 3339) and EV_AFTER_EPOCH (whole seconds). It has ten seconds.
func (r *Rule) Next(after time.Time) (at time.Time, ok bool, err error) {
	failed := process.OnItsOwn(func(l *loop.Loop, s *process.Starter) {
		r.ask(l, s, after, func(next time.Time, some bool, why error) { at, ok, err = next, some, why })
	})
	return at, ok, cmp.Or(err, failed)
}

// ask has answered called with what Next returns. GiveUp ends the command, and answered is not
// called any more.
func (r *Rule) ask(l *loop.Loop, s *process.Starter, after time.Time, answered func(time.Time, bool, error)) (giveUp func()) {
	const longest = 1024
	after = after.In(r.Zone)
	late, stopTimer := false, func() {}
	kill := s.Output(l, process.Spec{
		Argv: r.Command,
		Env: append(process.Environ(r.Env), "EV_AFTER="+after.Format(time.RFC3339Nano),
			"EV_AFTER_EPOCH="+strconv.FormatInt(after.Unix(), 10)),
		Files: [3]*os.File{2: os.Stderr},
	}, longest, func(out []byte, w process.Wait) {
		stopTimer()
		var err error
		switch {
		case late:
			err = fmt.Errorf("it did not answer within %v", ruleTimeout)
		case len(out) > longest:
			err = errors.New("it prints more than one time")
		case w.Err != nil || w.Status != 0:
			err = errors.New(w.String())
		}
		if err != nil {
			answered(time.Time{}, false, fmt.Errorf("the schedule command failed: %w", err))
			return
		}
		answered(r.read(strings.TrimSpace(string(out)), after))
	})
	stopTimer = l.After(ruleTimeout, func() { late = true; kill() })
	return func() {
		stopTimer()
		answered = func(time.Time, bool, error) {}
		kill()
	}
}

// read reads what the command has printed.
func (r *Rule) read(text string, after time.Time) (time.Time, bool, error) {
	if text == "" {
		return time.Time{}, false, nil
	}
	if strings.Trim(text, "0123456789.") == "" {
		text = "@" + text // as $EV_AFTER_EPOCH is
	}
	at, err := schedule.ParseTime(text, after, r.Zone)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("the schedule command did not print a time: %w", err)
	}
	if !at.After(after) {
		return time.Time{}, false, fmt.Errorf("the schedule command printed %s, which is not after $EV_AFTER: %s",
			at.Format(time.RFC3339Nano), after.Format(time.RFC3339Nano))
	}
	return at, true, nil
}

// asking is what a Watcher knows of its Rule.
type asking struct {
	rule  *Rule
	stop  func() // gives up the question that is open; nil if none is
	jumps uint64 // steps of the clock when the last answer came
}

func (e *Watcher) asking() bool { return e.rule != nil && e.rule.stop != nil }

// ask has the rule asked what comes next. The question keeps the loop alive until it is answered,
// also while the rule fails.
func (e *Watcher) ask() {
	e.forget()
	e.schedule = nil
	e.loop.Ref()
	e.rule.stop = e.rule.rule.ask(e.loop, e.rule.rule.Starter, e.settled, e.answer)
}

// answer arms the periodic for what the rule has said.
func (e *Watcher) answer(at time.Time, ok bool, err error) {
	if err != nil {
		e.options.Report.Errorf("%v; it is asked again in %v", err, rulePause)
		e.rule.stop = e.loop.After(rulePause, e.ask)
		return
	}
	e.forget()
	if ok {
		e.schedule, e.rule.jumps = schedule.At(at), e.loop.Stats().Jumps
		e.periodic.Start()
	}
}

// forget gives up an open question.
func (e *Watcher) forget() {
	if e.asking() {
		e.rule.stop()
		e.rule.stop = nil
		e.loop.Unref()
	}
}

// stepped has the rule asked anew if the clock has been stepped since its answer, and not beyond
// it.
func (e *Watcher) stepped(at, now time.Time) {
	if e.rule == nil || !at.After(now) || e.loop.Stats().Jumps == e.rule.jumps {
		return
	}
	e.loop.Post(func() {
		if e.periodic.Active() {
			e.settled = e.loop.Now().Round(0)
			e.arm()
		}
	})
}
