// Package watchers has a command for each watcher, and the flags that they share: it turns words
// into a [session.Binding], and hands that to a [Sink].
package watchers

import "github.com/spf13/cobra"

// A Watcher makes a watcher's command.
type Watcher struct {
	Name    string
	Command func(*App, Sink) *cobra.Command
}

// All are the commands of the watchers, on the command line and in an Evfile.
func All() []Watcher {
	return []Watcher{
		{"watch-fd", (*App).newWatchFD},
		{"timer", (*App).newTimer},
		{"every", (*App).newEvery},
		{"on-signal", (*App).newOnSignal},
		{"on-exit", (*App).newOnExit},
		{"stat", (*App).newStat},
		{"on-http", (*App).newOnHTTP},
		{"on-message", (*App).newOnMessage},
		{"probe", (*App).newProbe},
	}
}
