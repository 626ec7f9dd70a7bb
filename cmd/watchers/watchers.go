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

// runs has a command run by the values of its flags, o. A line of an Evfile gets them as its own,
// and leaves the command as it was: the next line of the kind has the same.
func runs[O any, P interface {
	*O
	run(a *App, c *cobra.Command, args []string, sink Sink) error
}](a *App, c *cobra.Command, o P, sink Sink) *cobra.Command {
	defaults := *o
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := lockWord(a, c); err != nil {
			return err
		}
		if !a.Line {
			return o.run(a, c, args, sink)
		}
		line, own := *a, *o
		defer func() { *o = defaults }()
		return P(&own).run(&line, c, args, sink)
	}
	return c
}
