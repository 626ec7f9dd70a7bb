package watchers

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// GroupAnnotation marks a flag with its group's title.
const GroupAnnotation = "group"

// BeginGroup begins a group: what is added to the flags before end is called comes under one
// heading. The flags keep the order in which they are added.
func BeginGroup(fs *pflag.FlagSet, title string) (end func()) {
	fs.SortFlags = false
	before := 0
	fs.VisitAll(func(*pflag.Flag) { before++ })
	return func() {
		annotations := map[string][]string{GroupAnnotation: {title}} // one for all, that nobody changes
		n := 0
		fs.VisitAll(func(f *pflag.Flag) {
			if n++; n > before {
				f.Annotations = annotations
			}
		})
	}
}

// ownFlags returns a command's flags, to add those that it shares with no other. They keep the
// order in which they are added.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	c.Flags().SortFlags = false
	return c.Flags()
}

// OwnTitle is the heading of the flags that a command shares with no other.
const OwnTitle = "Flags"
