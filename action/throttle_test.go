package action

import (
	"strings"
	"testing"
	"time"
)

// Four events, at once, after 1 s, 2 s and 15 s, of which each run ends at once, with a throttle of
// 10 s.
func TestThrottle(t *testing.T) {
	for _, tt := range []struct {
		policy Busy
		want   string
	}{
		{Busy{Policy: Queue}, "0s start 1, 10s start 2, 20s start 3, 30s start 4"},
		{Busy{Policy: Merge}, "0s start 1, 10s start 3, 20s start 4"},
		{Busy{Policy: Restart}, "0s start 1, 10s start 3, 20s start 4"},
		{Busy{Policy: Signal}, "0s start 1, 10s start 3, 20s start 4"},
		{Busy{Policy: Skip}, "0s start 1, 15s start 4"},
		{Busy{Policy: Parallel, Limit: 5}, "0s start 1, 10s start 2, 20s start 3, 30s start 4"},
	} {
		perform(t, Options{Busy: tt.policy, Throttle: 10 * time.Second}, func(s *stage) {
			began := time.Now()
			var got []string
			at := func(second int, seq uint64) {
				for now := int(time.Since(began) / time.Second); now <= second; now++ {
					if now == second && seq > 0 {
						s.do(seq)
					}
					for range len(s.asked) {
						got = append(got, time.Since(began).String()+" "+s.log[len(s.log)-1])
						s.answer(nil)
						s.end(0)
					}
					if now < second {
						s.pass(time.Second)
					}
				}
			}
			at(0, 1)
			at(1, 2)
			at(2, 3)
			at(15, 4)
			at(50, 0)
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("%v: %s; want %s", tt.policy, text, tt.want)
			}
			s.on(s.loop.Unref)
			if !s.ended() {
				t.Errorf("%v: the loop goes on", tt.policy)
			}
		})
	}
}

// What waits keeps the loop alive, and what only must not begin yet does not.
func TestThrottle_end(t *testing.T) {
	perform(t, Options{Busy: Busy{Policy: Queue}, Throttle: time.Minute}, func(s *stage) {
		s.do(1)
		s.answer(nil)
		s.do(2)
		s.end(0)
		s.on(s.loop.Unref)
		if s.ended() {
			t.Fatal("the loop has ended, and an event waits")
		}
		s.pass(time.Minute)
		s.answer(nil)
		s.end(0)
		if !s.ended() {
			t.Error("the loop goes on, and nothing is to be run")
		}
	})
}

func TestGrow(t *testing.T) {
	for n, want := range []time.Duration{3, 6, 12, 20, 20} {
		if got := grow(3, n, 20); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
	if got := grow(1<<61, 40, 1<<62); got != 1<<62 {
		t.Errorf("%d", got)
	}
}

func TestRetry_pauses(t *testing.T) {
	perform(t, Options{Retry: 4, RetryDelay: 2 * time.Second, RetryMax: 5 * time.Second}, func(s *stage) {
		s.do(1)
		for _, pause := range []time.Duration{2, 4, 5, 5} {
			s.answer(nil)
			s.end(1)
			s.pass(pause*time.Second - 1)
			if len(s.asked) > 0 {
				t.Errorf("it is started again before %ds", pause)
			}
			s.pass(1)
		}
		s.answer(nil)
		s.end(1)
		if s.log[len(s.log)-1] != "done 1: exited 1" {
			t.Error(s.log)
		}
	})
}
