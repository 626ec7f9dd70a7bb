package cmd

import "github.com/spf13/cobra"

// A watcherCommand makes a watcher's command.
type watcherCommand struct {
	name    string
	command func(*app, Sink) *cobra.Command
}

// watchers are the commands of the watchers, on the command line and in an Evfile.
func watchers() []watcherCommand {
	return []watcherCommand{
		{"watch-fd", (*app).newWatchFD},
		{"timer", (*app).newTimer},
		{"every", (*app).newEvery},
		{"on-signal", (*app).newOnSignal},
		{"on-exit", (*app).newOnExit},
		{"stat", (*app).newStat},
		{"on-http", (*app).newOnHTTP},
		{"on-message", (*app).newOnMessage},
		{"probe", (*app).newProbe},
	}
}
