package session

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// Metrics are counts of what happens, for Prometheus to ask for. Watchers of one name and kind are
// counted as one, also over a reload.
type Metrics struct {
	Unobserved
	// Links, if not nil, returns how the links are.
	Links func() []link.State

	session *Session
	counts  map[metricKey]*counts
	order   []metricKey

	busy time.Duration // in which the loop did not wait, in all
	lag  time.Duration // the longest, since the page was asked for
}

type metricKey struct{ kind, name string }

type counts struct {
	events, skipped  uint64
	runs, failures   uint64
	took             [len(runBounds)]uint64 // runs that took at most so long, and no less than the one before
	tookAll          time.Duration
	timed            uint64 // runs whose time is known
	missed, merged   int64
	late             time.Duration // in all
	dated            uint64        // events that can be late
	running, waiting int
}

// NewMetrics has a session observed.
func NewMetrics(s *Session) *Metrics {
	m := &Metrics{session: s, counts: map[metricKey]*counts{}}
	s.Observe(m)
	m.watchLag(s.loop)
	return m
}

// watchLag measures for how long the loop does not wait, from the turn's time on: what becomes
// ready then has to.
func (m *Metrics) watchLag(l *loop.Loop) {
	asleep := loop.NewPrepare(l, func() {
		d := time.Since(l.Now())
		m.busy += d
		m.lag = max(m.lag, d)
	})
	asleep.SetPriority(loop.MinPriority)
	asleep.KeepAlive(false)
	asleep.Start()
}

// of returns the counts of a watcher.
func (m *Metrics) of(kind event.Kind, name string) *counts {
	k := metricKey{string(kind), name}
	c := m.counts[k]
	if c == nil {
		c = &counts{}
		m.counts[k] = c
		m.order = append(m.order, k)
	}
	return c
}

// Happened implements Observer.
func (m *Metrics) Happened(e event.Event) {
	c := m.of(e.Detail.Kind(), e.Name)
	c.events++
	if d, ok := e.Detail.(event.Tallied); ok {
		t := d.Tally()
		c.missed += t.Missed
		c.merged += t.Merged
		c.late += t.Late
		if t.Dated {
			c.dated++
		}
	}
}

// Ran implements Observer.
func (m *Metrics) Ran(w *Watcher, o action.Outcome) {
	c := m.of(w.Kind, w.Name)
	c.runs++
	if o.Elapsed > 0 {
		c.timed++
		c.tookAll += o.Elapsed
		for i, bound := range runBounds {
			if o.Elapsed.Seconds() <= bound {
				c.took[i]++
				break
			}
		}
	}
	if o.Status != 0 && !o.Stopped {
		c.failures++
	}
}

// Skipped implements Observer.
func (m *Metrics) Skipped(w *Watcher) { m.of(w.Kind, w.Name).skipped++ }

// Page returns them in Prometheus' text format, version 0.0.4.
func (m *Metrics) Page() []byte {
	for _, c := range m.counts {
		c.running, c.waiting = 0, 0
	}
	for w := range m.session.all() {
		c := m.of(w.Kind, w.Name)
		n, _, waiting := w.runs()
		c.running += n
		c.waiting += waiting
	}
	var b []byte
	for _, f := range families() {
		b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", f.name, f.help, f.kind)
		for _, k := range m.order {
			for _, v := range f.samples(m.counts[k]) {
				le := ""
				if v.atMost != "" {
					le = ",le=" + label(v.atMost)
				}
				b = fmt.Appendf(b, "%s%s{watcher=%s,name=%s%s} %s\n", f.name, v.suffix, label(k.kind), label(k.name), le, number(v.value))
			}
		}
	}
	b = m.appendMeasures(b)
	b = m.appendLinks(b)
	stats := m.session.loop.Stats()
	b = appendMetric(b, "ev_loop_turns_total", "counter", "Turns of the loop.", float64(stats.Turns))
	b = appendMetric(b, "ev_loop_busy_seconds_total", "counter", "Time in which the loop did not wait.", m.busy.Seconds())
	b = appendMetric(b, "ev_loop_lag_seconds", "gauge", "The longest time in which the loop did not wait, since the last scrape.", m.lag.Seconds())
	b = appendMetric(b, "ev_clock_steps_total", "counter", "Steps of the wall clock.", float64(stats.Jumps))
	m.lag = 0
	return b
}

// appendLinks adds how what several ev share is.
func (m *Metrics) appendLinks(b []byte) []byte {
	if m.Links == nil {
		return b
	}
	links := m.Links()
	for _, f := range []struct {
		name, help string
		value      func(link.State) float64
	}{
		{"ev_server_connected", "Whether the server is there.", func(s link.State) float64 {
			if s.Connected {
				return 1
			}
			return 0
		}},
		{"ev_spool_events", "Events that wait on this machine for the server.", func(s link.State) float64 { return float64(s.Spooled) }},
	} {
		for i, s := range links {
			if i == 0 {
				b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %[1]s gauge\n", f.name, f.help)
			}
			b = fmt.Appendf(b, "%s{server=%s} %s\n", f.name, label(s.Server), number(f.value(s)))
		}
	}
	return b
}

// appendMeasures adds what watchers of some kinds count besides.
func (m *Metrics) appendMeasures(b []byte) []byte {
	type series struct{ name, labels string }
	values := map[series]float64{}
	var names []string                  // in the order in which they come
	lines := map[string][]series{}      // by name
	about := map[string]watch.Measure{} // by name
	for w := range m.session.all() {
		var measures []watch.Measure
		if meter, ok := w.watcher.(watch.Meter); ok {
			measures = meter.Measure()
		}
		if w.gate != nil {
			measures = append(measures, w.gate.measure()...)
		}
		if w.store != nil {
			measures = append(measures, watch.Measure{
				Name: "ev_emit_dropped_total", Kind: watch.Counter, Help: "Events that --emit could store nowhere.", Value: float64(w.store.Dropped()),
			})
		}
		for _, v := range measures {
			labels := fmt.Sprintf("watcher=%s,name=%s", label(string(w.Kind)), label(w.Name))
			if v.Label != "" {
				labels += fmt.Sprintf(",%s=%s", v.Label, label(v.LabelValue))
			}
			if _, known := about[v.Name]; !known {
				names, about[v.Name] = append(names, v.Name), v
			}
			at := series{v.Name + v.Suffix, labels}
			if _, known := values[at]; !known {
				lines[v.Name] = append(lines[v.Name], at)
			}
			values[at] += v.Value
		}
	}
	for _, name := range names {
		b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, about[name].Help, about[name].Kind)
		for _, at := range lines[name] {
			b = fmt.Appendf(b, "%s{%s} %s\n", at.name, at.labels, number(values[at]))
		}
	}
	return b
}

// runBounds are the bounds of the histogram of what runs have taken, in seconds.
var runBounds = [...]float64{0.01, 0.1, 1, 10, 60, 600, 3600, 21600} //nolint:gochecknoglobals // a constant

// durations is the histogram.
func durations(c *counts) (all []sample) {
	if c.timed == 0 {
		return nil
	}
	sum := uint64(0)
	for i, bound := range runBounds {
		sum += c.took[i]
		all = append(all, sample{"_bucket", number(bound), float64(sum)})
	}
	return append(all, sample{"_bucket", "+Inf", float64(c.timed)},
		sample{"_sum", "", c.tookAll.Seconds()}, sample{"_count", "", float64(c.timed)})
}

// A family is a metric that each watcher has.
type family struct {
	name, kind, help string
	samples          func(*counts) []sample
}

// A sample is a value of a metric, of which there may be several with suffixes.
type sample struct {
	suffix string
	atMost string // the label le; "" is none
	value  float64
}

func families() []family {
	one := func(value func(*counts) float64) func(*counts) []sample {
		return func(c *counts) []sample { return []sample{{"", "", value(c)}} }
	}
	lateness := func(c *counts) []sample {
		if c.dated == 0 {
			return nil
		}
		return []sample{{"_sum", "", c.late.Seconds()}, {"_count", "", float64(c.dated)}}
	}
	return []family{
		{"ev_events_total", "counter", "Events.", one(func(c *counts) float64 { return float64(c.events) })},
		{"ev_merged_total", "counter", "Changes or signals that became part of another's event.", one(func(c *counts) float64 { return float64(c.merged) })},
		{"ev_missed_total", "counter", "Ticks and instants that got no event.", one(func(c *counts) float64 { return float64(c.missed) })},
		{"ev_skipped_total", "counter", "Events that got no run of their own, because the command of another ran.", one(func(c *counts) float64 { return float64(c.skipped) })},
		{"ev_lateness_seconds", "summary", "From when an event was due to when it came.", lateness},
		{"ev_runs_total", "counter", "Commands that have ended, with all their tries.", one(func(c *counts) float64 { return float64(c.runs) })},
		{"ev_run_failures_total", "counter", "Commands that have failed.", one(func(c *counts) float64 { return float64(c.failures) })},
		{"ev_run_seconds", "histogram", "What commands took, with all their tries.", durations},
		{"ev_running", "gauge", "Commands that run.", one(func(c *counts) float64 { return float64(c.running) })},
		{"ev_waiting", "gauge", "Events that wait for a command.", one(func(c *counts) float64 { return float64(c.waiting) })},
	}
}

func appendMetric(b []byte, name, kind, help string, v float64) []byte {
	return fmt.Appendf(b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n%[1]s %[4]s\n", name, help, kind, number(v))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// label quotes a label's value.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
