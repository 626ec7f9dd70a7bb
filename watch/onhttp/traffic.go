package onhttp

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/evshell/ev/watch"
)

// durationBounds are the upper bounds of the histogram of durations, but for the last one, which
// has none.
func durationBounds() []time.Duration {
	return []time.Duration{
		time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
		2500 * time.Millisecond, 10 * time.Second, time.Minute,
	}
}

// traffic counts answers.
type traffic struct {
	mu       sync.Mutex
	byStatus map[int]uint64
	buckets  []uint64 // by how long they took; not added up
	took     time.Duration
}

func (t *traffic) count(status int, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bounds := durationBounds()
	if t.byStatus == nil {
		t.byStatus, t.buckets = map[int]uint64{}, make([]uint64, len(bounds)+1)
	}
	i, _ := slices.BinarySearch(bounds, took)
	t.byStatus[status]++
	t.buckets[i]++
	t.took += took
}

// Measure returns the answers by status and by how long they took, and the connections of the
// listener, which are those of its first watcher.
func (w *Watcher) Measure() (all []watch.Measure) {
	t := &w.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, status := range slices.Sorted(maps.Keys(t.byStatus)) {
		all = append(all, watch.Measure{
			Name: "ev_http_answers_total", Kind: watch.Counter, Help: "Answers.",
			Label: "status", LabelValue: strconv.Itoa(status), Value: float64(t.byStatus[status]),
		})
	}
	duration := watch.Measure{Name: "ev_http_duration_seconds", Kind: watch.Histogram, Help: "From the first byte of a request to the last of its answer."}
	var sum uint64
	for i, n := range t.buckets {
		m := duration
		sum += n
		m.Suffix, m.Label, m.LabelValue, m.Value = "_bucket", "le", "+Inf", float64(sum)
		if bounds := durationBounds(); i < len(bounds) {
			m.LabelValue = strconv.FormatFloat(bounds[i].Seconds(), 'g', -1, 64)
		}
		all = append(all, m)
	}
	if sum > 0 {
		seconds, count := duration, duration
		seconds.Suffix, seconds.Value = "_sum", t.took.Seconds()
		count.Suffix, count.Value = "_count", float64(sum)
		all = append(all, seconds, count)
	}
	if w.server != nil && w.server.members[0] == w {
		all = append(all, watch.Measure{
			Name: "ev_http_connections", Kind: watch.Gauge, Help: "Connections, also those that say nothing.", Value: float64(w.server.listener.connections()),
		})
	}
	return all
}
