package every

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

func shellRule(t *testing.T, script string) *Rule {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs sh")
	}
	return &Rule{Command: []string{sh, "-c", script}, Zone: time.UTC, Starter: starter(t)}
}

func TestRuleAnswers(t *testing.T) {
	after := time.Date(2026, 11, 23, 8, 0, 0, 500_000_000, time.UTC)
	tests := []struct {
		name, script string
		want         time.Time // zero: never again
		err          string
	}{
		{"RFC 3339", "echo 2026-11-23T09:00:00Z", after.Add(time.Hour - 500*time.Millisecond), ""},
		{"since the epoch", `echo "@$(( EV_AFTER_EPOCH + 60 ))"`, after.Add(time.Minute - 500*time.Millisecond), ""},
		{"bare seconds", "echo 1795420801.5", after.Add(time.Second), ""},
		{"a time of that day", "echo 18:00", time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), ""},
		{"the reference", `test "$EV_AFTER $EV_AFTER_EPOCH" = "2026-11-23T08:00:00.5Z 1795420800"`, time.Time{}, ""},
		{"never again", "true", time.Time{}, ""},
		{"no time", "echo soon", time.Time{}, "did not print a time"},
		{"two times", "echo 18:00; echo 19:00", time.Time{}, "did not print a time"},
		{"no end", "while echo 18:00; do :; done", time.Time{}, "more than one time"},
		{"not later", `echo "$EV_AFTER"`, time.Time{}, "not after $EV_AFTER"},
		{"failure", "exit 3", time.Time{}, "failed: exited 3"},
		{"a signal", "kill -9 $$", time.Time{}, "failed: killed by KILL"},
		{"its output is still open", "sleep 20 2>&1 & echo 18:00", time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, ok, err := shellRule(t, tt.script).Next(after)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || ok == tt.want.IsZero() || !at.Equal(tt.want) {
				t.Fatalf("%v, %t, %v, want %v", at, ok, err, tt.want)
			}
		})
	}
}

// A question that is given up is ended, whether its command is there yet or not, and the loop with
// it.
func TestRuleIsGivenUp(t *testing.T) {
	for name, early := range map[string]bool{"while it starts": true, "while it runs": false} {
		t.Run(name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			rule := shellRule(t, `exec 3<>"$FIFO"; echo up >&3; trap '' TERM; while :; do sleep 1000; done`)
			rule.Env = []string{"FIFO=" + fifo}
			l := looptest.NewLoop(t)
			e := New(l, Options{Rule: rule}, func(event.Detail) { t.Error("an event") })
			if err := e.Start(); err != nil {
				t.Fatal(err)
			}
			if early {
				e.Stop()
			} else {
				go func() {
					f, err := os.Open(fifo)
					if err == nil {
						_, err = f.Read(make([]byte, 1))
						_ = f.Close()
					}
					if err != nil {
						t.Error(err)
					}
					l.Post(e.Stop)
				}()
			}
			looptest.Run(t, l)
			if e.Active() {
				t.Error("still active")
			}
			fd, err := syscall.Open(fifo, syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err == nil {
				_ = syscall.Close(fd)
				t.Error("the command still lives: it has the FIFO open")
			}
		})
	}
}

// starter is what starts rules' commands.
func starter(t *testing.T) *process.Starter {
	t.Helper()
	s := &process.Starter{}
	t.Cleanup(s.Close)
	return s
}

func TestEveryAsksItsRuleForEachInstant(t *testing.T) {
	rule := shellRule(t, `echo "@$(( ${EV_AFTER_EPOCH%.*} + 1 ))"`)
	l := looptest.NewLoop(t)
	var e *Watcher
	var due []time.Time
	e = New(l, Options{Rule: rule, Text: "rule"}, func(d event.Detail) {
		if due = append(due, d.(event.Every).Due); len(due) == 2 {
			e.Stop()
		}
	})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	looptest.Run(t, l)
	if len(due) != 2 || due[1].Sub(due[0]) < time.Second || due[0].Nanosecond() != 0 {
		t.Errorf("due at %v", due)
	}
}

func TestEveryEndsWhenItsRuleSaysNothing(t *testing.T) {
	l := looptest.NewLoop(t)
	e := New(l, Options{Rule: shellRule(t, "true")}, func(event.Detail) { t.Error("an event") })
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	if !e.Active() {
		t.Error("not active while the rule is asked")
	}
	looptest.Run(t, l)
	if e.Active() {
		t.Error("still active")
	}
}

// ruleTest runs a Watcher with a Rule on a clock that can be put on.
type ruleTest struct {
	*Watcher
	loop     *loop.Loop
	wall     time.Duration // how far the wall clock has been put on
	mono     time.Duration // and the time that has passed
	messages bytes.Buffer
}

func newRuleTest(t *testing.T, rule *Rule) *ruleTest {
	t.Helper()
	r := &ruleTest{}
	start := time.Now()
	var err error
	r.loop, err = loop.New(loop.WithClock(func() (time.Time, time.Duration) {
		return time.Now().Round(0).Add(r.wall + r.mono), time.Since(start) + r.mono
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.loop.Close() })
	o := Options{Rule: rule, Report: report.New(&r.messages, "ev", report.Plain, report.Notice)}
	r.Watcher = New(r.loop, o, func(event.Detail) { t.Error("an event") })
	return r
}

// run runs the loop, and calls each step once the one before has returned true.
func (r *ruleTest) run(t *testing.T, steps ...func() bool) {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	check := loop.NewCheck(r.loop, func() {
		if len(steps) > 0 && steps[0]() {
			steps = steps[1:]
		}
		if len(steps) == 0 {
			r.Stop()
			r.loop.Break()
		}
	})
	check.Start()
	tick := loop.NewTimer(r.loop, 0, time.Millisecond, func() {})
	tick.Start()
	if err := r.loop.Run(t.Context(), loop.RunDefault); err != nil {
		t.Fatal(err)
	}
}

func TestEveryAsksItsRuleAnewWhenTheClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		r := newRuleTest(t, shellRule(t, `echo "@$(( ${EV_AFTER_EPOCH%.*} + 3600 ))"`))
		var first, second time.Time
		r.run(t, func() bool {
			first, _ = r.At()
			if first.IsZero() {
				return false
			}
			r.wall = step
			r.loop.UpdateNow()
			return true
		}, func() bool {
			second, _ = r.At()
			return !second.IsZero() && !second.Equal(first)
		})
		if got := second.Sub(first).Round(time.Minute); got != step {
			t.Errorf("a step of %v moved the next instant by %v", step, got)
		}
	}
}

func TestEveryAsksARuleThatFailsAgain(t *testing.T) {
	r := newRuleTest(t, shellRule(t, "exit 1"))
	r.run(t, func() bool {
		if r.messages.Len() == 0 {
			return false
		}
		r.messages.Reset()
		if !r.Active() {
			t.Error("it is not active any more")
		}
		r.mono = rulePause
		return true
	}, func() bool { return r.messages.Len() > 0 })
	if got, want := r.messages.String(), "failed: exited 1; it is asked again in 1m0s"; !strings.Contains(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestEveryDoesNotWaitForARuleForEver(t *testing.T) {
	r := newRuleTest(t, shellRule(t, "trap '' TERM; while :; do sleep 1000; done"))
	r.run(t, func() bool {
		r.mono = ruleTimeout
		return true
	}, func() bool { return r.messages.Len() > 0 })
	if got, want := r.messages.String(), "failed: it did not answer within 10s; it is asked again"; !strings.Contains(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}
