package session

import (
	"syscall"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A Binding is what one command line asks for: a watcher, what is done about its events, and how
// long. It is a description; nothing has been opened or started.
type Binding struct {
	Kind     event.Kind
	Name     string           // the watcher's label; the kind if none was given
	Report   *report.Reporter // of what concerns this watcher alone
	Count    int              // stop after so many events; 0: never
	Timeout  time.Duration    // end the loop with status 124 if no event has come by then; 0: never; AtOnce
	For      time.Duration    // end the loop after this; 0: never; AtOnce
	Priority loop.Priority
	Until    bool // Timeout is for its end: what it waits for may take several events
	Break    bool // end the loop once an event has been handled
	NoWait   bool // look once, don't wait
	Now      bool // act once at the start, too
	// Cgroup gives each command a control group of its own.
	Cgroup bool
	// ExitOnError ends the loop when the command fails, with its status.
	ExitOnError bool

	// Watch makes the watcher.
	Watch func(*loop.Loop, watch.Emit) (watch.Watcher, error)
	// Render says how events are printed; nil: not at all.
	Render action.Render
	// If must hold for what is to be an event, each of them.
	If []event.Test
	// Exec says what command is run; nil: none.
	Exec *action.Options
	// Lock is what each event needs before it happens; nil: nothing.
	Lock *Lock
	// Check, if not nil, has then told what no waiting mends of what is shared with others, or nil.
	Check func(l *loop.Loop, then func(error)) error
	// Emit says where the events are stored; nil: nowhere.
	Emit *action.EmitOptions
	// Child says what a watcher runs that is a watch.Parent; nil: nothing. Where there is no Exec,
	// its status stands for a command's.
	Child *action.Options
	// OnFailure and OnSuccess say what is run after a run that has ended so; nil: nothing.
	OnFailure, OnSuccess *action.Options
	// LogRuns is how many runs are remembered, with what they wrote; 0: the usual number, and what
	// they wrote only where that goes through ev anyway.
	LogRuns int
	claims  *Claims // nil: none
}

// Claims say what the watcher takes from ev itself, as a signal that would have ended it, and what
// it has to do with others.
func (b *Binding) Claims() Claims {
	if b.claims == nil {
		return Claims{}
	}
	return *b.claims
}

// Claim returns the Claims to be added to.
func (b *Binding) Claim() *Claims {
	if b.claims == nil {
		b.claims = &Claims{}
	}
	return b.claims
}

// ClaimState claims a state file, if there is one.
func (b *Binding) ClaimState(file string) {
	if file != "" {
		b.Claim().State = file
	}
}

// Claims are the things that others, or ev itself, might look after as well. Most watchers have none.
type Claims struct {
	Signals []syscall.Signal
	Blocked []syscall.Signal // of those, what is to be blocked before anything starts
	Queued  []syscall.Signal // of those, what is not lost if it is blocked then
	Stdin   bool
	Drained bool // standard input is read to its end before the watcher starts
	Stdout  bool
	Writes  bool // to standard output, though it may print no events
	// Terminal says that the watcher changes the settings of ev's terminal, and undoes that when it
	// is stopped.
	Terminal bool
	State    string // the file that remembers what was dealt with, which no other may have; "": none
	// Follows are the names of those whose runs it tells of, which must be there.
	Follows []string
	// Group is one of those among whom stored events are shared, and Subjects are what it gets; nil: it
	// is to have nobody else. "": it is none.
	Group    string
	Subjects []string
}
