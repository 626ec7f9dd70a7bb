package action

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/sig"
)

// A Policy is what an event gets that comes while the command of the last one runs.
type Policy uint8

// The policies.
const (
	Queue    Policy = iota // runs after those before it; none is lost
	Merge                  // one more run afterwards, for all that came
	Skip                   // no run, but it is merged into the next event that gets one
	Restart                // the command is stopped, then runs for the newest
	Signal                 // no run: the command is sent a signal
	Parallel               // runs beside the others, up to a limit; Queue beyond it
)

// DefaultParallel is Parallel's limit if none is given.
const DefaultParallel = 16

// Busy is a Policy and what belongs to it. The zero Busy is Queue.
type Busy struct {
	Policy Policy
	Signal syscall.Signal // of Signal
	Limit  int            // of Parallel
}

// ParseBusy reads queue, merge, skip, restart, signal, signal=NAME, parallel and parallel=N. An
// error knows its place in text ([diag.Offset]).
func ParseBusy(text string) (Busy, error) {
	word, value, given := strings.Cut(text, "=")
	for i, name := range policies() {
		if word != name {
			continue
		}
		b := Busy{Policy: Policy(i)}
		switch b.Policy {
		case Signal:
			b.Signal = syscall.SIGUSR1
			if given {
				var err error
				b.Signal, err = sig.Parse(value)
				return b, diag.Within(len(text)-len(value), err)
			}
		case Parallel:
			b.Limit = DefaultParallel
			if given {
				n, err := strconv.Atoi(value)
				if err != nil || n < 1 {
					return Busy{}, diag.At(len(text)-len(value), fmt.Errorf("parallel=%s: give a number of commands from 1", value))
				}
				b.Limit = n
			}
		case Queue, Merge, Skip, Restart:
			if given {
				return Busy{}, diag.At(len(word), fmt.Errorf("%s takes no value: write %s alone", word, word))
			}
		}
		return b, nil
	}
	if guess, ok := nearest.Of(word, slices.Values(policies())); ok {
		return Busy{}, fmt.Errorf("unknown policy %q: did you mean %s?", text, guess)
	}
	return Busy{}, fmt.Errorf("unknown policy %q: there are queue, merge, skip, restart, signal[=NAME], parallel[=N]", text)
}

// policies are the words for them.
func policies() []string {
	return []string{"queue", "merge", "skip", "restart", "signal", "parallel"}
}

// String is the policy's word.
func (p Policy) String() string { return policies()[p] }

// String is what ParseBusy reads.
func (b Busy) String() string {
	switch b.Policy {
	case Signal:
		return "signal=" + sig.Name(b.Signal)
	case Parallel:
		return "parallel=" + strconv.Itoa(b.Limit)
	case Queue, Merge, Skip, Restart:
	}
	return b.Policy.String()
}

// limit is how many commands run at once.
func (b Busy) limit() int { return max(b.Limit, 1) }

// whileBusy does what the policy says with an event that comes when no further command may be
// started.
func (x *Exec) whileBusy(e event.Event) {
	switch x.o.Busy.Policy {
	case Queue, Parallel:
		x.queue = append(x.queue, e)
		if n := len(x.queue); n >= 1000 && isPowerOf10(n) {
			x.o.Report.Noticef("%s: %d events wait for it", x.command.name, n)
		}
	case Merge:
		x.wait(e)
	case Skip:
		if x.barred && len(x.runs) == 0 { // it is another's command that runs
			x.wait(e)
			return
		}
		x.o.Report.Verbosef("%s: busy, event %d is skipped", x.command.name, e.Seq)
		if x.skipped != nil && x.belong(*x.skipped, e) {
			e = merge(*x.skipped, e)
		}
		x.skipped = &e
		x.countSkipped()
		answer(e, event.Answer{Verdict: event.Skipped})
	case Restart:
		x.wait(e)
		for _, r := range slices.Clone(x.runs) {
			r.newer = true
			r.stop()
		}
	case Signal:
		if len(x.runs) > 0 && x.runs[0].tell(x.o.Busy.Signal) {
			x.countSkipped()
			drop(e, event.Merged)
		} else {
			x.wait(e)
		}
	}
}

// wait has e run next, together with what waits already.
func (x *Exec) wait(e event.Event) {
	x.o.Report.Verbosef("%s: busy, event %d waits", x.command.name, e.Seq)
	i := slices.IndexFunc(x.queue, func(other event.Event) bool { return x.belong(other, e) })
	if i < 0 {
		x.queue = append(x.queue, e)
		return
	}
	x.countSkipped()
	x.queue[i] = merge(x.queue[i], e)
}

// belong reports whether one run may stand for two events.
func (x *Exec) belong(older, newer event.Event) bool {
	return !x.o.Each || older.Detail.Subject() == newer.Detail.Subject()
}

func (x *Exec) countSkipped() {
	if x.o.Skipped != nil {
		x.o.Skipped()
	}
}

// merge is event.Merge, where one run takes the place of two: of two descriptors the newer is left.
func merge(older, newer event.Event) event.Event {
	drop(older, event.Merged)
	return event.Merge(older, newer)
}

// Combine is event.Merge for events that are waited for or bring descriptors: the newer one stands
// for both.
func Combine(older, newer event.Event) event.Event { return merge(older, newer) }

// Drop is for an event that will have no run, and nothing else.
func Drop(e event.Event, v event.Verdict) { drop(e, v) }

// drop is for an event that will have no run.
func drop(e event.Event, v event.Verdict) {
	release(e)
	answer(e, event.Answer{Verdict: v})
}

// release closes the descriptors that an event brings, when a command has them or no run will.
func release(e event.Event) {
	if d, ok := e.Detail.(event.Releaser); ok {
		d.Release()
	}
}

// answer tells what has become of an event to whoever waits for it.
func answer(e event.Event, a event.Answer) {
	if d, ok := e.Detail.(event.Call); ok {
		d.Answer(a)
	}
}

// wantsNoMore reports whether the watcher should stop reading its source: when events are already
// queued, when a running command reads the source itself, or when the maximum number of connections
// is being served.
func (x *Exec) wantsNoMore() bool {
	queues := x.o.Busy.Policy == Queue || x.o.Busy.Policy == Parallel
	if queues && len(x.queue) > 0 {
		return true
	}
	all := queues && len(x.runs) >= x.o.Busy.limit()
	return slices.ContainsFunc(x.runs, func(r *run) bool {
		in, out := r.payload.File, r.payload.Out
		return in != nil && (out == nil || out == in && all)
	})
}

func isPowerOf10(n int) bool {
	for n%10 == 0 {
		n /= 10
	}
	return n == 1
}
