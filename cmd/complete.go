package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch/stat"
)

// setCompletion completes the values of flags. Where a command offers no arguments nothing is
// guessed, not even files. COMMAND after -- is none of ev's business: internal/gen has the shells
// complete it.
func (p *program) setCompletion(root *cobra.Command) {
	if len(p.Args) > 0 && p.Args[0] == cobra.ShellCompRequestCmd {
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
				watchers.CompleteFlag(c, f.Name, words)
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
func flagWords() map[string]watchers.Completion {
	return map[string]watchers.Completion{
		"on-busy": watchers.Words("queue\tone after the other", "merge\tone more run for all that came", "skip\tno run",
			"restart\tstop it, then run", "signal=\ttell it", "parallel=\tseveral at once"),
		"stop-signal":    watchers.Signals,
		"color":          watchers.Words("auto", "always", "never"),
		"log-format":     watchers.Words("plain", "json"),
		"backend":        watchers.Words(append([]string{"auto"}, loop.Backends()...)...),
		"priority":       watchers.Words("-2", "-1", "0", "1", "2"),
		"again-on":       watchers.Words("fd:", "stat:", "signal:"),
		"tz":             watchers.Words(append([]string{"UTC", "Local"}, schedule.Zones()...)...),
		"dst-gap":        watchers.Words("after\twhen they have", "skip\tnot at all"),
		"dst-overlap":    watchers.Words("first", "last", "both"),
		"catch-up":       watchers.Words("none\tthey are counted", "once\tone event for all", "all\tone event each"),
		"respawn":        watchers.Words(watchers.RespawnAlways, watchers.RespawnOnFailure),
		"command":        watchers.ProcessNames,
		"stat --change":  watchers.Words(stat.ChangeNames()...),
		"probe --change": watchers.Words("status", "output"),
		"probe --until":  watchers.Words("up", "down"),
	}
}
