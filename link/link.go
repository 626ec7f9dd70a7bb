// Package link is what several ev share: locks, and events that are stored until they have been
// dealt with. There are two engines of it: file:, a directory of this machine, and nats:, a
// nats-server with JetStream.
//
// A Link works on goroutines of its own, and its methods return at once. What comes of a call is
// told through Options.Post, which is the loop's. Nothing is connected before the first call, and
// nothing is told after Close.
package link

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/evshell/ev/internal/report"
)

// A Link is shared by all ev that were given the same server.
type Link interface {
	// Check has then told whether what the caller needs can be had: an error that no waiting mends,
	// or nil, also of a server that is away. It is told before what comes of calls after it.
	Check(need Need, then func(error))
	// Claim asks for a lock, and waits for it. What cancel cuts off is given back.
	Claim(c Claim, then func(*Grant)) (cancel func())
	// Settled has then told up to which instant a schedule has been dealt with; zero if there is no
	// record of it.
	Settled(lock, label string, then func(time.Time, error))
	// Publish stores a message, at the server or in the spool. Then is told once it is in one of
	// them.
	Publish(m Message, then func(Stored, error))
	// Consume delivers what is stored, until the Consumer is closed.
	Consume(o ConsumeOptions, got func(*Delivery), failed func(error)) Consumer
	// Letters has then told the dead letters of a group, or of all if it is empty, the oldest first.
	// It does not wait for a server that is away (ErrAway).
	Letters(group string, then func([]Letter, error))
	// Remove has a dead letter be no more. If again, it is stored first under the subject that it had
	// before, for its group alone.
	Remove(l Letter, again bool, then func(error))
	// Ask asks all who answer under a subject; got is told what they say, until the link is closed.
	// They are asked again each again, if that is not 0. It does not wait for a server that is away
	// (ErrAway); asked is told once it has asked, or can't.
	Ask(subject string, data []byte, again time.Duration, got func([]byte), asked func(error))
	// Answer has questions answered, under all subjects that a filter means.
	Answer(filter string, answer func(Question))
	// State is how the link is now.
	State() State
	// LockState is who has a lock, as far as is known without waiting for an answer: to look has the
	// server asked, for the next look.
	LockState(lock string) LockState
	// Close ends it: what is claimed is given back, and what is delivered may come again. Done is
	// called on a goroutine of the link's, within a few seconds.
	Close(done func())
}

// Options are what a Link needs to know of its surroundings.
type Options struct {
	Server   string // file:DIR, nats://HOST, tls://HOST, nats:CONTEXT
	Creds    string // a file of NATS credentials; empty: none
	Host     string // the name of this machine
	StateDir string // where the spool and the cursors are
	SpoolMax int64  // bytes; 0: DefaultSpoolMax
	Getenv   func(string) string
	Post     func(func())                              // Loop.Post
	After    func(time.Duration, func()) (stop func()) // Loop.After; nil: by timers of Go's
	Report   *report.Reporter
}

// DefaultSpoolMax is how much waits for a server that is away.
const DefaultSpoolMax = 64 << 20

// A Need is what a caller is going to ask of a Link.
type Need struct {
	Locks    []string
	Subjects []string // that events are stored under
}

// A Claim asks for a lock.
type Claim struct {
	Lock  string
	Label string    // the schedule whose instant is claimed
	Due   time.Time // the instant; zero: it is about no instant
	Lease time.Duration
	Skip  bool // do not wait for a lock that another one has
	// Rerun: the instant whose ev died while it ran is run again first.
	Rerun bool
	// Rescue: nothing is due. Only what was cut off is claimed, and there is no waiting but for the
	// end of the run that goes on.
	Rescue bool
	// Missed returns how many missed instants the run tells, if those up to settled had been dealt with
	// before. It is called on any goroutine. nil: none.
	Missed func(settled time.Time) int64
	// Lost is told when the lease can't be kept: others may have the lock after left.
	Lost func(left time.Duration)
}

// An Outcome says what has become of a Claim.
type Outcome uint8

// The outcomes.
const (
	Won       Outcome = iota
	Elsewhere         // another ev has dealt with the instant, or there is nothing to rescue
	Busy              // another one has the lock, and Skip was asked for
	Failed            // Grant.Err says why; waiting does not mend it
)

// String is the outcome as the label of a count has it.
func (o Outcome) String() string {
	return [...]string{"won", "elsewhere", "busy", "failed"}[o]
}

// A Grant is what has become of a Claim. One that is Won is to be released.
type Grant struct {
	Outcome Outcome
	Err     error
	Due     time.Time // the instant that was claimed
	Settled time.Time // up to when those of its label had been dealt with before
	Again   bool      // its run was cut off elsewhere
	Missed  int64     // how many missed instants that one told
	Fence   uint64    // grows with each claim of the lock
	Holder  string    // this ev; of Busy the one that has it
	// File is to be inherited by the command, which has the lock as long as it has that; nil: the
	// lease is kept otherwise.
	File *os.File

	// Released is what Release does, once.
	Released func(settled time.Time)

	undo  func()                // has it be as if the claim had not been; nil: it was not won
	fresh func() bool           // whether a command may still be started
	renew func(then func(bool)) // what to do if not
}

// Release gives the lock back. Instants up to settled, if it is not zero, have been dealt with.
func (g *Grant) Release(settled time.Time) {
	if g.Released != nil {
		release := g.Released
		g.Released = nil
		release(settled)
	}
}

// Stored says where a message is.
type Stored uint8

// The places.
const (
	Server Stored = iota
	Spool
)

// A Consumer delivers stored messages.
type Consumer interface {
	// Room says how many deliveries more may be had at once.
	Room(n int)
	// Pending is how many messages wait in the group, if that is known: as LockState, to look has the
	// server asked.
	Pending() (n int64, known bool)
	Close()
}

// ConsumeOptions say what is delivered.
type ConsumeOptions struct {
	Subjects []string // with * for one word and > for all that follow
	Group    string   // of all consumers of a group one gets each message
	EachHost bool     // each host gets each: Group is this host's alone
	From     From     // where a new group begins
	AckWait  time.Duration
	Ordered  bool // one after the other in the whole group
	// Joined, if not nil, is told once the group is there, and gets what is stored from then on; or
	// once it was told that the server is waited for.
	Joined func()
}

// From is where a new group begins: with what comes, unless All, or Time is set.
type From struct {
	All  bool
	Time time.Time
}

// A Delivery is a message on its way to be dealt with. Exactly one of Ack, Retry and Dead ends it.
type Delivery struct {
	Message
	Seq     uint64
	Attempt int // from 1; tries that did not count are not counted
	// Lost is told when the message may go to another consumer soon. It may be set by the receiver
	// of the delivery, before it returns.
	Lost func(left time.Duration)

	ack   func()
	retry func(after time.Duration, counts bool)
	dead  func(d DeadLetter)
	drop  func() // file: it was not taken after all
}

// Ack says that it is done.
func (d *Delivery) Ack() { d.ack() }

// Retry has it come again, to any of the group; counts says whether this was one of its tries.
func (d *Delivery) Retry(after time.Duration, counts bool) { d.retry(after, counts) }

// Dead moves it to the dead letters.
func (d *Delivery) Dead(l DeadLetter) { d.dead(l) }

// A DeadLetter says why a message is dead.
type DeadLetter struct {
	Status  int
	Attempt int
	Reason  string
}

// A Question is what another ev asks.
type Question struct {
	Subject string
	From    string // whoever asks it again is the same
	Data    []byte
	Reply   func([]byte) // may be called several times, and later
}

// LockState is who has a lock.
type LockState struct {
	Known  bool
	Holder string // a host and the number of a process, host/1234; empty: nobody
	Since  time.Time
}

// State is how a link is.
type State struct {
	Server    string // as a message has it, without a password
	Connected bool
	Spooled   int // events
}

// A FaultError is what no waiting mends: refused credentials, a server that is too old, a subject
// that no stream takes.
type FaultError struct{ msg string }

func (e *FaultError) Error() string { return e.msg }

func faultf(format string, args ...any) error {
	return &FaultError{fmt.Sprintf(format, args...)}
}

// ErrSpoolFull is told of a message that could be stored nowhere.
var ErrSpoolFull = errors.New("the server is away and the spool is full: --spool-max has more wait")

// NoRoom reports whether a message could be stored nowhere for now: the spool is full, or the disk is.
func NoRoom(err error) bool { return errors.Is(err, ErrSpoolFull) || ebbs(err) }

// Open makes the link that o.Server names.
func Open(o Options) (Link, error) {
	s, err := ParseServer(o.Server, o.Getenv)
	if err != nil {
		return nil, err
	}
	if o.SpoolMax == 0 {
		o.SpoolMax = DefaultSpoolMax
	}
	if o.After == nil {
		o.After = func(d time.Duration, fn func()) (stop func()) {
			t := time.AfterFunc(d, func() { o.Post(fn) })
			return func() { t.Stop() }
		}
	}
	if s.Dir != "" {
		return newFileLink(s.Dir, o), nil
	}
	if o.Creds != "" {
		s.Creds = o.Creds
	}
	if err := s.checkFiles(); err != nil {
		return nil, err
	}
	return newNATSLink(s, o)
}
