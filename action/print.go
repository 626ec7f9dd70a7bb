package action

import (
	"errors"
	"slices"
	"strings"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/term"
)

// maxWaiting is how many events wait for a slow reader before the last of them begins to stand for
// those that follow it.
const maxWaiting = 1000

// A Render appends an event as one record, with its end.
type Render func(b []byte, e event.Event) []byte

// Text is the line of fields separated by TABs.
func Text(end byte) Render {
	return func(b []byte, e event.Event) []byte { return append(e.AppendText(b), end) }
}

// Coloured is Text in colour, for what is no terminal but is read as on one.
func Coloured(end byte) Render {
	return func(b []byte, e event.Event) []byte {
		subject, rest, _ := strings.Cut(string(e.AppendText(nil)), "\t")
		return append(append(b, term.Bold.Wrap(subject)+"\t"+rest...), end)
	}
}

// Terminal is Text as a person reads it: with the time of day before it, and in colour if asked
// for.
func Terminal(end byte, colour bool) Render {
	if !colour {
		return func(b []byte, e event.Event) []byte {
			b = e.Time.AppendFormat(b, "15:04:05 ")
			return append(e.AppendText(b), end)
		}
	}
	return func(b []byte, e event.Event) []byte {
		subject, rest, _ := strings.Cut(string(e.AppendText(nil)), "\t")
		b = append(b, term.Dim.Wrap(e.Time.Format("15:04:05"))+" "+term.Bold.Wrap(subject)+"\t"+rest...)
		return append(b, end)
	}
}

// JSON is one flat object.
func JSON(end byte) Render {
	return func(b []byte, e event.Event) []byte { return append(e.AppendJSON(b), end) }
}

// Format fills in the placeholders of text, whose escapes have been read already (event.Unescape).
// The end is added if text does not end in it.
func Format(text string, end byte) Render {
	if ending := string([]byte{end}); !strings.HasSuffix(text, ending) {
		text += ending
	}
	return event.NewTemplate(text).Append
}

// Print writes each event to an Output.
//
// Events that come faster than the reader takes them wait. A source that can wait is told to; of
// one that can't, at most a thousand wait one by one, and the last stands for those that follow,
// counted as merged events are.
type Print struct {
	out     *Output
	render  Render
	full    func(bool)
	report  *report.Reporter
	settles bool
	waits   bool // for the Output
	waiting []event.Event
	taken   int64         // by the Output, which has not written them
	flushes int64         // the Output's, when it took the first of these
	awaited []event.Event // of those, the ones whose end somebody waits for
	merged  int64
	done    func() // from Close on
}

// NewPrint makes a Print. full is told true when nothing more should be taken from the source, then
// false when it may; it can be nil.
func NewPrint(out *Output, render Render, full func(bool), r *report.Reporter) *Print {
	return &Print{out: out, render: render, full: full, report: r}
}

// Settle has events be dealt with once they are written, since they get no command: whoever waits
// for one gets an answer then.
func (p *Print) Settle() { p.settles = true }

func (p *Print) answer(v event.Verdict, events ...event.Event) {
	for _, e := range events {
		if p.settles {
			answer(e, event.Answer{Verdict: v})
		}
	}
}

// Do prints the event, or has it wait.
func (p *Print) Do(e event.Event) {
	switch n := len(p.waiting); {
	case !p.out.busy && n == 0:
		p.print(e)
	case n == maxWaiting:
		p.waiting[n-1] = event.Merge(p.waiting[n-1], e)
		p.merged++
	default:
		p.waiting = append(p.waiting, e)
		p.wait()
	}
}

// wait has resume called, and holds the source until then.
func (p *Print) wait() {
	if p.waits {
		return
	}
	p.waits = true
	p.out.onDrain(p.resume)
	if p.full != nil {
		p.full(true)
	}
}

func (p *Print) print(e event.Event) {
	p.out.record = p.render(p.out.record[:0], e)
	awaited := event.Awaited(e)
	if awaited {
		p.out.write(p.out.record)
	} else {
		p.out.gather(p.out.record)
	}
	if p.flushes != p.out.flushes {
		p.flushes, p.taken = p.out.flushes, 0
	}
	if p.out.holds() {
		p.taken++
	}
	if p.out.busy {
		p.wait()
	}
	switch {
	case !awaited:
	case p.out.busy:
		p.awaited = append(p.awaited, e)
	case p.out.err != nil:
		p.answer(event.Refused, e)
	default:
		p.answer(event.Ran, e)
	}
}

// resume prints what waits, as far as the reader takes it.
func (p *Print) resume() {
	if p.out.err != nil {
		p.lose()
	}
	p.answer(event.Ran, p.awaited...)
	p.taken, p.awaited = 0, nil
	for !p.out.busy && len(p.waiting) > 0 {
		e := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.print(e)
	}
	if p.out.busy {
		p.out.onDrain(p.resume)
		return
	}
	if p.merged > 0 {
		p.report.Noticef("the reader was too slow: %d events were merged", p.merged)
	}
	p.waiting, p.merged, p.waits = nil, 0, false
	if p.full != nil {
		p.full(false)
	}
	if p.done != nil {
		p.done()
	}
}

// lose drops what the Output will not write any more. Why it won't it has told itself, if that was
// no decision of its own.
func (p *Print) lose() {
	if errors.Is(p.out.err, errNotRead) {
		p.report.Errorf("%v: %d events are lost", p.out.err, p.taken+int64(len(p.waiting))+p.merged)
	}
	p.answer(event.Refused, slices.Concat(p.awaited, p.waiting)...)
	p.awaited, p.waiting, p.merged = nil, nil, 0
}

// Close waits until everything is written. What a reader has not taken that is not waited for any
// longer (Output.Hurry) is counted and reported.
func (p *Print) Close(done func()) {
	p.out.Flush()
	if !p.out.busy {
		done()
		return
	}
	p.done = done
	p.wait()
}

var _ Action = (*Print)(nil)
