package cmd

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/internal/nearest"
)

// otherNames tells the command for what people may call it who come from elsewhere.
func otherNames() map[string]string {
	return map[string]string{
		"cron": "every", "crontab": "every", "at": "every", "periodic": "every", "schedule": "every", "calendar": "every",
		"sleep": "timer", "after": "timer", "timeout": "timer", "countdown": "timer", "alarm": "timer",
		"file": "stat", "watch": "stat", "inotify": "stat", "inotifywait": "stat", "path": "stat", "entr": "stat",
		"fswatch": "stat", "watchexec": "stat",
		"trap": "on-signal", "signal": "on-signal", "kill": "on-signal",
		"wait": "on-exit", "pid": "on-exit", "exit": "on-exit", "child": "on-exit", "waitpid": "on-exit", "pidwait": "on-exit",
		"tail": "watch-fd", "poll": "watch-fd", "select": "watch-fd", "io": "watch-fd", "fd": "watch-fd", "read": "watch-fd",
		"http": "on-http", "httpd": "on-http", "serve": "on-http", "webhook": "on-http",
		"wait-for-it": "probe", "wait4x": "probe", "ping": "probe", "healthcheck": "probe", "check": "probe", "curl": "probe", "port": "probe", "tcp": "probe",
	}
}

// unknownCommand is the error for a word that is no command, with the one that was likely meant.
func (p *program) unknownCommand(root *cobra.Command, word string) error {
	var names []string
	for _, c := range root.Commands() { // all of them (named): word is none
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if meant, ok := otherNames()[strings.ToLower(word)]; ok {
		return usage.Errorf("there is no command %q: you may want 'ev %s'", word, meant)
	}
	if meant, ok := nearest.Of(word, slices.Values(names)); ok {
		return usage.Errorf("there is no command %q: did you mean 'ev %s'?", word, meant)
	}
	return usage.Errorf("there is no command %q: see 'ev --help'", word)
}

// unknownTopic is the error for what 'ev help' knows nothing of.
func unknownTopic(root *cobra.Command, word string) error {
	names := helpTopics(root)
	for i := range names {
		names[i], _, _ = strings.Cut(names[i], "\t")
	}
	if meant, ok := nearest.Of(word, slices.Values(names)); ok {
		return usage.At(usage.ArgOf(word), "there is no command or topic %q: did you mean 'ev help %s'?", word, meant)
	}
	return usage.At(usage.ArgOf(word), "there is no command or topic %q: see 'ev help help'", word)
}

// flagError turns pflag's errors into ours, with the word that they are about and the flag that was
// likely meant.
func (p *program) flagError(c *cobra.Command, err error) error {
	p.Report = p.Report.Named(c.CommandPath())
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return badValue(e)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage.At(usage.Flag(e.GetFlag().Name), "--%s needs a value: %s", e.GetFlag().Name, Spelling(e.GetFlag()))
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name, _, _ := strings.Cut(e.GetSpecifiedName(), "=")
		if group := e.GetSpecifiedShortnames(); group != "" {
			return p.unknownShorthand(c, name, "-"+group)
		}
		return p.unknownFlag(c, name)
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		name, _, _ := strings.Cut(strings.TrimPrefix(e.GetSpecifiedFlag(), "--"), "=")
		return usage.At(usage.Flag(name), "%s is not a flag: see '%s --help'", e.GetSpecifiedFlag(), c.CommandPath())
	}
	return usage.Errorf("%v", err)
}

// badValue is the error for a value that a flag can't have.
func badValue(e *pflag.InvalidValueError) error {
	name, at := e.GetFlag().Name, usage.Item(e.GetFlag().Name, e.GetValue())
	switch e.GetFlag().Value.Type() {
	case "bool", "count":
		return usage.At(at, "--%s takes no value: leave out the =%s", name, e.GetValue())
	case "int":
		return usage.At(at, "--%s %s: give a whole number", name, e.GetValue())
	case "number":
		return usage.At(at, "--%s %s: give a number from 1", name, e.GetValue())
	}
	return usage.Of(at, "--"+name+": ", e.Unwrap())
}

func (p *program) unknownFlag(c *cobra.Command, name string) error {
	if w := p.owner(c, func(fs *pflag.FlagSet) bool { return fs.Lookup(name) != nil }); w != "" {
		return usage.At(usage.Flag(name), "--%s belongs after the watcher's name: ev %s --%[1]s", name, w)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if meant, ok := otherFlags()[name]; ok && slices.Contains(names, meant) {
		return usage.At(usage.Flag(name), "there is no flag --%s: did you mean --%s?", name, meant)
	}
	if meant, ok := nearest.Of(name, slices.Values(names)); ok {
		return usage.At(usage.Flag(name), "there is no flag --%s: did you mean --%s?", name, meant)
	}
	return usage.At(usage.Flag(name), "there is no flag --%s: see '%s --help', or put -- before the command", name, c.CommandPath())
}

// otherFlags tells the flag for what people may call it who come from elsewhere.
func otherFlags() map[string]string {
	return map[string]string{
		"timezone": "tz", "time-zone": "tz", "zone": "tz", "cwd": "chdir", "directory": "chdir", "workdir": "chdir", "debounce": "settle", "delay": "settle", "interval": "repeat",
		"exclude": "ignore", "extension": "ext", "exts": "ext", "signal": "stop-signal", "retries": "retry", "max-time": "timeout",
	}
}

// unknownShorthand is the error for a letter that is no flag, in a word. That is most often the
// COMMAND's, which lacks its --.
func (p *program) unknownShorthand(c *cobra.Command, letter, word string) error {
	at, hint := usage.Flag("-"+letter), ""
	line := usage.TellApart(c.Flags(), p.Args)
	i, _ := line.Find(at)
	before := slices.Index(line.Args, i-1) - 1
	if before > 0 {
		hint = p.DashHint(c, before)
	}
	switch w := p.owner(c, func(fs *pflag.FlagSet) bool { return fs.ShorthandLookup(letter) != nil }); {
	case w != "":
		return usage.At(at, "-%s belongs after the watcher's name: ev %s -%[1]s", letter, w)
	case hint != "":
		return usage.At(usage.Arg(before), "there is no flag %s; if it is the command's, %s", word, hint)
	case c.Name() == "on-exit" && strings.Trim(word, "-0123456789") == "":
		return usage.At(at, "%s is not a PID: those are positive", word)
	case strings.ContainsAny(letter, ".0123456789"):
		return usage.At(at, "there is no flag %s, and no negative number is taken here: see '%s --help'", word, c.CommandPath())
	}
	if c.Name() == "stat" {
		return usage.At(at, "there is no flag %s: see '%s --help'; if it is a path, write ./%[1]s", word, c.CommandPath())
	}
	return usage.At(at, "there is no flag %s: see '%s --help'", word, c.CommandPath())
}

// owner returns the watcher among the arguments that has a flag which the root, if c is that, has
// not.
func (p *program) owner(c *cobra.Command, has func(*pflag.FlagSet) bool) string {
	if c.HasParent() {
		return ""
	}
	for _, w := range c.Commands() { // all of them (named): the first argument is a flag
		if w.GroupID == watcherGroup && slices.Contains(p.Args, w.Name()) && has(w.Flags()) {
			return w.Name()
		}
	}
	return ""
}
