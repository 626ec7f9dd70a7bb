package event

// A Call is a Detail that somebody waits for the end of. Its methods are called on the loop's
// goroutine.
type Call interface {
	// Begin tells that a command is about to be started, which stop ends. It reports whether that
	// is still wanted. Stop must not be called after the answer.
	Begin(stop func()) bool
	// Answer tells what has become of the event. Every event gets an answer in the end; if it gets
	// several, the first counts.
	Answer(a Answer)
}

// Awaited reports whether somebody waits for the end of the event.
func Awaited(e Event) bool {
	switch d := e.Detail.(type) {
	case Stat:
		return d.Parcel != nil
	case FD:
		return d.Parcel != nil
	case Message:
		return d.Parcel != nil
	case Every:
		return d.Parcel != nil
	case Call:
		return true
	}
	return false
}

// A Recorder is a Call of which it is written down that a command begins, before it does.
type Recorder interface {
	// Recorded has then called on the loop's goroutine once that is written, or can't be: at once, if
	// it is.
	Recorded(then func())
}

// A Tracer is a Call of which somebody wants to know which process its command is.
type Tracer interface {
	// Began tells that it lives, for each of its tries.
	Began(pid int)
}

// A Promise is a Detail of which somebody may have been told that it will be dealt with.
type Promise interface {
	Promised() bool
}

// An Answer is what has become of an event.
type Answer struct {
	Verdict Verdict
	Status  int // the exit status of a command that Ran
}

// A Verdict says in a word what has become of an event.
type Verdict uint8

// The verdicts.
const (
	Ran        Verdict = iota // a command, to its end; or without one it was written
	Late                      // a command was stopped because it took too long
	Stopped                   // a command was stopped, or never started: ev ends, say
	Superseded                // a command was stopped, since a newer event takes its place
	Failed                    // its command could not be started
	Merged                    // another event's command stands for it
	Skipped                   // it gets no command, since that of another event runs
	Refused                   // it gets no command: ev ends, say
	Passed                    // it is no event: --if does not hold for it
)

// Again reports whether the event has not been dealt with, and is to be told again: by the next ev,
// if this one ends.
func (v Verdict) Again() bool { return v == Stopped || v == Refused }

// A Releaser is a Detail whose Payload has descriptors of ev's in it.
type Releaser interface {
	// Release closes them: a command has them now, or none will. It may be called more than once.
	Release()
}
