package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch/stat"
)

// setCompletion completes the values of flags. Where a command offers no arguments nothing is
// guessed, not even files. COMMAND after -- is none of ev's business: internal/gen has the shells
// complete it.
func (p *program) setCompletion(root *cobra.Command) {
	if len(p.args) > 0 && p.args[0] == cobra.ShellCompRequestCmd {
		describeFlags(root)
	}
	values := flagWords()
	for c := range commands(root) {
		if c.ValidArgsFunction == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			words, ok := values[c.Name()+" --"+f.Name]
			if !ok {
				words, ok = values[f.Name]
			}
			if ok {
				completeFlag(c, f.Name, words)
			}
		})
	}
}

// describeFlags has each flag's usage text be what a shell shows of it. cobra shows it as it is,
// and in it stands the name of the flag's value.
func describeFlags(root *cobra.Command) {
	describe := func(f *pflag.Flag) { f.Usage = Usage(f) }
	root.PersistentFlags().VisitAll(describe)
	for c := range commands(root) {
		c.LocalNonPersistentFlags().VisitAll(describe)
	}
}

// flagWords returns what the values of flags may be that are words, of every command or of the one
// that is named before the flag. They stand here, and not with their commands: cobra keeps for ever
// what it is told, and an Evfile makes a command for each of its lines.
func flagWords() map[string]completion {
	return map[string]completion{
		"on-busy": words("queue\tone after the other", "merge\tone more run for all that came", "skip\tno run",
			"restart\tstop it, then run", "signal=\ttell it", "parallel=\tseveral at once"),
		"stop-signal":    signals,
		"color":          words("auto", "always", "never"),
		"log-format":     words("plain", "json"),
		"backend":        words(append([]string{"auto"}, loop.Backends()...)...),
		"priority":       words("-2", "-1", "0", "1", "2"),
		"again-on":       words("fd:", "stat:", "signal:"),
		"tz":             words(append([]string{"UTC", "Local"}, schedule.Zones()...)...),
		"dst-gap":        words("after\twhen they have", "skip\tnot at all"),
		"dst-overlap":    words("first", "last", "both"),
		"catch-up":       words("none\tthey are counted", "once\tone event for all", "all\tone event each"),
		"respawn":        words(respawnAlways, respawnOnFailure),
		"command":        processNames,
		"stat --change":  words(stat.ChangeNames()...),
		"probe --change": words("status", "output"),
		"probe --until":  words("up", "down"),
	}
}
