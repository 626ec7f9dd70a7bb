// Package schedule_test compares how long the next instant of a parsed cron line takes.
package schedule_test

import (
	"testing"
	"time"

	"github.com/adhocore/gronx"
	netresearch "github.com/netresearch/go-cron"
	robfig "github.com/robfig/cron/v3"

	"github.com/evshell/ev/schedule"
)

// A peer reads a line and gives a function for the next instant after a time.
type peer struct {
	name string
	read func(line string, zone *time.Location) (func(time.Time) time.Time, error)
}

func peers() []peer {
	return []peer{
		{"ev", func(line string, zone *time.Location) (func(time.Time) time.Time, error) {
			s, err := schedule.Parse(line, schedule.Options{Zone: zone})
			return func(t time.Time) time.Time {
				next, _ := s.Next(t)
				return next
			}, err
		}},
		{"robfig", func(line string, _ *time.Location) (func(time.Time) time.Time, error) {
			s, err := robfig.ParseStandard(line)
			if err != nil {
				return nil, err
			}
			return s.Next, nil
		}},
		{"go-cron", func(line string, _ *time.Location) (func(time.Time) time.Time, error) {
			s, err := netresearch.ParseStandard(line)
			if err != nil {
				return nil, err
			}
			return s.Next, nil
		}},
		{"gronx", func(line string, _ *time.Location) (func(time.Time) time.Time, error) {
			_, err := gronx.NextTick(line, false)
			return func(t time.Time) time.Time { // it reads the line each time
				next, _ := gronx.NextTickAfter(line, t, false)
				return next
			}, err
		}},
	}
}

func lines() []string {
	return []string{"*/5 * * * *", "0 9 * * 1-5", "0 0 1 1 *", "0 0 29 2 *"}
}

func berlin(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

func TestPeersAgree(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 2, 0, 0, berlin(t))
	for _, line := range lines() {
		var want time.Time
		for i, p := range peers() {
			at := start
			next, err := p.read(line, start.Location())
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				at = next(at)
			}
			if i == 0 {
				want = at
			}
			if !at.Equal(want) {
				t.Errorf("%q, the tenth: %s says %s, ev %s", line, p.name, at, want)
			}
		}
	}
}

func BenchmarkNext(b *testing.B) {
	start := time.Date(2026, 11, 23, 12, 2, 0, 0, berlin(b))
	for _, line := range lines() {
		for _, p := range peers() {
			b.Run(line+"/"+p.name, func(b *testing.B) {
				next, err := p.read(line, start.Location())
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					next(start)
				}
			})
		}
	}
}
