package action

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// A stage is an Exec on fake time whose processes are actors of the test's.
type stage struct {
	*Exec
	t      *testing.T
	loop   *loop.Loop
	log    []string // what happened, in words
	asked  []*run   // starts that the test has not answered
	actors []*actor
	said   bytes.Buffer
	over   chan struct{}            // closed when Run has returned
	note   func(event.Event) string // of a start, for the log
}

// An actor is a child that does nothing by itself.
type actor struct {
	*stage
	run *run
}

func (a *actor) Signal(s syscall.Signal) { a.logf("%s", sig.Name(s)) }
func (a *actor) Stop()                   { a.logf("TERM") }
func (a *actor) Kill()                   { a.logf("KILL") }
func (a *actor) String() string          { return "actor" }

func (s *stage) logf(format string, args ...any) { s.log = append(s.log, fmt.Sprintf(format, args...)) }

func (s *stage) start(r *run) {
	if s.note != nil {
		s.logf("%s", s.note(r.event))
	} else {
		s.logf("start %d", r.event.Seq)
	}
	s.asked = append(s.asked, r)
}

// perform runs play in a bubble, on an Exec with the given options.
func perform(t *testing.T, o Options, play func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, err := loop.New(loop.WithBackend(looptest.New()))
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{t: t, loop: l}
		o.Argv = []string{"cmd"}
		var in Setting
		in.Report = report.New(&s.said, "ev", report.Plain, report.Debug)
		in.Stdout = NewOutput(l, os.Stdout, nil)
		in.Stderr = in.Stdout
		in.Done = func(e event.Event, out Outcome) {
			text := fmt.Sprintf("done %d: %v", e.Seq, out)
			if out.Stopped {
				text += ", stopped"
			}
			s.logf("%s", text)
		}
		s.Exec = newExec(l, s, &o, in)
		ctx, cancel := context.WithCancel(t.Context())
		s.over = make(chan struct{})
		l.Ref() // the play's
		go func() {
			_ = l.Run(ctx, loop.RunDefault)
			close(s.over)
		}()
		play(s)
		cancel()
		<-s.over
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// on has fn called by the loop, and waits until all is quiet.
func (s *stage) on(fn func()) {
	s.loop.Post(fn)
	synctest.Wait()
}

// ended reports whether the loop has.
func (s *stage) ended() bool {
	synctest.Wait()
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// pass lets time pass. What the test has done until now comes before.
func (s *stage) pass(d time.Duration) {
	s.on(func() {})
	<-time.After(d)
	synctest.Wait()
}

func (s *stage) do(seq uint64) {
	s.on(func() { s.Do(tick(seq)) })
}

func tick(seq uint64) event.Event {
	return event.Event{Seq: seq, Name: "t", Time: time.Unix(0, 0), Detail: event.Timer{After: time.Second}}
}

// answer tells the oldest run that asked for a process how that went.
func (s *stage) answer(err error) {
	s.t.Helper()
	if len(s.asked) == 0 {
		s.t.Fatalf("no process was asked for; log %q", s.log)
	}
	r := s.asked[0]
	s.asked = s.asked[1:]
	s.on(func() {
		if err != nil {
			r.started(nil, err)
			return
		}
		a := &actor{stage: s, run: r}
		s.actors = append(s.actors, a)
		r.started(a, nil)
	})
}

// end ends the oldest process.
func (s *stage) end(status int) {
	s.t.Helper()
	if len(s.actors) == 0 {
		s.t.Fatalf("no process lives; log %q", s.log)
	}
	a := s.actors[0]
	s.actors = s.actors[1:]
	s.on(func() { a.run.ended(process.Wait{Status: syscall.WaitStatus(status << 8)}) })
}

// took returns what happened since the last call.
func (s *stage) took() string {
	got := strings.Join(s.log, ", ")
	s.log = nil
	return got
}

func (st state) String() string { return [...]string{"idle", "running", "stopping"}[st] }

// TestRun gives every input to a run in every condition it can be in. What comes after "→" is the
// state it is in then.
func TestRun(t *testing.T) {
	const timeout = time.Minute
	options := Options{RunTimeout: timeout, Retry: 1}
	conditions := []struct {
		name  string
		reach func(*stage)
	}{
		{"starting", func(s *stage) { s.do(1) }},
		{"living", func(s *stage) { s.do(1); s.answer(nil) }},
		{"in a pause", func(s *stage) { s.do(1); s.answer(nil); s.end(7) }},
		{"on its last try", func(s *stage) {
			s.do(1)
			s.answer(nil)
			s.end(7)
			s.pass(time.Second)
			s.answer(nil)
		}},
		{"told to end while it starts", func(s *stage) { s.do(1); s.on(func() { s.runs[0].stop() }) }},
		{"killed while it starts", func(s *stage) { s.do(1); s.on(func() { s.runs[0].kill() }) }},
		{"told to end", func(s *stage) { s.do(1); s.answer(nil); s.on(func() { s.runs[0].stop() }) }},
		{"told to end because late", func(s *stage) { s.do(1); s.answer(nil); s.pass(timeout) }},
		{"killed", func(s *stage) { s.do(1); s.answer(nil); s.on(func() { s.runs[0].kill() }) }},
	}
	const impossible = "-"
	inputs := []struct {
		name string
		give func(*stage)
		want []string // one for each condition
	}{
		{"stop", func(s *stage) { s.on(func() { s.runs[0].stop() }) }, []string{
			"→ stopping", "TERM → stopping", "done 1: exited 7, stopped", "TERM → stopping", "→ stopping",
			"→ stopping", "→ stopping", "→ stopping", "→ stopping",
		}},
		{"kill", func(s *stage) { s.on(func() { s.runs[0].kill() }) }, []string{
			"→ stopping", "KILL → stopping", "done 1: exited 7, stopped", "KILL → stopping", "→ stopping",
			"→ stopping", "KILL → stopping", "KILL → stopping", "KILL → stopping",
		}},
		{"tell", func(s *stage) { s.on(func() { s.runs[0].tell(unix.SIGUSR1) }) }, []string{
			"→ running", "USR1 → running", "→ idle", "USR1 → running", "→ stopping",
			"→ stopping", "→ stopping", "→ stopping", "→ stopping",
		}},
		{"started", func(s *stage) { s.answer(nil) }, []string{
			"→ running", impossible, impossible, impossible, "TERM → stopping",
			"KILL → stopping", impossible, impossible, impossible,
		}},
		{"not there", func(s *stage) { s.answer(process.Errorf(127, "cmd: gone")) }, []string{
			"→ idle", impossible, impossible, impossible, "done 1: exited 0, stopped",
			"done 1: exited 0, stopped", impossible, impossible, impossible,
		}},
		{"no process to be had", func(s *stage) { s.answer(unix.EAGAIN) }, []string{
			"→ idle", impossible, impossible, impossible, "done 1: exited 0, stopped",
			"done 1: exited 0, stopped", impossible, impossible, impossible,
		}},
		{"exits 0", func(s *stage) { s.end(0) }, []string{
			impossible, "done 1: exited 0", impossible, "done 1: exited 0", impossible,
			impossible, "done 1: exited 0, stopped", "→ idle", "done 1: exited 0, stopped",
		}},
		{"exits 3", func(s *stage) { s.end(3) }, []string{
			impossible, "→ idle", impossible, "done 1: exited 3", impossible,
			impossible, "done 1: exited 3, stopped", "→ idle", "done 1: exited 3, stopped",
		}},
		{"a second passes", func(s *stage) { s.pass(time.Second) }, []string{
			"→ running", "→ running", "start 1 → running", "→ running", "→ stopping",
			"→ stopping", "→ stopping", "→ stopping", "→ stopping",
		}},
		{"its time passes", func(s *stage) { s.pass(timeout + time.Second) }, []string{
			"→ running", "TERM → stopping", "start 1 → running", "TERM → stopping", "→ stopping",
			"→ stopping", "→ stopping", "→ stopping", "→ stopping",
		}},
	}
	for _, in := range inputs {
		for i, c := range conditions {
			if in.want[i] == impossible {
				continue
			}
			t.Run(in.name+" when "+c.name, func(t *testing.T) {
				perform(t, options, func(s *stage) {
					c.reach(s)
					s.took()
					in.give(s)
					got := s.took()
					if len(s.runs) > 0 {
						got = strings.TrimSpace(got + " → " + s.runs[0].state.String())
					}
					if got != in.want[i] {
						t.Errorf("got %q, want %q", got, in.want[i])
					}
				})
			})
		}
	}
}

func TestRun_lateTwiceIsATimeoutOfStatus124(t *testing.T) {
	perform(t, Options{RunTimeout: time.Minute, Retry: 1}, func(s *stage) {
		s.do(1)
		for range 2 {
			s.answer(nil)
			s.pass(time.Minute)
			s.end(0)
			s.pass(time.Second)
		}
		if got, want := s.took(), "start 1, TERM, start 1, TERM, done 1: timed out"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestRun_pausesBetweenTriesGrow(t *testing.T) {
	perform(t, Options{Retry: 9}, func(s *stage) {
		s.do(1)
		var pauses []string
		for len(s.runs) > 0 {
			s.answer(nil)
			s.end(1)
			failed := time.Now()
			for len(s.runs) > 0 && len(s.asked) == 0 {
				s.pass(time.Second)
			}
			pauses = append(pauses, time.Since(failed).String())
		}
		if got, want := strings.Join(pauses, " "), "1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s 0s"; got != want {
			t.Errorf("paused %s, want %s", got, want)
		}
		if want := "cmd: exited 1: trying again in 4s (3 of 9)"; !strings.Contains(s.said.String(), want) {
			t.Errorf("did not say %q", want)
		}
	})
}

func TestRun_startIsTriedUntilTheSystemCan(t *testing.T) {
	perform(t, Options{}, func(s *stage) {
		s.do(1)
		s.do(2)
		for range 50 {
			s.answer(unix.EAGAIN)
			s.pass(10 * time.Second)
		}
		s.took()
		s.answer(nil)
		s.end(0)
		s.answer(nil)
		s.end(0)
		if got, want := s.took(), "done 1: exited 0, start 2, done 2: exited 0"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if said := s.said.String(); strings.Count(said, "started now: no more processes are allowed (ulimit -u)") != 1 || strings.Count(said, "can be started again") != 1 {
			t.Errorf("said %q", said)
		}
	})
}

func TestRun_isToldWhatCameWhileItStarted(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Signal, Signal: unix.SIGHUP}}, func(s *stage) {
		s.do(1)
		s.do(2)
		s.answer(nil)
		if got, want := s.took(), "start 1, HUP"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestRun_isToldAllThatCameWhileItStarted(t *testing.T) {
	perform(t, Options{}, func(s *stage) {
		s.do(1)
		s.on(func() {
			s.Signal(unix.SIGUSR1)
			s.Signal(unix.SIGWINCH)
		})
		s.answer(nil)
		if got, want := s.took(), "start 1, USR1, WINCH"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A connection is one event's detail that counts how often it is let go.
type connection struct {
	event.Timer
	released int
}

func (c *connection) Release() { c.released++ }

func TestRun_descriptorIsKeptForTheLastTry(t *testing.T) {
	perform(t, Options{Retry: 2}, func(s *stage) {
		c := &connection{}
		s.on(func() { s.Do(event.Event{Seq: 1, Detail: c}) })
		for range 2 {
			s.answer(nil)
			s.end(1)
			if c.released > 0 {
				t.Fatal("the next try would find the descriptor closed")
			}
			s.pass(time.Minute)
		}
		s.answer(nil)
		if c.released == 0 {
			t.Error("ev still has the descriptor: its peer would not see the command close it")
		}
	})
}

func TestRun_tellsOnceThatTheTerminalHasStoppedIt(t *testing.T) {
	perform(t, Options{}, func(s *stage) {
		s.on(func() { s.Do(tick(1)) })
		s.on(func() { s.runs[0].stopped() })
		s.on(func() { s.runs[0].stopped() })
		if said := s.said.String(); strings.Count(said, "wants to use the terminal: add --foreground\n") != 1 {
			t.Errorf("%q", said)
		}
		s.asked[0].started(&actor{s, s.runs[0]}, nil)
		s.on(func() { s.asked[0].ended(process.Wait{}) })
	})
}
