// Package loop is an event loop: what libev is to C, for Go.
//
// A program makes watchers, each with a function to be called; starts them; and gives its goroutine
// to [Loop.Run], which waits for what they watch and calls the functions, one at a time, on that
// goroutine. There is nothing to lock.
//
//	l, err := loop.New()
//	loop.NewIO(l, 0, loop.Read, func(loop.Ops) { …; l.Break() }).Start()
//	loop.NewTimer(l, 5500*time.Millisecond, 0, func() { …; l.Break() }).Start()
//	err = l.Run(ctx, loop.RunDefault)
//
// # Watchers
//
//	[IO]        a descriptor is readable, writable, or its other end has gone
//	[Timer]     a span of monotonic time has passed, once or again and again
//	[Periodic]  the wall clock has reached an instant that a rule names
//	[Async]     another goroutine has called Send
//	[Idle]      there is nothing better to do
//	[Prepare]   the loop is about to wait
//	[Check]     the loop has waited
//
// All of them embed a [Watcher]. A watcher is active between Start and Stop (a one-shot Timer stops
// itself before its function is called), and pending between its event and the call. These are two
// bits, not one state: an expired one-shot is pending and not active. Stop clears both; what was
// pending is forgotten. A watcher that is active keeps Run from returning, unless
// [Watcher.KeepAlive] says otherwise.
//
// The functions and all methods belong to the goroutine that calls Run. Other goroutines may call
// [Loop.Post] and [Async.Send], and nothing else.
//
// # A turn
//
// Run repeats this until no watcher is active that keeps it alive, or until [Loop.Break], or until
// its context is done:
//
//  1. Prepare watchers are called.
//  2. The kernel is told which descriptors matter now. What was started and
//     stopped since the last turn costs no system call.
//  3. The loop waits: not at all if something is pending, an Idle is active or
//     the mode is RunNoWait; else until a descriptor is ready, the first timer or
//     periodic is due, or another goroutine posts.
//  4. The time is taken, once: [Loop.Now] is the same for all of the turn.
//  5. Watchers become pending, in this order: checks; periodics; timers; both by due
//     time, and of the same time in the order in which they were set; descriptors,
//     as the kernel lists them. Then posted functions are called, which may feed
//     more.
//  6. If nothing is pending at an Idle's priority or above, it becomes pending.
//  7. Pending watchers are called: the highest priority first, within one
//     priority first come, first served. One that a call feeds is called in the
//     same turn. Break takes effect once none is left.
//
// A watcher is pending at most once. A further event before its call is counted in
// [Stats.Coalesced]; what an IO is ready for is added up.
//
// # Where this is not libev
//
//   - Within a priority the order is first in, first out; libev's is the reverse,
//     which it compensates by feeding in reverse.
//   - A tick is never made up twice, and never moves the grid. libev fires a late
//     repeating timer once more at once and shifts its phase; here late ticks
//     become one, [Timer.Missed] says how many there were before it, and the
//     next one is on the grid again.
//   - A timer is due when its time is reached, not once it has passed: both clocks
//     count nanoseconds, so it can't be early.
//   - A step of the wall clock is noticed at once where the kernel tells (Linux),
//     and both clocks are read anew before the next wait is computed. libev 4.33
//     may compute that wait from an interpolated clock and stay silent.
//   - Without a way to be told, a loop with periodics wakes up once a minute. With
//     one, or without periodics, an idle loop never wakes up.
//   - A descriptor that is closed under its watcher stops the watcher and is told
//     to it as [Error], under every backend; under epoll within about a second, by a
//     look that only follows on activity, and not at all after [WithOwnDescriptors].
//     libev's epoll is silent for ever.
//   - One that can't be registered is told in the same turn, not at the next
//     wake-up.
//   - Priorities out of range are clamped, and may be changed at any time.
//   - There are no nested runs: Run within Run is [ErrRunning]. Signals, children
//     and files are no primitives; they are made from these, in package watch.
package loop
