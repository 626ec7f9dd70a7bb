package action

import (
	"strconv"
	"testing"
	"time"
)

func TestStorm(t *testing.T) {
	const within = 60 * time.Millisecond
	told := 0
	s := storm{within: within, tell: func() { told++ }}
	now := time.Unix(1, 0)
	run := func(after time.Duration) time.Duration {
		now = now.Add(after)
		pause := s.pause(now, "")
		now = now.Add(time.Second)
		s.end = now
		return pause
	}
	if run(time.Hour) != 0 {
		t.Error("the first run waits")
	}
	for i := 1; i < stormRuns; i++ {
		if run(within) != 0 || told != 0 {
			t.Fatalf("after %d runs that followed at once there is a storm", i)
		}
	}
	for range 3 {
		if run(0) != stormPause || told != 1 {
			t.Fatalf("in a storm a run does not wait, or it is told %d times", told)
		}
	}
	if run(within+1) != 0 {
		t.Error("a run waits after the storm")
	}
	if run(0) != 0 || told != 1 {
		t.Error("one run that follows at once is a storm")
	}
	s.same = func() bool { return false }
	for range 2 * stormRuns {
		if run(0) != 0 || told != 1 {
			t.Fatal("there is a storm of runs that each have a cause of their own")
		}
	}
	s.same = func() bool { return true }
	if run(0) != 0 || run(0) != stormPause || run(0) != stormPause || told != 2 {
		t.Error("runs that are known to have one cause do not rest from the second on, told once")
	}
	if (&storm{tell: func() { t.Error("told") }}).pause(now, "") != 0 {
		t.Error("there is a storm where none is looked for")
	}
}

func TestStorm_each(t *testing.T) {
	told := 0
	s := storm{within: time.Second, tell: func() { told++ }, each: true}
	now := time.Unix(1, 0)
	for i := range 1000 {
		if s.pause(now, strconv.Itoa(i)) != 0 {
			t.Fatalf("run %d waits, and has caused none", i)
		}
		s.end = now
	}
	for i := range stormRuns {
		if pause := s.pause(now, strconv.Itoa(i)); (pause != 0) != (i == stormRuns-1) {
			t.Errorf("the second run for %d waits %v", i, pause)
		}
		s.end = now
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
