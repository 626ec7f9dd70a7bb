package every

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// A desk is what a Watcher with a state gives its events to: one command at a time runs. It begins
// anew with each ev, the file does not.
type desk struct {
	*everyTest
	runs []event.Every // that go on
}

// atDesk calls play with a Watcher that has been started, and then is killed: nothing is told it.
func atDesk(t *testing.T, o Options, clock time.Duration, play func(*desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		d := &desk{everyTest: newEveryTest(t, o)}
		d.step = clock
		d.isLeft = func(trace string) bool { return strings.HasPrefix(trace, "1") }
		d.emit = func(detail event.Detail) { d.got = append(d.got, detail.(event.Every)) }
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		d.pass(time.Millisecond)
		play(d)
		if d.ledger != nil { // it is killed, which gives the lock back
			d.record.Close()
			d.ledger = nil
		}
		d.periodic.Stop()
	})
}

// run begins a run for the oldest event.
func (d *desk) run() {
	d.t.Helper()
	if len(d.got) == 0 {
		d.t.Fatal("there is no event")
	}
	e := d.got[0]
	d.got = d.got[1:]
	e.Begin(func() {})
	d.runs = append(d.runs, e)
}

// end answers for a run.
func (d *desk) end(n int, v event.Verdict) {
	e := d.runs[n]
	d.runs = slices.Delete(d.runs, n, n+1)
	e.Answer(event.Answer{Verdict: v})
}

// skip answers for the oldest event, which gets no run.
func (d *desk) skip(v event.Verdict) {
	e := d.got[0]
	d.got = d.got[1:]
	e.Answer(event.Answer{Verdict: v})
}

// written runs the loop until all is written.
func (d *desk) written() {
	d.t.Helper()
	done := d.ledger == nil
	if !done {
		d.record.Wait(func() { done = true; d.loop.Break() })
	}
	if !done {
		if err := d.loop.Run(d.t.Context(), loop.RunDefault); err != nil {
			d.t.Fatal(err)
		}
	}
}

// says compares what the file says, with the times of the first of January 2000.
func (d *desk) says(want ...string) {
	d.t.Helper()
	d.written()
	text, err := os.ReadFile(d.options.State)
	if err != nil {
		d.t.Fatal(err)
	}
	short := strings.NewReplacer(ledgerHead, "", "2000-01-01T", "", ":00Z", "", " attempt", "").Replace(string(text))
	if got := strings.Split(strings.TrimSpace(short), "\n"); !slices.Equal(got, want) {
		d.t.Errorf("the state says %q, want %q", got, want)
	}
}

func (d *desk) said(want string) {
	d.t.Helper()
	if got := d.messages.String(); got != want {
		d.t.Errorf("said %q, want %q", got, want)
	}
	d.messages.Reset()
}

// attempts are those of the events that have come.
func (d *desk) attempts(want ...int) {
	d.t.Helper()
	var got []int
	for _, e := range d.got {
		got = append(got, e.Attempt)
	}
	if !slices.Equal(got, want) {
		d.t.Errorf("attempts %v, want %v", got, want)
	}
}

// hourly is a schedule with a state in which all is dealt with until midnight.
func hourly(t *testing.T, c CatchUp) Options {
	t.Helper()
	o := everyOptions(t, "1h")
	o.CatchUp, o.State = c, filepath.Join(t.TempDir(), "state")
	stamp(t, o.State, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	return o
}

func TestParcel_beginsAndEnds(t *testing.T) {
	atDesk(t, hourly(t, CatchUpOnce), 0, func(d *desk) {
		d.says("00:00")
		d.pass(time.Hour)
		d.says("00:00")
		d.run()
		d.says("00:00", "begun 01:00 1")
		d.end(0, event.Ran)
		d.says("01:00")
		d.pass(time.Hour)
		d.skip(event.Passed)
		d.says("02:00")
		d.pass(time.Hour)
		d.run()
		d.end(0, event.Failed)
		d.says("03:00")
	})
}

// TestParcel_cutOff: what a kill has cut off is made up for once, then given up.
func TestParcel_cutOff(t *testing.T) {
	o := hourly(t, CatchUpOnce)
	atDesk(t, o, 0, func(d *desk) {
		d.pass(time.Hour)
		d.run()
	})
	atDesk(t, o, 70*time.Minute, func(d *desk) {
		d.said("ev: the run for 2000-01-01T01:00:00Z was cut off: it is repeated once\n")
		d.attempts(2)
		d.expect("01 01:00:00 late 10m0s")
		d.says("00:00", "begun 01:00 1")
	})
	atDesk(t, o, 71*time.Minute, func(d *desk) { // that was cut off before it began
		d.attempts(2)
		d.run()
		d.says("00:00", "begun 01:00 2")
	})
	atDesk(t, o, 72*time.Minute, func(d *desk) {
		d.said("ev: the run for 2000-01-01T01:00:00Z was cut off again: it is given up, and counts as dealt with\n")
		d.expect()
		d.says("01:00")
	})
	atDesk(t, o, 73*time.Minute, func(d *desk) {
		d.said("")
		d.pass(50 * time.Minute)
		d.attempts(1)
	})
}

// TestParcel_isNeverTwoAtOnce: what is left of a run that was cut off is waited for.
func TestParcel_isNeverTwoAtOnce(t *testing.T) {
	o := hourly(t, CatchUpOnce)
	atDesk(t, o, 0, func(d *desk) {
		d.pass(time.Hour)
		d.run()
		d.runs[0].Began(1) // which lives
		d.written()
		if text, _ := os.ReadFile(o.State); !strings.Contains(string(text), "attempt 1 process 1") {
			t.Errorf("%q", text)
		}
	})
	atDesk(t, o, 70*time.Minute, func(d *desk) {
		d.said("ev: the run for 2000-01-01T01:00:00Z was cut off: it is repeated once\n" +
			"ev: the run for 2000-01-01T01:00:00Z was cut off, and its process 1 is still there: waiting for that to end\n")
		if !d.Active() {
			t.Error("not active")
		}
		d.pass(2 * time.Hour)
		d.expect()
		d.isLeft = func(string) bool { return false }
		d.pass(longestPause)
		d.attempts(2)
		d.expect("01 03:00:00 late 10m0.27s missed 2")
	})
	atDesk(t, o, 200*time.Minute, func(d *desk) {
		d.Stop()
		d.isLeft = func(string) bool { return false }
		d.pass(longestPause)
		d.expect()
	})
}

// TestParcel_stopped: what is stopped at the end of ev was cut off, what ends meanwhile was not.
func TestParcel_stopped(t *testing.T) {
	for _, tt := range []struct {
		verdict event.Verdict
		want    []string
	}{
		{event.Stopped, []string{"00:00", "begun 01:00 1"}},
		{event.Ran, []string{"01:00"}},
		{event.Late, []string{"01:00"}},
	} {
		o := hourly(t, CatchUpOnce)
		atDesk(t, o, 0, func(d *desk) {
			d.pass(time.Hour)
			d.run()
			d.Stop()
			d.end(0, tt.verdict)
			if d.ledger != nil {
				t.Error("the state is not given up")
			}
			d.says(tt.want...)
		})
	}
}

// TestParcel_startsAgainWhileItRuns: as 'ev ctl stop' and start.
func TestParcel_startsAgainWhileItRuns(t *testing.T) {
	atDesk(t, hourly(t, CatchUpOnce), 0, func(d *desk) {
		d.pass(time.Hour)
		d.run()
		d.Stop()
		d.pass(2 * time.Hour)
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		d.pass(time.Millisecond)
		d.says("00:00", "begun 01:00 1")
		d.end(0, event.Ran)
		d.says("01:00")
		d.expect("01 03:00:00 late 1ms missed 1")
	})
}

// TestParcel_skipped: what is skipped while a run goes on has its fate.
func TestParcel_skipped(t *testing.T) {
	o := hourly(t, CatchUpOnce)
	atDesk(t, o, 0, func(d *desk) {
		d.pass(time.Hour)
		d.run()
		d.pass(2 * time.Hour)
		d.skip(event.Skipped)
		d.skip(event.Skipped)
		d.says("00:00", "begun 01:00 1")
		d.end(0, event.Ran)
		d.says("03:00")
		d.pass(time.Hour)
		d.skip(event.Skipped) // by --throttle
		d.says("04:00")
		d.pass(time.Hour)
		d.run()
		d.pass(time.Hour)
		d.skip(event.Skipped)
	})
	atDesk(t, o, 390*time.Minute, func(d *desk) {
		d.attempts(2)
		d.expect("01 06:00:00 late 30m0s missed 1")
	})
}

// TestParcel_parallel: they may end in another order.
func TestParcel_parallel(t *testing.T) {
	o := hourly(t, CatchUpAll)
	atDesk(t, o, 0, func(d *desk) {
		d.pass(4 * time.Hour)
		d.run()
		d.run()
		d.run()
		d.says("00:00", "begun 01:00 1", "begun 02:00 1", "begun 03:00 1")
		d.end(1, event.Ran)
		d.says("00:00", "begun 01:00 1", "ended 02:00", "begun 03:00 1")
	})
	atDesk(t, o, 250*time.Minute, func(d *desk) {
		d.attempts(2, 2, 1)
		d.expect("01 01:00:00 late 3h10m0s", "01 03:00:00 late 1h10m0s", "01 04:00:00 late 10m0s")
	})
	o.CatchUp = CatchUpOnce
	atDesk(t, o, 255*time.Minute, func(d *desk) {
		d.attempts(2)
		d.expect("01 04:00:00 late 15m0s missed 2")
	})
	o.CatchUp = CatchUpNone
	atDesk(t, o, 260*time.Minute, func(d *desk) {
		d.expect()
		d.says("04:00")
		d.said("ev: the run for 2000-01-01T01:00:00Z was cut off: add --catch-up once or all to make up for it\n" +
			"ev: the run for 2000-01-01T03:00:00Z was cut off: add --catch-up once or all to make up for it\n" +
			"ev: instants missed: 1, the last by 20m: add --catch-up once or all to make up for them\n")
	})
}

// TestParcel_merged: an event that stands for others is all of them.
func TestParcel_merged(t *testing.T) {
	o := hourly(t, CatchUpOnce)
	atDesk(t, o, 0, func(d *desk) {
		d.pass(4 * time.Hour)
		d.run()
		for len(d.got) > 1 {
			older, newer := d.got[0], d.got[1]
			older.Answer(event.Answer{Verdict: event.Merged})
			d.got = append([]event.Every{older.Merge(newer).(event.Every)}, d.got[2:]...)
		}
		d.says("00:00", "begun 01:00 1")
		d.end(0, event.Ran)
		d.says("01:00")
		d.run()
		d.says("01:00", "begun 04:00 1")
	})
	atDesk(t, o, 250*time.Minute, func(d *desk) {
		d.attempts(2)
		d.run()
		d.end(0, event.Ran)
		d.says("04:00")
	})
}

// TestParcel_oneInstant: also of a schedule that is over meanwhile.
func TestParcel_oneInstant(t *testing.T) {
	o := everyOptions(t, "2000-01-01 01:00")
	o.CatchUp, o.State = CatchUpOnce, filepath.Join(t.TempDir(), "state")
	atDesk(t, o, 0, func(d *desk) {
		d.pass(time.Hour)
		d.run()
		if d.Active() || d.ledger == nil {
			t.Error("active, or given up")
		}
	})
	atDesk(t, o, 2*time.Hour, func(d *desk) {
		d.attempts(2)
		d.run()
		d.end(0, event.Ran)
		d.says("01:00")
		if d.Active() || d.ledger != nil {
			t.Error("active, or not given up")
		}
	})
}

// TestParcel_nothingVanishes: whenever ev is killed, each instant has a run that ends, or it is told
// that it has none; and none has one after a run of it has ended.
func TestParcel_nothingVanishes(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 17)) //nolint:gosec // to be done again
			o := hourly(t, CatchUpAll)
			begun, ended, given := map[string]int{}, map[string]bool{}, map[string]bool{}
			name := func(e event.Every) string { return e.Due.UTC().Format(time.RFC3339) }
			clock := time.Duration(0)
			for range 8 {
				atDesk(t, o, clock, func(d *desk) {
					most := 1 + r.IntN(3)
					start := d.loop.Now()
					for range r.IntN(30) {
						switch r.IntN(4) {
						case 0:
							d.pass(time.Duration(r.IntN(100)) * time.Minute)
						case 1, 2:
							if len(d.got) > 0 && len(d.runs) < most {
								due := name(d.got[0])
								if ended[due] || given[due] || d.got[0].Attempt != begun[due]+1 {
									t.Errorf("%s: attempt %d, begun %d times, ended %t, given up %t", due, d.got[0].Attempt, begun[due], ended[due], given[due])
								}
								begun[due]++
								d.run()
							}
						case 3:
							if n := len(d.runs); n > 0 {
								n = r.IntN(n)
								ended[name(d.runs[n])] = true
								d.end(n, event.Ran)
							}
						}
					}
					if r.IntN(2) == 0 { // TERM comes first
						d.Stop()
						for len(d.runs) > 0 {
							d.end(0, event.Stopped)
						}
						for len(d.got) > 0 {
							d.skip(event.Refused)
						}
					}
					clock += d.loop.Now().Sub(start) + time.Duration(r.IntN(100))*time.Minute
					for line := range strings.Lines(d.messages.String()) {
						if due, ok := strings.CutPrefix(line, "ev: the run for "); ok && strings.Contains(line, "given up") {
							given[strings.Fields(due)[0]] = true
						}
					}
				})
			}
			var last time.Time
			atDesk(t, o, clock, func(d *desk) { // the last one lives
				for len(d.got) > 0 {
					ended[name(d.got[0])] = true
					d.run()
					d.end(0, event.Ran)
				}
				for line := range strings.Lines(d.messages.String()) {
					if due, ok := strings.CutPrefix(line, "ev: the run for "); ok && strings.Contains(line, "given up") {
						given[strings.Fields(due)[0]] = true
					}
				}
				last = d.loop.Now()
			})
			for at := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC); !at.After(last); at = at.Add(time.Hour) {
				due := at.Format(time.RFC3339)
				if ended[due] == given[due] || begun[due] > 2 {
					t.Errorf("%s: begun %d times, ended %t, given up %t", due, begun[due], ended[due], given[due])
				}
			}
		})
	}
}
