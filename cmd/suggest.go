package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/internal/nearest"
)

// otherNames tells the command for what people may call it who come from elsewhere.
func otherNames() map[string]string {
	return map[string]string{
		"cron": "every", "at": "every", "periodic": "every", "schedule": "every", "calendar": "every",
		"sleep": "timer", "after": "timer", "timeout": "timer", "countdown": "timer",
		"file": "stat", "watch": "stat", "inotify": "stat", "inotifywait": "stat", "path": "stat", "entr": "stat",
		"trap": "on-signal", "signal": "on-signal", "kill": "on-signal",
		"wait": "on-exit", "pid": "on-exit", "exit": "on-exit", "child": "on-exit",
		"tail": "watch-fd", "poll": "watch-fd", "select": "watch-fd", "io": "watch-fd", "fd": "watch-fd", "read": "watch-fd",
	}
}

// unknownCommand is the error for a word that is no command, with the one that was
// likely meant.
func (a *app) unknownCommand(root *cobra.Command, word string) error {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if meant, ok := otherNames()[strings.ToLower(word)]; ok {
		return usagef("there is no command %q: you may want 'ev %s'", word, meant)
	}
	if meant, ok := nearest.Of(word, slices.Values(names)); ok {
		return usagef("there is no command %q: did you mean 'ev %s'?", word, meant)
	}
	return usagef("there is no command %q: see 'ev --help'", word)
}

// unknownTopic is the error for what 'ev help' knows nothing of.
func unknownTopic(root *cobra.Command, word string) error {
	names := helpTopics(root)
	for i := range names {
		names[i], _, _ = strings.Cut(names[i], "\t")
	}
	if meant, ok := nearest.Of(word, slices.Values(names)); ok {
		return usagef("there is no command or topic %q: did you mean 'ev help %s'?", word, meant)
	}
	return usagef("there is no command or topic %q: see 'ev help help'", word)
}

// flagError turns pflag's errors into ours, with the flag that was likely meant.
func (a *app) flagError(c *cobra.Command, err error) error {
	a.report = a.report.Named(c.CommandPath())
	msg := err.Error()
	name, ok := strings.CutPrefix(msg, "unknown flag: --")
	if !ok {
		return a.shorthandError(c, msg)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	name, _, _ = strings.Cut(name, "=")
	if meant, ok := nearest.Of(name, slices.Values(names)); ok {
		return usagef("there is no flag --%s: did you mean --%s?", name, meant)
	}
	return usagef("there is no flag --%s: see '%s --help', or put -- before the command", name, c.CommandPath())
}

// shorthandError is flagError for the errors that aren't about a long flag. An
// unknown -x is most often the COMMAND's, which lacks its --.
func (a *app) shorthandError(c *cobra.Command, msg string) error {
	rest, ok := strings.CutPrefix(msg, "unknown shorthand flag: ")
	if !ok {
		return usagef("%s", msg)
	}
	_, word, _ := strings.Cut(rest, " in ")
	if i := slices.Index(a.args, word); i > 2 && !strings.HasPrefix(a.args[i-1], "-") {
		return usagef("there is no flag %s; if it is the command's, %s", word, a.dashHint(a.args[i-1]))
	}
	if number := strings.TrimLeft(word, "-."); number != "" && '0' <= number[0] && number[0] <= '9' {
		return usagef("there is no flag %s, and no negative number is taken here: see '%s --help'", word, c.CommandPath())
	}
	return usagef("there is no flag %s: see '%s --help'", word, c.CommandPath())
}
