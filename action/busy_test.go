package action

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

func TestParseBusy(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Busy
		back string
	}{
		{"queue", Busy{Policy: Queue}, "queue"},
		{"merge", Busy{Policy: Merge}, "merge"},
		{"skip", Busy{Policy: Skip}, "skip"},
		{"restart", Busy{Policy: Restart}, "restart"},
		{"signal", Busy{Policy: Signal, Signal: unix.SIGUSR1}, "signal=USR1"},
		{"signal=SIGhup", Busy{Policy: Signal, Signal: unix.SIGHUP}, "signal=HUP"},
		{"parallel", Busy{Policy: Parallel, Limit: 16}, "parallel=16"},
		{"parallel=3", Busy{Policy: Parallel, Limit: 3}, "parallel=3"},
	} {
		got, err := ParseBusy(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseBusy(%q) = %v, %v; want %v", tt.text, got, err, tt.want)
		}
		if got.String() != tt.back {
			t.Errorf("ParseBusy(%q) is written %q, want %q", tt.text, got, tt.back)
		}
	}
}

func TestParseBusy_refusesWithReason(t *testing.T) {
	for text, want := range map[string]struct {
		says string
		at   int
	}{
		"":            {"there are queue, merge", 0},
		"quue":        {"did you mean queue?", 0},
		"drop":        {"there are queue, merge", 0},
		"queue=3":     {"takes no value", 5},
		"merge=":      {"takes no value", 5},
		"parallel=":   {"number of commands from 1", 9},
		"parallel=0":  {"number of commands from 1", 9},
		"parallel=-1": {"number of commands from 1", 9},
		"parallel=x":  {"number of commands from 1", 9},
		"signal=HPU":  {"did you mean HUP?", 7},
		"signal=":     {"no signal", 7},
	} {
		if b, err := ParseBusy(text); err == nil || !strings.Contains(err.Error(), want.says) || diag.Offset(err) != want.at {
			t.Errorf("ParseBusy(%q) = %v, %v at %d; want an error with %q at %d", text, b, err, diag.Offset(err), want.says, want.at)
		}
	}
}

// TestBusy has two events come in each state of the run for the first one, under each policy, and
// tells what is run in the end, with what was missed.
func TestBusy(t *testing.T) {
	states := []struct {
		name  string
		reach func(*stage)
	}{
		{"starting", func(*stage) {}},
		{"running", func(s *stage) { s.answer(nil) }},
		{"stopping", func(s *stage) { s.answer(nil); s.on(func() { s.runs[0].late() }) }},
		{"pausing", func(s *stage) { s.answer(nil); s.end(1) }},
	}
	for _, tt := range []struct {
		policy Busy
		want   [4]string
	}{
		{Busy{Policy: Queue}, [4]string{
			"start 1, done 1, start 2, done 2, start 3, done 3",
			"start 1, done 1, start 2, done 2, start 3, done 3",
			"start 1, TERM, start 1, done 1, start 2, done 2, start 3, done 3",
			"start 1, start 1, done 1, start 2, done 2, start 3, done 3",
		}},
		{Busy{Policy: Merge}, [4]string{
			"start 1, done 1, start 3 (1 missed), done 3",
			"start 1, done 1, start 3 (1 missed), done 3",
			"start 1, TERM, start 1, done 1, start 3 (1 missed), done 3",
			"start 1, start 1, done 1, start 3 (1 missed), done 3",
		}},
		{Busy{Policy: Skip}, [4]string{
			"start 1, done 1, start 9 (2 missed), done 9",
			"start 1, done 1, start 9 (2 missed), done 9",
			"start 1, TERM, start 1, done 1, start 9 (2 missed), done 9",
			"start 1, start 1, done 1, start 9 (2 missed), done 9",
		}},
		{Busy{Policy: Restart}, [4]string{
			"start 1, TERM, done 1 stopped, start 3 (1 missed), done 3",
			"start 1, TERM, done 1 stopped, start 3 (1 missed), done 3",
			"start 1, TERM, done 1: timed out, stopped, start 3 (1 missed), done 3",
			"start 1, done 1 stopped, start 2, TERM, done 2 stopped, start 3, done 3",
		}},
		{Busy{Policy: Signal, Signal: unix.SIGHUP}, [4]string{
			"start 1, HUP, done 1",
			"start 1, HUP, HUP, done 1", //nolint:dupword // both events are told
			"start 1, TERM, start 1, done 1, start 3 (1 missed), done 3",
			"start 1, start 1, done 1, start 3 (1 missed), done 3",
		}},
		{Busy{Policy: Parallel, Limit: 2}, [4]string{
			"start 1, start 2, done 1, start 3, done 2, done 3",
			"start 1, start 2, done 1, start 3, done 2, done 3",
			"start 1, TERM, start 2, done 2, start 3, done 3, start 1, done 1",
			"start 1, start 2, done 2, start 3, done 3, start 1, done 1",
		}},
	} {
		for i, st := range states {
			t.Run(tt.policy.String()+" when "+st.name, func(t *testing.T) {
				events, skipped := 3, 0
				perform(t, Options{Busy: tt.policy, Retry: 1}, func(s *stage) {
					s.o.Skipped = func() { skipped++ }
					s.note = func(e event.Event) string {
						if n := e.Detail.(event.Timer).Missed; n > 0 {
							return fmt.Sprintf("start %d (%d missed)", e.Seq, n)
						}
						return fmt.Sprintf("start %d", e.Seq)
					}
					s.do(1)
					st.reach(s)
					s.do(2)
					s.do(3)
					s.finishAll()
					if tt.policy.Policy == Skip {
						s.do(9)
						s.finishAll()
						events++
					}
					got := strings.NewReplacer(": exited 0, stopped", " stopped", ": exited 1, stopped", " stopped", ": exited 0", "").Replace(s.took())
					if got != tt.want[i] {
						t.Errorf("got  %q\nwant %q", got, tt.want[i])
					}
					if runs := strings.Count(got, "done "); runs+skipped != events {
						t.Errorf("%d runs and %d skipped are not %d events", runs, skipped, events)
					}
				})
			})
		}
	}
}

// finishAll answers every start, ends every process with status 0, and waits for every pause, until
// nothing is left.
func (s *stage) finishAll() {
	for len(s.runs) > 0 {
		for len(s.asked) > 0 {
			s.answer(nil)
		}
		if len(s.actors) > 0 {
			s.end(0)
			continue
		}
		s.pass(time.Second)
	}
}

// instant starts processes that end as soon as they live.
type instant struct{ loop *loop.Loop }

func (i instant) start(r *run) {
	i.loop.Post(func() {
		r.started(&actor{run: r}, nil)
		r.ended(process.Wait{})
	})
}

// A source that can wait is held while events wait, so that no more than one does.
func TestBusy_queueHoldsItsSource(t *testing.T) {
	for _, policy := range []Busy{{Policy: Queue}, {Policy: Parallel, Limit: 4}} {
		t.Run(policy.String(), func(t *testing.T) {
			l, err := loop.New(loop.WithBackend(looptest.New()))
			if err != nil {
				t.Fatal(err)
			}
			const events = 100_000
			var x *Exec
			var ran []uint64
			next, held, longest := uint64(1), false, 0
			pour := func() {
				for !held && next <= events {
					e := tick(next)
					next++
					x.Do(e)
					longest = max(longest, len(x.queue))
				}
			}
			x = newExec(l, instant{l}, &Options{Argv: []string{"cmd"}, Busy: policy}, Setting{
				Done: func(e event.Event, _ Outcome) { ran = append(ran, e.Seq) },
				Full: func(full bool) { held = full; pour() },
			})
			pour()
			if err := l.Run(t.Context(), loop.RunDefault); err != nil {
				t.Fatal(err)
			}
			if longest > 1 {
				t.Errorf("%d events waited at once", longest)
			}
			if len(ran) != events || !slices.IsSorted(ran) {
				t.Errorf("%d of %d events were run, in order: %v", len(ran), events, slices.IsSorted(ran))
			}
		})
	}
}

// One that can't wait fills the queue: nothing is lost, and it is said.
func TestBusy_queueGrowsForASourceThatCantWait(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Queue}}, func(s *stage) {
		const events = 20_000
		s.on(func() {
			for i := range uint64(events) {
				s.Do(tick(i + 1))
			}
		})
		if n := len(s.queue); n != events-1 {
			t.Errorf("%d events wait, want %d", n, events-1)
		}
		for _, want := range []string{"cmd: 1000 events wait", "cmd: 10000 events wait"} {
			if !strings.Contains(s.said.String(), want) {
				t.Errorf("did not say %q", want)
			}
		}
		s.on(func() { s.Close(func() {}) })
		if want := "nothing is run for 19999 events"; !strings.Contains(s.said.String(), want) {
			t.Errorf("did not say %q at the end", want)
		}
	})
}

// An event whose command the system did not start is one that waited, too.
func TestBusy_endTellsOfWhatCouldNotBeStarted(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Parallel, Limit: 2}}, func(s *stage) {
		for seq := range uint64(3) {
			s.on(func() { s.Do(tick(seq + 1)) })
		}
		s.answer(unix.EAGAIN)
		s.answer(unix.EAGAIN)
		s.on(func() { s.Close(func() {}) })
		if want := "nothing is run for 3 events"; !strings.Contains(s.said.String(), want) {
			t.Errorf("said %q, want %q", s.said.String(), want)
		}
	})
}

// A command that reads the source itself holds it, under any policy: the descriptor would be ready
// all the time.
func TestBusy_commandThatReadsTheSourceHoldsIt(t *testing.T) {
	var told []bool
	perform(t, Options{Busy: Busy{Policy: Skip}}, func(s *stage) {
		s.o.Full = func(full bool) { told = append(told, full) }
		for _, peer := range []string{"", "127.0.0.1:1"} { // a connection is no source
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			s.on(func() { s.Do(event.Event{Detail: event.FD{File: f, Peer: peer}}) })
			s.answer(nil)
			s.end(0)
		}
	})
	if want := []bool{true, false}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// As many connections as may be hold it as well: others can wait to be accepted.
func TestBusy_allConnectionsHoldTheSource(t *testing.T) {
	var told []bool
	perform(t, Options{Busy: Busy{Policy: Parallel, Limit: 2}}, func(s *stage) {
		s.o.Full = func(full bool) { told = append(told, full) }
		for range 2 {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			if len(told) > 0 {
				t.Error("one of two is told to be all")
			}
			s.on(func() { s.Do(event.Event{Detail: event.FD{File: f, Peer: "127.0.0.1:1"}}) })
			s.answer(nil)
		}
		s.end(0)
		s.end(0)
	})
	if want := []bool{true, false}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// The loop lives as long as a run does, also through a pause, and no longer.
func TestExec_keepsTheLoopAlive(t *testing.T) {
	perform(t, Options{Retry: 1, Busy: Busy{Policy: Queue}}, func(s *stage) {
		s.do(1)
		s.do(2)
		s.on(s.loop.Unref)
		s.answer(nil)
		s.end(1) // a pause, an event waits
		s.pass(time.Second)
		s.answer(nil)
		s.end(0)
		s.answer(nil)
		if s.ended() {
			t.Fatal("Run returned while a command was running")
		}
		s.end(0)
		if !s.ended() {
			t.Error("Run did not return though nothing runs")
		}
	})
}

// Done may close the Exec, as --exit-on-error does: nothing more is started.
func TestExec_isClosedWithinDone(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Queue}}, func(s *stage) {
		s.o.Done = func(event.Event, Outcome) { s.Close(func() { s.logf("closed") }) }
		s.do(1)
		s.do(2)
		s.answer(nil)
		s.end(1)
		if got, want := s.took(), "start 1, closed"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s.do(3)
		if got := s.took(); got != "" {
			t.Errorf("after Close: %q", got)
		}
	})
}

// A descriptor that no run gets is closed, and so is that of a run that has it.
func TestBusy_closesEveryDescriptor(t *testing.T) {
	for _, policy := range []Busy{
		{Policy: Queue}, {Policy: Merge}, {Policy: Skip}, {Policy: Restart}, {Policy: Signal, Signal: unix.SIGHUP}, {Policy: Parallel, Limit: 2},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			perform(t, Options{Busy: policy}, func(s *stage) {
				var files []*os.File
				for range 5 {
					f, err := os.Open(os.DevNull)
					if err != nil {
						t.Fatal(err)
					}
					files = append(files, f)
					s.on(func() { s.Do(event.Event{Detail: event.FD{File: f, Peer: "peer"}}) })
				}
				s.answer(nil)
				s.on(func() { s.Close(func() {}) })
				s.finishAll()
				for i, f := range files {
					if !errors.Is(f.Close(), os.ErrClosed) {
						t.Errorf("the descriptor of event %d is open", i+1)
					}
				}
			})
		})
	}
}
