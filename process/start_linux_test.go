package process

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
)

// The signal for ev's death comes when the thread ends that made a process: it is the Starter's
// own, for all of them.
func TestStarter_hasOneThread(t *testing.T) {
	r := newRig(t)
	threads := map[int]int{}
	for range 50 {
		r.starter.Start(r.loop, Spec{Argv: []string{"true"}, Prepare: func(*Spec) error {
			threads[unix.Gettid()]++
			return nil
		}}, func(*Process, error) {}, func(Wait) {})
		looptest.Run(t, r.loop)
	}
	if len(threads) != 1 {
		t.Errorf("starts by thread: %v", threads)
	}
}
