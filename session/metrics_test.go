package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

func TestMetrics(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		full := errors.New("full")
		drops := func(b *Binding) {
			b.Emit = &action.EmitOptions{
				Subject: event.NewTemplate("ev.x"), Full: func(error) bool { return true },
				Store: func(_ *loop.Loop, _ string, _ event.Event, _ *action.Outcome, then func(error)) error {
					then(full)
					return nil
				},
			}
		}
		_ = s.bind(s.line("timer"), s.line("a", runs), s.line("e", drops))
		s.watchers[2].store.Do(event.Event{Detail: event.Timer{}})
		m := &Metrics{session: s.Session, counts: map[metricKey]*counts{}, busy: 1500 * time.Millisecond, lag: time.Second}
		m.Happened(event.Event{Name: "timer", Detail: event.Timer{Missed: 2, Late: 250 * time.Millisecond}})
		m.Happened(event.Event{Name: "timer", Detail: event.Timer{Late: time.Second}})
		m.Happened(event.Event{Name: "a", Detail: event.Timer{}})
		m.Happened(event.Event{Name: "a \"quoted\\\nname", Detail: event.Stat{Count: 4}})
		m.Ran(s.watchers[1], action.Outcome{Status: 1})
		m.Ran(s.watchers[1], action.Outcome{Status: 143, Stopped: true})
		m.Skipped(s.watchers[1])
		got := string(m.Page())
		for _, want := range []string{
			"# HELP ev_events_total Events.\n# TYPE ev_events_total counter\n" + `ev_events_total{watcher="timer",name="timer"} 2` + "\n",
			`ev_events_total{watcher="timer",name="a"} 1`,
			`ev_events_total{watcher="stat",name="a \"quoted\\\nname"} 1`,
			`ev_merged_total{watcher="stat",name="a \"quoted\\\nname"} 3`,
			`ev_missed_total{watcher="timer",name="timer"} 2`,
			"# TYPE ev_lateness_seconds summary\n" + `ev_lateness_seconds_sum{watcher="timer",name="timer"} 1.25` + "\n" + `ev_lateness_seconds_count{watcher="timer",name="timer"} 2`,
			`ev_runs_total{watcher="timer",name="a"} 2`,
			`ev_run_failures_total{watcher="timer",name="a"} 1`,
			`ev_skipped_total{watcher="timer",name="a"} 1`,
			`ev_skipped_total{watcher="timer",name="timer"} 0`,
			`ev_running{watcher="timer",name="a"} 0`,
			`ev_waiting{watcher="timer",name="a"} 0`,
			"\nev_loop_busy_seconds_total 1.5\n",
			"\nev_loop_lag_seconds 1\n",
			"\nev_loop_turns_total 0\n",
			`ev_emit_dropped_total{watcher="timer",name="e"} 1`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("there is no %s", want)
			}
		}
		if strings.Contains(got, `ev_lateness_seconds_sum{watcher="stat"`) {
			t.Error("a file can't be late")
		}
		if !strings.Contains(string(m.Page()), "\nev_loop_lag_seconds 0\n") {
			t.Error("the longest lag is that of a scrape before")
		}
	})
}

// The counts are those of what happens, also to what a reload has taken out.
func TestMetrics_observe(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		m := NewMetrics(s.Session)
		s.run(s.line("a", runs), s.line("b", runs))
		s.emit("a", "a", "b")
		s.end("a", failed(1))
		s.on(s.actors["a"].Skipped)
		s.on(func() { _ = s.bind(s.line("b")) })
		page := func(want ...string) {
			t.Helper()
			var got string
			s.on(func() { got = string(m.Page()) })
			for _, want := range want {
				if !strings.Contains(got, "\n"+want+"\n") {
					t.Errorf("there is no %s in\n%s", want, got)
				}
			}
		}
		page(`ev_events_total{watcher="timer",name="a"} 2`, `ev_runs_total{watcher="timer",name="a"} 1`,
			`ev_run_failures_total{watcher="timer",name="a"} 1`, `ev_skipped_total{watcher="timer",name="a"} 1`,
			`ev_running{watcher="timer",name="a"} 1`, `ev_waiting{watcher="timer",name="a"} 2`,
			`ev_running{watcher="timer",name="b"} 1`, "ev_loop_busy_seconds_total 0", "ev_loop_lag_seconds 0", "ev_clock_steps_total 0")
		for _, busy := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
			s.on(func() { <-time.After(busy) })
			s.pass(busy)
		}
		page("ev_loop_busy_seconds_total 6", "ev_loop_lag_seconds 3")
		page("ev_loop_busy_seconds_total 6", "ev_loop_lag_seconds 0")
		s.end("a", failed(0))
		page(`ev_running{watcher="timer",name="a"} 0`, `ev_runs_total{watcher="timer",name="a"} 2`)
		s.end("b", failed(0))
		s.on(s.props["b"].Stop)
		s.ended(End{}) // it does not keep the loop
	})
}
