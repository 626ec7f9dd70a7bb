package process

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
)

// A stage is a Process on fake time whose body is the test's.
type stage struct {
	*Process
	loop  *loop.Loop
	exit  func(Wait)
	stays bool // something of its group
	looks int  // at that
	deaf  bool // it may not be signalled
	log   []string
	said  bytes.Buffer
}

func (s *stage) signal(by syscall.Signal) error { return s.sent("%s", sig.Name(by)) }
func (s *stage) kill() error                    { return s.sent("killed") }
func (s *stage) gone() bool                     { s.looks++; return !s.stays }
func (s *stage) forget()                        {}
func (s *stage) leave()                         { s.logf("left") }

func (s *stage) sent(format string, args ...any) error {
	if s.deaf {
		return unix.EPERM
	}
	s.logf(format, args...)
	return nil
}

func (s *stage) await(_ *loop.Loop, ended func(Wait)) {
	s.exit = ended
}

func (s *stage) logf(format string, args ...any) { s.log = append(s.log, fmt.Sprintf(format, args...)) }

// took returns what happened since the last call.
func (s *stage) took() string {
	got := strings.Join(s.log, ", ")
	s.log = nil
	return got
}

// on has fn called by the loop, and waits until all is quiet.
func (s *stage) on(fn func()) {
	s.loop.Post(fn)
	synctest.Wait()
}

// pass lets time pass. What the test has done until now comes before.
func (s *stage) pass(d time.Duration) {
	s.on(func() {})
	<-time.After(d)
	synctest.Wait()
}

// ends has the process itself end.
func (s *stage) ends() { s.on(func() { s.exit(Wait{Status: 3 << 8}) }) }

// perform runs play in a bubble, on a Process of sp.
func perform(t *testing.T, sp Spec, play func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, err := loop.New(loop.WithBackend(looptest.New()))
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{loop: l}
		sp.Argv = []string{"cmd"}
		sp.Report = report.New(&s.said, "ev", report.Plain, report.Debug)
		s.Process = newProcess(&sp, 7, s, time.Now())
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		l.Ref() // the play's
		go func() {
			_ = l.Run(ctx, loop.RunDefault)
			close(over)
		}()
		s.on(func() {
			s.follow(l, func(w Wait) { s.logf("ended with %d after %v", w.Status.ExitStatus(), w.Elapsed) })
		})
		play(s)
		cancel()
		<-over
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (st state) String() string { return [...]string{"living", "stopping", "over"}[st] }

// TestProcess gives every input to a Process in every condition it can be in. What comes after "→"
// is the state it is in then.
func TestProcess(t *testing.T) {
	const grace = 10 * time.Second
	conditions := []struct {
		name  string
		reach func(*stage)
	}{
		{"living", func(*stage) {}},
		{"told to end", func(s *stage) { s.on(s.Stop) }},
		{"told to end, then killed", func(s *stage) { s.on(s.Stop); s.on(s.Kill) }},
		{"killed", func(s *stage) { s.on(s.Kill) }},
		{"ended, others in its group", func(s *stage) { s.stays = true; s.on(s.Stop); s.ends() }},
		{"ended and killed, others in its group", func(s *stage) { s.stays = true; s.on(s.Stop); s.ends(); s.on(s.Kill) }},
		{"over", func(s *stage) { s.ends() }},
		{"over, others in its group", func(s *stage) { s.stays = true; s.ends() }},
	}
	const impossible = "-"
	const ended = "ended with 3 after 0s → over"
	inputs := []struct {
		name string
		give func(*stage)
		want []string // one for each condition
	}{
		{"Stop", func(s *stage) { s.on(s.Stop) }, []string{
			"INT, CONT → stopping", "→ stopping", "→ stopping", "→ stopping",
			"→ stopping", "→ stopping", "→ over", "→ over",
		}},
		{"Kill", func(s *stage) { s.on(s.Kill) }, []string{
			"killed → stopping", "killed → stopping", "killed → stopping", "killed → stopping",
			"killed → stopping", "killed → stopping", "→ over", "→ over",
		}},
		{"Signal", func(s *stage) { s.on(func() { s.Signal(unix.SIGUSR1) }) }, []string{
			"USR1 → living", "USR1 → stopping", "USR1 → stopping", "USR1 → stopping",
			"USR1 → stopping", "USR1 → stopping", "→ over", "→ over",
		}},
		{"its end", (*stage).ends, []string{
			ended, ended, ended, ended, impossible, impossible, impossible, impossible,
		}},
		{"its end, others in its group", func(s *stage) { s.stays = true; s.ends() }, []string{
			ended, "→ stopping", "→ stopping", "→ stopping", impossible, impossible, impossible, impossible,
		}},
		{"the end of its group", func(s *stage) { s.stays = false; s.pass(time.Second) }, []string{
			"→ living", "→ stopping", "→ stopping", "→ stopping", ended, ended, "→ over", "→ over",
		}},
		{"the end of the grace", func(s *stage) { s.pass(grace) }, []string{
			"→ living", "killed → stopping", "→ stopping", "→ stopping",
			"killed → stopping", ended, "→ over", "→ over",
		}},
	}
	for _, in := range inputs {
		for i, c := range conditions {
			if in.want[i] == impossible {
				continue
			}
			t.Run(in.name+" when "+c.name, func(t *testing.T) {
				perform(t, Spec{StopSignal: unix.SIGINT, KillAfter: grace}, func(s *stage) {
					c.reach(s)
					s.took()
					in.give(s)
					if got := strings.TrimSpace(s.took() + " → " + s.state.String()); got != in.want[i] {
						t.Errorf("got %q, want %q", got, in.want[i])
					}
				})
			})
		}
	}
}

func TestProcess_saysWhatItKills(t *testing.T) {
	perform(t, Spec{StopSignal: unix.SIGINT, KillAfter: time.Minute}, func(s *stage) {
		s.on(s.Stop)
		s.pass(time.Minute)
		s.ends()
		if got, want := s.said.String(), "ev: cmd: did not end within 1m of INT: killed\n"; got != want {
			t.Errorf("said %q, want %q", got, want)
		}
		if got, want := s.took(), "INT, CONT, killed, ended with 3 after 1m0s"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestProcess_isNeverKilledIfThatIsAsked(t *testing.T) {
	perform(t, Spec{StopSignal: unix.SIGTERM, KillAfter: span.Inf}, func(s *stage) {
		s.on(s.Stop)
		s.pass(1000 * time.Hour)
		if got, want := s.took(), "TERM, CONT"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// However much of a group survives KILL (a process in the kernel, one of another user), its end is
// told; and looking for what is left costs little.
func TestProcess_endsThoughSomethingSurvivesKill(t *testing.T) {
	perform(t, Spec{StopSignal: unix.SIGTERM, KillAfter: time.Minute}, func(s *stage) {
		s.stays = true
		s.on(s.Stop)
		s.ends()
		s.pass(time.Minute - time.Millisecond)
		if s.looks < 500 || s.looks > 1000 {
			t.Errorf("looked %d times in a minute", s.looks)
		}
		s.pass(time.Millisecond)
		s.on(func() { s.looks = 0 })
		s.pass(2 * time.Second)
		if got, want := s.took(), "TERM, CONT, killed, ended with 3 after 0s"; got != want || s.looks > 20 {
			t.Errorf("%q, want %q; looked %d times", got, want, s.looks)
		}
	})
}

// What a Whole process leaves behind ends with it, and its own end is told after that.
// TestProcess_mayNotBeSignalled: it is waited for until a second after KILL, and then left.
func TestProcess_mayNotBeSignalled(t *testing.T) {
	told := "ev: cmd: process 7 can't be signalled: operation not permitted: its end is waited for\n"
	perform(t, Spec{StopSignal: unix.SIGTERM, KillAfter: time.Second}, func(s *stage) {
		s.deaf = true
		s.on(func() { s.Signal(unix.SIGHUP) })
		s.on(s.Stop)
		s.ends()
		if got := s.took(); got != "ended with 3 after 0s" || s.said.String() != told {
			t.Errorf("%s; said %q", got, s.said.String())
		}
	})
	perform(t, Spec{StopSignal: unix.SIGTERM, KillAfter: time.Second}, func(s *stage) {
		s.deaf = true
		s.on(s.Stop)
		s.pass(1999 * time.Millisecond)
		if s.state != stopping {
			t.Errorf("it is %v", s.state)
		}
		s.pass(time.Millisecond)
		s.ends() // later, which nobody waits for
		if got, want := s.took(), "left, ended with 0 after 2s"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		told += "ev: cmd: process 7 can't be killed: it is left to itself\n"
		if got := s.said.String(); got != told {
			t.Errorf("said %q", got)
		}
	})
}

func TestProcess_whole(t *testing.T) {
	perform(t, Spec{StopSignal: unix.SIGINT, KillAfter: time.Second, Whole: true}, func(s *stage) {
		s.stays = true
		s.ends()
		if got := s.took(); got != "INT, CONT" {
			t.Errorf("%s", got)
		}
		s.pass(time.Second)
		if got := s.took(); got != "killed" {
			t.Errorf("%s", got)
		}
		s.stays = false
		s.pass(time.Second)
		if got := s.took(); got != "ended with 3 after 0s" {
			t.Errorf("%s", got)
		}
	})
	perform(t, Spec{Whole: true}, func(s *stage) {
		if s.ends(); s.took() != "ended with 3 after 0s" {
			t.Error("nothing was left, and it has not ended")
		}
	})
}
