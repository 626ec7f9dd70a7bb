// Package onsignal tells that the process has received a signal: ev on-signal.
package onsignal

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// Options say which signals are watched.
type Options struct {
	Signals []syscall.Signal
	// Info asks where each signal comes from: every one that the kernel queues is an event of its
	// own then. It needs [sigmask.Block] for the same signals, and Linux.
	Info bool
	// Report is told if real-time signals may be merged: if they were not blocked by
	// [sigmask.Block]. It can be nil.
	Report *report.Reporter
}

// A Watcher emits event.Signal for signals that the process receives. Several of one kind that come
// faster than the loop turns are one event with their count; of those, the kernel and the Go
// runtime may have merged some before, but no real-time signals that are blocked ([sigmask.Block]).
//
// One that was ignored when the process started (nohup, a background job of sh) is not ignored as
// long as it is watched. What comes between Stop and Start has its default effect, or waits in the
// kernel for Start if it is blocked.
type Watcher struct {
	loop    *loop.Loop
	options Options
	emit    watch.Emit

	arrived *loop.Fed      // fed while there is something to emit
	told    []event.Signal // what that is, one of a kind
	notices chan os.Signal
	info    *info // with Info
}

var _ watch.Watcher = (*Watcher)(nil)

// New makes a watcher of signals.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	if len(o.Signals) == 0 {
		return nil, errors.New("no signal given, as in HUP or RTMIN+1")
	}
	for _, s := range o.Signals {
		err := sig.Watchable(s)
		if err == nil && o.Info {
			err = sigmask.Blockable(s)
		}
		if err != nil {
			return nil, err
		}
	}
	w := &Watcher{loop: l, options: o, emit: emit}
	w.arrived = loop.NewFed(l, w.deliver)
	return w, nil
}

// Start asks for the signals.
func (w *Watcher) Start() error {
	if w.Active() {
		return nil
	}
	if w.options.Info {
		info, err := newSignalInfo(w)
		if err != nil {
			return fmt.Errorf("where signals come from can't be told: %w", err)
		}
		w.info = info
	} else {
		w.notices = make(chan os.Signal, 64)
		for _, s := range w.options.Signals {
			if Queues(s) && enqueue(w, s) {
				continue
			}
			signal.Notify(w.notices, s)
			if w.options.Report != nil && Queues(s) {
				w.options.Report.Noticef("of many %s at once some may be merged: ev has to be started anew to count all", sig.Name(s))
			}
		}
		go w.forward(w.notices)
	}
	w.arrived.Start()
	return nil
}

// Queues reports whether none of a signal is lost if it is blocked before the program begins: a
// real-time signal that can be.
func Queues(s syscall.Signal) bool { return sig.IsRealTime(s) && sigmask.Blockable(s) == nil }

// forward carries signals to the loop until notices is closed.
func (w *Watcher) forward(notices chan os.Signal) {
	for s := range notices {
		w.loop.Post(func() {
			if w.notices == notices {
				w.add(s.(syscall.Signal))
			}
		})
	}
}

// add counts a signal that is to be told at the end of this turn.
func (w *Watcher) add(s syscall.Signal) {
	w.arrived.Feed()
	for i := range w.told {
		if w.told[i].Number == int(s) {
			w.told[i].Count++
			return
		}
	}
	w.told = append(w.told, event.Signal{Signal: sig.Name(s), Number: int(s), Count: 1})
}

func (w *Watcher) deliver() {
	told := w.told
	w.told = nil
	for _, d := range told {
		if !w.Active() {
			return
		}
		w.emit(d)
	}
}

// Stop gives the signals their default effect back.
func (w *Watcher) Stop() {
	w.arrived.Stop()
	w.told = nil
	if w.notices != nil {
		for _, s := range w.options.Signals {
			dequeue(w, s)
		}
		signal.Stop(w.notices)
		close(w.notices)
		w.notices = nil
	}
	if w.info != nil {
		w.info.close()
		w.info = nil
	}
}

// Feed emits an event of the first signal, none of which has come.
func (w *Watcher) Feed() {
	s := w.options.Signals[0]
	w.told = append(w.told, event.Signal{Signal: sig.Name(s), Number: int(s)})
	w.arrived.Feed()
}

// Active reports whether the signals are watched.
func (w *Watcher) Active() bool { return w.arrived.Active() }

// Pending reports whether a signal has come that is not emitted yet.
func (w *Watcher) Pending() bool { return w.arrived.Pending() }

// SetPriority takes effect at the next Start.
func (w *Watcher) SetPriority(p loop.Priority) { w.arrived.SetPriority(p) }
