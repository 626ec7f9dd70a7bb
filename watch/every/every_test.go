package every

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
)

// everyTest runs a Watcher on a loop with a fake kernel and a fake wall clock, which starts at
// 2000-01-01 00:00 UTC.
type everyTest struct {
	*Watcher
	t        *testing.T
	loop     *loop.Loop
	backend  *looptest.Backend
	step     time.Duration // of the wall clock, so far
	got      []event.Every
	messages bytes.Buffer
}

func everyOptions(t *testing.T, text string) Options {
	t.Helper()
	s, err := schedule.Parse(text, schedule.Options{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Schedule: s, Text: text}
}

// runEvery calls body in a bubble in which a Watcher with these options runs.
func runEvery(t *testing.T, o Options, body func(*everyTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		e := newEveryTest(t, o)
		if err := e.Start(); err != nil {
			t.Fatal(err)
		}
		body(e)
		e.Stop()
	})
}

func newEveryTest(t *testing.T, o Options) *everyTest {
	t.Helper()
	e := &everyTest{t: t, backend: looptest.New()}
	start := time.Now()
	clock := func() (time.Time, time.Duration) {
		return time.Now().Round(0).Add(e.step), time.Since(start)
	}
	var err error
	if e.loop, err = loop.New(loop.WithBackend(e.backend), loop.WithClock(clock)); err != nil {
		t.Fatal(err)
	}
	o.Report = report.New(&e.messages, "ev", report.Plain, report.Notice)
	e.Watcher = New(e.loop, o, func(d event.Detail) {
		e.got = append(e.got, d.(event.Every))
		d.(event.Every).Answer(event.Answer{Verdict: event.Ran}) // it is printed
	})
	return e
}

// pass lets time pass.
func (e *everyTest) pass(d time.Duration) {
	e.t.Helper()
	end := time.Now().Add(d)
	defer e.loop.After(d, e.loop.Break)()
	if err := e.loop.Run(e.t.Context(), loop.RunDefault); err != nil {
		e.t.Fatal(err)
	}
	<-time.After(time.Until(end))
}

// set steps the wall clock, of which the kernel tells.
func (e *everyTest) set(d time.Duration) {
	e.t.Helper()
	e.step += d
	_ = e.backend.Wake()
	e.pass(time.Millisecond)
}

// expect compares the events since it was last called: due, late if it is, missed if any.
func (e *everyTest) expect(want ...string) {
	e.t.Helper()
	var got []string
	for _, d := range e.got {
		s := d.Due.UTC().Format("02 15:04:05")
		if d.Late > 0 {
			s += " late " + d.Late.String()
		}
		if d.Missed > 0 {
			s += fmt.Sprintf(" missed %d", d.Missed)
		}
		got = append(got, s)
	}
	e.got = nil
	if !slices.Equal(got, want) {
		e.t.Errorf("events\n got %q\nwant %q", got, want)
	}
}

func TestEveryFiresAtInstants(t *testing.T) {
	runEvery(t, everyOptions(t, "0 */6 * * *"), func(e *everyTest) {
		e.pass(13 * time.Hour)
		next := e.got[1].Next
		e.expect("01 06:00:00", "01 12:00:00")
		if want := time.Date(2000, 1, 1, 18, 0, 0, 0, time.UTC); !next.Equal(want) {
			t.Errorf("next is %v, want %v", next, want)
		}
		if !e.Active() {
			t.Error("it is not active any more")
		}
	})
}

func TestEveryEndsWithItsSchedule(t *testing.T) {
	runEvery(t, everyOptions(t, "2000-01-02 00:00"), func(e *everyTest) {
		e.pass(25 * time.Hour)
		if next := e.got[0].Next; !next.IsZero() {
			t.Errorf("next is %v, want none", next)
		}
		e.expect("02 00:00:00")
		if e.Active() {
			t.Error("it is still active")
		}
	})
}

func TestEveryCollapsesLateTicks(t *testing.T) {
	runEvery(t, everyOptions(t, "1s"), func(e *everyTest) {
		e.loop.Post(func() { <-time.After(4500 * time.Millisecond) }) // the loop is kept from running
		e.pass(5 * time.Second)
		e.expect("01 00:00:04 late 500ms missed 3", "01 00:00:05")
	})
}

func TestEveryStepForward(t *testing.T) {
	tests := []struct {
		name    string
		text    string
		catchUp CatchUp
		step    time.Duration
		want    []string
	}{
		{"over nothing", "1h", CatchUpNone, 10 * time.Minute, nil},
		{"up to a minute is lateness", "1h", CatchUpNone, 31 * time.Minute, []string{"01 01:00:00 late 1m0s"}},
		{"what is not a minute old counts", "1m", CatchUpNone, 3*time.Hour + 10*time.Second, []string{"01 03:30:00 late 10s missed 179"}},
		{"none", "1h", CatchUpNone, 4 * time.Hour, nil},
		{"once", "1h", CatchUpOnce, 4 * time.Hour, []string{"01 04:00:00 late 30m0s missed 3"}},
		{"all", "1h", CatchUpAll, 4 * time.Hour, []string{
			"01 01:00:00 late 3h30m0s", "01 02:00:00 late 2h30m0s", "01 03:00:00 late 1h30m0s", "01 04:00:00 late 30m0s",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := everyOptions(t, tt.text)
			o.CatchUp = tt.catchUp
			runEvery(t, o, func(e *everyTest) {
				if tt.text == "1h" {
					e.pass(30 * time.Minute)
				} else {
					e.pass(30*time.Minute + 5*time.Second)
					e.got = nil
					tt.step -= 5 * time.Second
				}
				e.set(tt.step)
				e.expect(tt.want...)
			})
		})
	}
}

func TestEveryTellsWhatWasMissed(t *testing.T) {
	runEvery(t, everyOptions(t, "1h"), func(e *everyTest) {
		e.pass(30 * time.Minute)
		e.set(4 * time.Hour)
		if want := "ev: instants missed: 4, the last by 30m: add --catch-up once or all to make up for them\n"; e.messages.String() != want {
			t.Errorf("said %q, want %q", e.messages.String(), want)
		}
		e.pass(30 * time.Minute)
		e.expect("01 05:00:00 missed 4")
		e.pass(time.Hour)
		e.expect("01 06:00:00")
	})
}

func TestEveryStepBack(t *testing.T) {
	tests := []struct {
		name string
		text string
		pass time.Duration
		step time.Duration
		then time.Duration
		want []string
	}{
		{"does not run again", "30 2,14 * * *", 3 * time.Hour, -time.Hour, 2 * time.Hour, nil},
		{"but the next one is on time", "30 2,14 * * *", 3 * time.Hour, -time.Hour, 13 * time.Hour, []string{"01 14:30:00"}},
		{"less than three hours ahead", "30 4 * * *", 5 * time.Hour, -3 * time.Hour, 3 * time.Hour, nil},
		{"more than three hours ahead", "30 4 * * *", 5 * time.Hour, -4 * time.Hour, 4 * time.Hour, []string{"01 04:30:00"}},
		{"what follows elapsed time goes by the new time", "0 * * * *", 150 * time.Minute, -time.Hour, time.Hour, []string{"01 02:00:00"}},
		{"what has not run is on time", "30 2,14 * * *", time.Hour, -time.Hour, 3 * time.Hour, []string{"01 02:30:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runEvery(t, everyOptions(t, tt.text), func(e *everyTest) {
				e.pass(tt.pass)
				e.got = nil
				e.set(tt.step)
				e.pass(tt.then)
				e.expect(tt.want...)
			})
		})
	}
}

func TestEveryFiresOnceWhenTheClockIsSetBackAsItComes(t *testing.T) {
	runEvery(t, everyOptions(t, "30 2,14 * * *"), func(e *everyTest) {
		e.pass(150*time.Minute - time.Millisecond)
		e.loop.Post(func() {
			<-time.After(2 * time.Millisecond)
			e.step -= time.Hour
		})
		e.pass(3 * time.Hour)
		e.expect("01 02:30:00")
	})
}

func TestEveryAtAnInstantInThePastFiresAtOnce(t *testing.T) {
	o := Options{Schedule: schedule.At(time.Date(1999, 12, 24, 18, 0, 0, 0, time.UTC)), Text: "1999-12-24 18:00"}
	runEvery(t, o, func(e *everyTest) {
		e.pass(0)
		if next := e.got[0].Next; !next.IsZero() {
			t.Errorf("next is %v, want none", next)
		}
		e.expect("24 18:00:00 late 174h0m0s")
		if e.Active() {
			t.Error("it is still active")
		}
	})
}

func TestEveryFeed(t *testing.T) {
	runEvery(t, everyOptions(t, "1h"), func(e *everyTest) {
		e.pass(30 * time.Minute)
		e.loop.Post(e.Feed)
		e.pass(31 * time.Minute)
		e.expect("01 00:30:00", "01 01:00:00")
	})
}

func TestEveryStopsWithinItsEvent(t *testing.T) {
	runEvery(t, everyOptions(t, "1h"), func(e *everyTest) {
		e.emit = func(event.Detail) { e.Stop() }
		e.pass(2 * time.Hour)
		if e.Active() || e.Pending() {
			t.Errorf("active %t, pending %t", e.Active(), e.Pending())
		}
	})
}

func TestEveryJitter(t *testing.T) {
	offsets := map[time.Duration]bool{}
	o := everyOptions(t, "1h")
	o.Jitter = 10 * time.Minute
	runEvery(t, o, func(e *everyTest) {
		for range 20 {
			at, _ := e.At()
			offset := at.Sub(at.Truncate(time.Hour))
			if offset >= o.Jitter {
				t.Fatalf("due %v after the instant, at most %v", offset, o.Jitter)
			}
			offsets[offset] = true
			e.pass(time.Until(at))
			if len(e.got) != 1 || e.got[0].Late != 0 || e.got[0].Due.Truncate(time.Hour) != e.got[0].Due {
				t.Fatalf("events %v", e.got)
			}
			e.got = nil
		}
	})
	if len(offsets) < 15 {
		t.Errorf("only %d of 20 delays differ", len(offsets))
	}
}

func TestEveryFixedJitterStays(t *testing.T) {
	o := everyOptions(t, "1h")
	o.Jitter, o.Seed = 10*time.Minute, "host/backup"
	want := schedule.Spread(o.Seed, o.Jitter)
	runEvery(t, o, func(e *everyTest) {
		for i := range 3 {
			e.pass(time.Until(time.Date(2000, 1, 1, i, 0, 0, 0, time.UTC).Add(want)))
		}
		e.expect("01 00:00:00", "01 01:00:00", "01 02:00:00")
	})
}

func TestEveryCatchUpIsSpreadOverTheJitter(t *testing.T) {
	o := everyOptions(t, "1h")
	o.Jitter, o.CatchUp = 30*time.Minute, CatchUpAll
	runEvery(t, o, func(e *everyTest) {
		e.pass(time.Second)
		e.set(8 * time.Hour)
		var at []time.Time
		e.emit = func(event.Detail) { at = append(at, time.Now()) }
		e.pass(10 * time.Hour)
		if len(at) < 17 {
			t.Fatalf("%d events, want all", len(at))
		}
		if len(slices.Compact(at[:6])) < 6 {
			t.Error("they come all at once")
		}
	})
}

// TestEveryMissedAtStartIsSpread: what was missed less than the jitter ago does not run at once
// with all others.
func TestEveryMissedAtStartIsSpread(t *testing.T) {
	o := everyOptions(t, "0 3 * * *")
	o.Jitter, o.CatchUp, o.State = 30*time.Minute, CatchUpOnce, filepath.Join(t.TempDir(), "state")
	stamp(t, o.State, time.Date(1999, 12, 31, 3, 0, 0, 0, time.UTC))
	synctest.Test(t, func(t *testing.T) {
		for range 30 {
			e := newEveryTest(t, o)
			e.step = 3*time.Hour + 20*time.Minute
			if err := e.Start(); err != nil {
				t.Fatal(err)
			}
			if at, _ := e.At(); e.loop.Now().Sub(at) > punctual {
				t.Errorf("due %v ago", e.loop.Now().Sub(at))
			}
			e.Stop()
		}
	})
}

func TestEveryState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	withState := func(text string, c CatchUp) Options {
		o := everyOptions(t, text)
		o.State, o.CatchUp = path, c
		return o
	}
	runEvery(t, withState("1h", CatchUpOnce), func(e *everyTest) {
		e.pass(90 * time.Minute)
		e.expect("01 01:00:00")
	})
	// Each bubble begins at 00:00 again: the clock is set on to where the last run ended, and
	// further.
	restart := func(after time.Duration, c CatchUp, want ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			e := newEveryTest(t, withState("1h", c))
			e.step = after
			if err := e.Start(); err != nil {
				t.Fatal(err)
			}
			e.pass(time.Millisecond)
			e.expect(want...)
			e.Stop()
		})
	}
	restart(100*time.Minute, CatchUpOnce)
	restart(5*time.Hour+2*time.Minute, CatchUpOnce, "01 05:00:00 late 2m0s missed 3")
	restart(5*time.Hour+3*time.Minute, CatchUpOnce)
	restart(7*time.Hour+4*time.Minute, CatchUpAll, "01 06:00:00 late 1h4m0s", "01 07:00:00 late 4m0s")
	restart(9*time.Hour+5*time.Minute, CatchUpNone)
	restart(9*time.Hour+6*time.Minute, CatchUpOnce)
}

func TestEveryMissesCountFromTheFirstStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for i, want := range [][]string{nil, {"01 03:00:00 late 30m0s missed 2"}} {
		synctest.Test(t, func(t *testing.T) {
			o := everyOptions(t, "1h")
			o.State, o.CatchUp = path, CatchUpOnce
			e := newEveryTest(t, o)
			e.step = time.Duration(i) * 210 * time.Minute
			if err := e.Start(); err != nil {
				t.Fatal(err)
			}
			e.pass(time.Millisecond)
			e.expect(want...)
			e.Stop()
		})
	}
}

// stamp makes a state in which all is dealt with until a time.
func stamp(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(ledgerHead+at.Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRefusesForeignAndTornState(t *testing.T) {
	good := ledgerHead + "2026-11-23T03:00:00.5+01:00\n"
	tests := []struct{ name, content, want string }{
		{"foreign", "root:x:0:0:root:/root:/bin/sh\n", "is no state of ev every: give --state a file of its own"},
		{"long", strings.Repeat("x", 1<<20), "is no state of ev every: give --state a file of its own"},
		{"torn early", good[:5], "is damaged: remove it to begin anew"},
		{"torn in the time", good[:len(good)-9], "is damaged: remove it to begin anew"},
		{"torn at its end", good[:len(good)-1], "is damaged: remove it to begin anew"},
		{"no line", good + "begun 2026-11-23T03:15:00+01:00 attempt\n", "is damaged: remove it to begin anew"},
		{"no process", good + "begun 2026-11-23T03:15:00+01:00 attempt 1 process\n", "is damaged: remove it to begin anew"},
		{"torn in a line", good + "begun 2026-11-23T03:15:00+01:00 attempt", ""},
		{"no attempt", good + "begun 2026-11-23T03:15:00+01:00 attempt 0\n", "is damaged: remove it to begin anew"},
		{"with lines", good + "begun 2026-11-23T03:15:00+01:00 attempt 1\nended 2026-11-23T03:30:00+01:00\n", ""},
		{"continued", good + "x\n", "is damaged: remove it to begin anew"},
		{"good", good, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := openLedger(path, time.Now())
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = l.file.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v, want %q and the path", err, tt.want)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != tt.content {
				t.Error("the file was changed")
			}
		})
	}
}

// TestEveryStateIsTheWatchersAlone: an empty file is a new one, and nobody else has it until the
// watcher has stopped.
func TestEveryStateIsTheWatchersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := everyOptions(t, "0 3 * * *")
	o.State = path
	synctest.Test(t, func(t *testing.T) {
		e := newEveryTest(t, o)
		for range 2 {
			if err := e.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := openLedger(path, time.Time{}); err == nil || !strings.Contains(err.Error(), "in use") {
				t.Error(err)
			}
			e.Stop()
			l, err := openLedger(path, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			_ = l.file.Close()
		}
	})
}

func TestEveryRefusesAStateThatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip("needs a FIFO: ", err)
	}
	for _, path := range []string{path, t.TempDir(), os.DevNull} {
		if _, err := openLedger(path, time.Now()); err == nil || !strings.Contains(err.Error(), "is no file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzLedger: what is read as a state is written back as one that says the same.
func FuzzLedger(f *testing.F) {
	f.Add(ledgerHead + "2026-11-23T03:00:00.5+01:00\n")
	f.Add(ledgerHead + "2026-11-23T03:00:00Z\nbegun 2026-11-23T03:15:00+01:00 attempt 1\nended 2026-11-23T03:30:00+01:00\n")
	f.Add(ledgerHead + "2026-11-23T03:00:00Z\nbegun 2026-11-23T03:15:00Z attempt 1\nbegun 2026-11-23T03:15:00Z attempt 1 process 1:2:x\nbegun 2026-")
	f.Add(ledgerHead[:9])
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLedger("state", text)
		if err != nil {
			return
		}
		written := string(l.append(nil))
		again, err := parseLedger("state", written)
		if err != nil || string(again.append(nil)) != written || !again.reached.Equal(l.reached) {
			t.Fatalf("%q, written %q: %v", text, written, err)
		}
	})
}
