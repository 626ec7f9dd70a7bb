package watch

import (
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// A Parcel goes with an event whose watcher wants to know what becomes of it: of a message that
// comes again if it was not done, of a change that is told again after a crash. It is an
// event.Parcel.
type Parcel struct {
	loop     *loop.Loop
	settled  func(event.Answer)
	older    []*Parcel // whose fate is this one's
	absorbed bool      // its own is another's
	answered bool
}

// NewParcel makes a parcel. Settled is called once, on the loop's goroutine: with what has become
// of the event, or of the one that it was merged into.
func NewParcel(l *loop.Loop, settled func(event.Answer)) *Parcel {
	return &Parcel{loop: l, settled: settled}
}

// Begin is [event.Call]'s.
func (p *Parcel) Begin(func()) bool { return true }

// Absorb has the fate of an older one be this one's.
func (p *Parcel) Absorb(older event.Parcel) {
	o := older.(interface{ parcel() *Parcel }).parcel()
	o.absorbed = true
	p.older = append(append(p.older, o.older...), o)
	o.older = nil
}

// parcel is what is absorbed, also of who embeds one.
func (p *Parcel) parcel() *Parcel { return p }

// Answered reports whether it is known what has become of the event.
func (p *Parcel) Answered() bool { return p.answered }

// Answer tells what has become of the event. The first answer counts.
func (p *Parcel) Answer(a event.Answer) {
	if p.answered || p.absorbed {
		return
	}
	if a.Verdict == event.Merged { // with one that stands for it, or with none: the command was told of it
		p.loop.Post(func() {
			if !p.absorbed {
				p.settle(event.Answer{Verdict: event.Ran})
			}
		})
		return
	}
	p.settle(a)
}

// settle does it, for those that it stands for, too.
func (p *Parcel) settle(a event.Answer) {
	if p.answered {
		return
	}
	for _, o := range p.older {
		o.absorbed = false
		o.settle(a)
	}
	p.answered, p.older = true, nil
	p.settled(a)
}
