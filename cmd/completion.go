package cmd

import (
	"slices"
	"strings"

	"github.com/evshell/ev/internal/sig"
	"github.com/spf13/cobra"
)

// A completion offers what may stand where the user is: words that begin with prefix, each with a
// TAB and what it means, if that is known.
type completion func(prefix string) []string

// words offers those of a list.
func words(list ...string) completion {
	return func(prefix string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(w string) bool { return !strings.HasPrefix(w, prefix) })
	}
}

// completeFlag completes a flag's value.
func completeFlag(c *cobra.Command, flag string, offer completion) {
	_ = c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return offer(prefix), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeArgs completes a command's arguments.
func completeArgs(c *cobra.Command, offer completion) {
	c.ValidArgsFunction = func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return offer(prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFiles completes a command's arguments with files, as the shell does.
func completeFiles(c *cobra.Command) {
	c.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
}

// signals offers the signals' names, with what they mean.
func signals(prefix string) []string {
	upper := strings.TrimPrefix(strings.ToUpper(prefix), "SIG")
	var names []string
	for _, s := range sig.All() {
		if name := sig.Name(s); strings.HasPrefix(name, upper) {
			names = append(names, name+"\t"+sig.Describe(s))
		}
	}
	return names
}
