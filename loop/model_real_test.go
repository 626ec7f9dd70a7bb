package loop_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// forever is more than any wait that is to end.
const forever = 10000 * time.Hour

// real is a loop to be played on. Its backend's waits make the time pass; one without an end ends
// the run.
type real struct {
	t      *testing.T
	l      *loop.Loop
	b      *looptest.Backend
	time   *fakeTime
	ws     []watcher
	timers []*loop.Timer
	per    []*loop.Periodic
	ios    []*loop.IO
	async  *loop.Async
	called func(w int, what string)
}

// sleeper is the backend of a real.
type sleeper struct {
	*looptest.Backend
	r *real
}

func (s sleeper) Wait(ready []loop.Ready, d time.Duration) ([]loop.Ready, error) {
	before := len(ready)
	ready, err := s.Backend.Wait(ready, 0)
	switch {
	case len(ready) > before:
	case d < 0, d > forever:
		s.r.l.Break()
	default:
		s.r.time.advance(d)
	}
	return ready, err
}

func (r *real) init(t *testing.T, called func(int, string)) {
	t.Helper()
	r.t, r.called, r.b = t, called, looptest.New()
	l, err := loop.New(loop.WithBackend(sleeper{r.b, r}),
		loop.WithClock(func() (time.Time, time.Duration) { return r.time.wall, r.time.mono }))
	if err != nil {
		t.Fatal(err)
	}
	l.OnTurn(func() {
		if err := l.Verify(); err != nil {
			t.Error(err)
		}
	})
	r.l = l
	call := func() func() {
		w := len(r.ws)
		return func() { r.called(w, "") }
	}
	for i := range timers {
		w := len(r.ws)
		r.timers = append(r.timers, loop.NewTimer(l, 10*ms, 0, func() {
			t := r.timers[i]
			r.called(w, fmt.Sprintf("due %d missed %d", t.Due().UnixNano(), t.Missed()))
		}))
		r.ws = append(r.ws, r.timers[i])
	}
	for i := range periodics {
		w := len(r.ws)
		r.per = append(r.per, loop.NewPeriodic(l, rules()[i], func() {
			r.called(w, fmt.Sprintf("due %d", r.per[i].Due().UnixNano()))
		}))
		r.ws = append(r.ws, r.per[i])
	}
	for i := range ios {
		w := len(r.ws)
		r.ios = append(r.ios, loop.NewIO(l, i%fds, loop.Read, func(got loop.Ops) { r.called(w, got.String()) }))
		r.ws = append(r.ws, r.ios[i])
	}
	r.async = loop.NewAsync(l, call())
	r.ws = append(r.ws, r.async)
	for range idles {
		r.ws = append(r.ws, loop.NewIdle(l, call()))
	}
	for range prepares {
		r.ws = append(r.ws, loop.NewPrepare(l, call()))
	}
	for range checks {
		r.ws = append(r.ws, loop.NewCheck(l, call()))
	}
}

func (r *real) run(m loop.Mode) {
	if err := r.l.Run(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
}

func (r *real) breakOff()                                { r.l.Break() }
func (r *real) start(w int)                              { r.ws[w].Start() }
func (r *real) stop(w int)                               { r.ws[w].Stop() }
func (r *real) feed(w int)                               { r.ws[w].Feed() }
func (r *real) clear(w int) bool                         { return r.ws[w].ClearPending() }
func (r *real) setPriority(w int, p loop.Priority)       { r.ws[w].SetPriority(p) }
func (r *real) keepAlive(w int, keep bool)               { r.ws[w].KeepAlive(keep) }
func (r *real) again(w int)                              { r.ws[w].(interface{ Again() }).Again() }
func (r *real) setTimer(w int, after, rep time.Duration) { r.timers[w].Set(after, rep) }
func (r *real) setIO(w, fd int, want loop.Ops)           { r.ws[w].(*loop.IO).Set(fd, want) }
func (r *real) send(int)                                 { r.async.Send() }
func (r *real) post(n int)                               { r.l.Post(func() { r.called(-1, fmt.Sprint("posted ", n)) }) }
func (r *real) suspend()                                 { r.l.Suspend() }
func (r *real) resume()                                  { r.l.Resume() }
func (r *real) updateNow()                               { r.l.UpdateNow() }
func (r *real) setReady(fd int, ops loop.Ops)            { r.b.SetReady(fd, ops) }
func (r *real) closeFD(fd int)                           { r.b.CloseFD(fd) }
func (r *real) openFD(fd int)                            { r.b.OpenFD(fd) }
func (r *real) clock() *fakeTime                         { return r.time }
func (r *real) active(w int) bool                        { return r.ws[w].Active() }

func (r *real) state() string {
	var b strings.Builder
	st := r.l.Stats()
	fmt.Fprint(&b, st.Turns, st.Events, st.Coalesced, st.Jumps, st.Pending, st.Timers, st.Periodics, st.FDs, " |")
	for _, w := range r.ws {
		writeState(&b, w.Active(), w.Pending(), w.Priority())
	}
	for _, w := range r.timers {
		fmt.Fprint(&b, " ", int64(w.Remaining()))
	}
	for _, w := range r.per {
		at, ok := w.At()
		if !ok {
			at = time.Unix(0, 0)
		}
		fmt.Fprint(&b, " ", at.UnixNano())
	}
	return b.String()
}

func writeState(b *strings.Builder, active, pending bool, p loop.Priority) {
	mark := func(c byte, set bool) {
		if !set {
			c = '-'
		}
		b.WriteByte(c)
	}
	b.WriteByte(' ')
	mark('a', active)
	mark('p', pending)
	fmt.Fprint(b, p)
}
