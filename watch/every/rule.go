package every

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/evshell/ev/schedule"
)

// A Rule is a command that says when: libev's reschedule callback.
type Rule struct {
	Command []string       // the program and its arguments
	Env     []string       // NAME=value, over ev's own environment
	Zone    *time.Location // of the times that go in and come out
}

const (
	ruleTimeout = 10 * time.Second
	rulePause   = time.Minute // before a rule that failed is asked again
)

// Next runs the command and returns the instant that it prints, in any form that [schedule.ParseTime] reads or as
// seconds since the epoch; false if it prints nothing, which means never again. The instant has to be after the one
// given, which the command finds in its environment as EV_AFTER (RFC 3339) and EV_AFTER_EPOCH (seconds). It has ten
// seconds.
func (r *Rule) Next(ctx context.Context, after time.Time) (time.Time, bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ruleTimeout, fmt.Errorf("it did not answer within %v", ruleTimeout))
	defer cancel()
	text, err := r.run(ctx, after.In(r.Zone))
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("the schedule command failed: %w", err)
	}
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
			at.Format(time.RFC3339Nano), after.In(r.Zone).Format(time.RFC3339Nano))
	}
	return at, true, nil
}

func (r *Rule) run(ctx context.Context, after time.Time) (string, error) {
	cmd := exec.CommandContext(ctx, r.Command[0], r.Command[1:]...)
	cmd.Env = append(slices.Concat(os.Environ(), r.Env),
		"EV_AFTER="+after.Format(time.RFC3339Nano),
		"EV_AFTER_EPOCH="+strconv.FormatInt(after.Unix(), 10)+after.Format(".000000000"))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	const longest = 1024
	text, err := io.ReadAll(io.LimitReader(out, longest+1))
	if len(text) > longest {
		err = errors.New("it prints more than one time")
	}
	_ = out.Close() // what is too long is not waited for
	ended := cmd.Wait()
	if err == nil {
		err = ended
	}
	return strings.TrimSpace(string(text)), err
}

// asking is what a Watcher knows of its Rule.
type asking struct {
	rule   *Rule
	stop   func() // gives up the question that is open; nil if none is
	jumps  uint64 // steps of the clock when the last answer came
	number int    // of the last question
}

func (e *Watcher) asking() bool { return e.rule != nil && e.rule.stop != nil }

// ask has the rule asked what comes next, on a goroutine of its own. The question keeps the loop alive until it is
// answered, also while the rule fails.
func (e *Watcher) ask() {
	e.forget()
	r := e.rule
	r.number++
	ctx, cancel := context.WithCancel(context.Background())
	e.schedule, r.stop = nil, cancel
	e.loop.Ref()
	number, after := r.number, e.settled
	go func() {
		at, ok, err := r.rule.Next(ctx, after)
		e.loop.Post(func() {
			if number == r.number && e.asking() {
				e.answer(at, ok, err)
			}
		})
	}()
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

// stepped has the rule asked anew if the clock has been stepped since its answer, and not beyond it.
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
