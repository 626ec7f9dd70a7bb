package watchers

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/internal/sig"
)

// A Completion offers what may stand where the user is: words that begin with prefix, each with a
// TAB and what it means, if that is known.
type Completion func(prefix string) []string

// Words offers those of a list.
func Words(list ...string) Completion {
	return func(prefix string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(w string) bool { return !strings.HasPrefix(w, prefix) })
	}
}

// CompleteFlag completes a flag's value.
func CompleteFlag(c *cobra.Command, flag string, offer Completion) {
	_ = c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return offer(prefix), cobra.ShellCompDirectiveNoFileComp
	})
}

// CompleteArgs completes a command's arguments.
func CompleteArgs(c *cobra.Command, offer Completion) {
	c.ValidArgsFunction = func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return offer(prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteFiles completes a command's arguments with files, as the shell does.
func CompleteFiles(c *cobra.Command) {
	c.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
}

// Signals offers the signals' names, with what they mean.
func Signals(prefix string) []string {
	upper := strings.TrimPrefix(strings.ToUpper(prefix), "SIG")
	var names []string
	for _, s := range sig.All() {
		if name := sig.Name(s); strings.HasPrefix(name, upper) {
			names = append(names, name+"\t"+sig.Describe(s))
		}
	}
	return names
}
