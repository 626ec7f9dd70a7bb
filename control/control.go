// Package control is the way to speak to a loop that runs: the socket of 'ev run --control', the
// client of 'ev ctl', and the page of 'ev run --metrics'. It knows what is said, and not what is
// done about it.
//
// # The protocol
//
// The socket is a stream. A client writes requests, one JSON object a line, and reads one line for
// each, in their order:
//
//	{"command":"stop","names":["build"]}
//	{"ok":true}
//	{"command":"list"}
//	{"ok":true,"watchers":[{"name":"build","watcher":"stat","state":"stopped",…}]}
//	{"command":"sotp"}
//	{"ok":false,"error":"there is no command \"sotp\": …"}
//
// After the reply to {"command":"events"} every event of the loop follows, one a line, as --json
// prints it, and nothing else is read from this connection. A client that does not read them is
// sent {"ok":false,"error":…} once it reads on, which tells how many it has lost, and is
// disconnected.
//
// Fields may be added. A client should pass over those that it doesn't know.
package control

import "time"

// The commands.
const (
	List    = "list"    // the watchers, all or those named
	Start   = "start"   // start the watchers named
	Stop    = "stop"    // stop the watchers named
	Restart = "restart" // stop what the watchers named run, and run it again
	Fire    = "fire"    // have the watchers named emit an event, as if it had come
	Signal  = "signal"  // send a signal to what they run
	Log     = "log"     // the last runs of the watchers named, or of all
	Suspend = "suspend" // have the loop's time stand still
	Resume  = "resume"  // and go on
	Break   = "break"   // end the loop
	Reload  = "reload"  // read the Evfile again
	Events  = "events"  // send every event from now on
)

// Commands returns the commands.
func Commands() []string {
	return []string{List, Start, Stop, Restart, Fire, Signal, Log, Suspend, Resume, Break, Reload, Events}
}

// A Request is what a client says.
type Request struct {
	Command string   `json:"command"`
	Names   []string `json:"names,omitempty"`  // of watchers
	Signal  string   `json:"signal,omitempty"` // of Signal: its name, or its number
}

// Remote are the commands that another host may ask for, where it may ask for more than List.
func Remote() []string { return []string{Start, Stop, Restart, Fire, Reload, Events} }

// A Reply is the answer to a Request.
type Reply struct {
	OK       bool      `json:"ok"`
	Error    string    `json:"error,omitempty"`
	Watchers []Watcher `json:"watchers,omitempty"`
	Runs     []Run     `json:"runs,omitempty"`
	Faults   []Fault   `json:"faults,omitempty"` // that keep an Evfile from being reloaded
}

// A Run is how a command has ended.
type Run struct {
	Name    string    `json:"name"` // of the watcher
	Run     uint64    `json:"run"`  // the number of its event
	Ended   time.Time `json:"ended"`
	Elapsed float64   `json:"elapsed"` // seconds
	Status  int       `json:"status"`  // as a shell has it
	Signal  string    `json:"signal,omitempty"`
	How     string    `json:"how"`               // in words
	Stopped bool      `json:"stopped,omitempty"` // because it was to be, and its status says nothing
	Error   string    `json:"error,omitempty"`   // why it was not started
	Output  string    `json:"output,omitempty"`  // the end of what it wrote, where that is kept
}

// A Fault is what is wrong with a line of an Evfile.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Message string `json:"message"`
	Source  string `json:"source"` // the line
}

// A Watcher is how one watcher is.
type Watcher struct {
	Name     string     `json:"name"`
	Watcher  string     `json:"watcher"` // its command
	State    string     `json:"state"`   // initialised, active, pending, stopped or failed
	Unseen   int        `json:"unseen"`  // places that it can't look at, and tries again to
	Priority int        `json:"priority"`
	Fires    uint64     `json:"fires"`   // events so far
	Running  int        `json:"running"` // commands
	Since    *time.Time `json:"since"`   // when the oldest of them has
	Waiting  int        `json:"waiting"` // events, for a command
	Status   *int       `json:"status"`  // of the command that ended last
	Took     *float64   `json:"took"`    // by that, in seconds
	Last     *time.Time `json:"last"`    // event
	Due      *time.Time `json:"due"`     // the next event, where that is known

	Lock      string     `json:"lock,omitempty"`       // held, free, no server, or who has it: host/process
	LockSince *time.Time `json:"lock_since,omitempty"` // when that one has claimed it
	Pending   *int64     `json:"pending,omitempty"`    // messages that wait in the group
}
