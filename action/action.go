// Package action is what to do about an event: print it, or run a command.
//
// An [Exec] runs a command for each event. What it does with an event that comes while the command
// of an earlier one runs is its [Busy]. Each event's command is one run, a machine of three states
// (idle, running, stopping) in run.go; commands are started by the one thread of a
// [process.Starter], which outlives them, and their ends come in through the loop. A command is the
// leader of a process group of its own, and to stop it is to stop the group.
//
// A [Print] writes each event as one record to an [Output], which never blocks the loop, however
// slow its reader is.
//
// All of it belongs to the loop's goroutine. The two things that may take long, starting a process
// and writing to a full pipe, are done elsewhere and report back by [loop.Loop.Post].
package action

import "github.com/evshell/ev/event"

// An Action is done for each event of one watcher. Its methods are called on the loop's goroutine
// and do not block it.
type Action interface {
	Do(event.Event)
	// Close begins to end the action: nothing more is started, and what runs is stopped. done is
	// called on the loop's goroutine once nothing is left, which may be before Close returns.
	Close(done func())
}
