package process

import (
	"runtime"
	"sync"
)

// spareThreads are how many threads the Go runtime is made to have when the first command has been
// started. It makes one when it needs one, and aborts the program if it can't; and commands may be
// so many that no more threads are allowed (pids.max of the cgroup, ulimit -u). A thread that it
// has it keeps.
const spareThreads = 4

// haveThreads has the runtime make them: each of the goroutines is on a thread of its own until all
// are.
func haveThreads() {
	var all sync.WaitGroup
	all.Add(spareThreads)
	for range spareThreads {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			all.Done()
			all.Wait()
		}()
	}
	all.Wait()
}
