package loop_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// What FuzzModel does with a few timers is done with many here, most of them put off again and
// again: the same calls are expected, and no wake-up more.
func TestManyTimersPutOff(t *testing.T) {
	const n = 300
	var got, want []string
	re := &real{t: t, time: newTime(), b: looptest.New()}
	re.l = verified(t, sleeper{re.b, re}, loop.WithClock(func() (time.Time, time.Duration) {
		return re.time.wall, re.time.mono
	}))
	ref := &reference{time: newTime()}
	ref.now, ref.offset = ref.time.wall, ref.time.wall.UnixNano()
	ref.called = func(w int, what string) { want = append(want, fmt.Sprint(w, " ", what)) }
	for i := range n {
		re.timers = append(re.timers, loop.NewTimer(re.l, 0, 0, func() {
			w := re.timers[i]
			got = append(got, fmt.Sprintf("%d due %d missed %d", i, w.Due().UnixNano(), w.Missed()))
		}))
		re.ws = append(re.ws, re.timers[i])
		ref.all = append(ref.all, &actor{number: i, index: i, kind: timerKind})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	upTo := func(d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d))).Truncate(ms) } // many at the same time
	for step := range 20_000 {
		w, after, repeat := rnd.IntN(n), upTo(50*ms), upTo(2*time.Second)
		passes, mode := upTo(10*ms), []loop.Mode{loop.RunNoWait, loop.RunOnce}[rnd.IntN(2)]
		for _, m := range []machine{re, ref} {
			switch step % 20 {
			case 0:
				m.setTimer(w, after, repeat*time.Duration(step%3))
				m.start(w)
			case 1:
				m.stop(w)
			case 2:
				m.clock().advance(passes)
				m.run(mode)
			case 3:
				m.setTimer(w, after, repeat)
				fallthrough
			default:
				m.again(w)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: got\n%v\nwant\n%v", step, got, want)
		}
		if turns := re.l.Stats().Turns; turns != uint64(ref.turns) {
			t.Fatalf("step %d: %d turns, want %d", step, turns, ref.turns)
		}
		if left := int64(re.timers[w].Remaining()); ref.all[w].active && left != ref.all[w].at-ref.mono {
			t.Fatalf("step %d: %d ns remain, want %d", step, left, ref.all[w].at-ref.mono)
		}
		got, want = nil, nil
	}
	if calls := re.l.Stats().Events; calls < 1000 {
		t.Errorf("no more than %d calls", calls)
	}
}
