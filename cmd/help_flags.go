package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
)

// A FlagGroup is the flags of a command that stand under one heading.
type FlagGroup struct {
	Title string
	Flags []*pflag.Flag
}

// loopAnnotation marks a global flag that is about the loop.
const loopAnnotation = "loop"

// FlagGroups returns the flags of a command by heading: its own first, those that all commands have
// last.
func FlagGroups(c *cobra.Command) []FlagGroup {
	groups := []FlagGroup{{Title: watchers.OwnTitle}}
	add := func(title string, f *pflag.Flag) {
		for i := range groups {
			if groups[i].Title == title {
				groups[i].Flags = append(groups[i].Flags, f)
				return
			}
		}
		groups = append(groups, FlagGroup{title, []*pflag.Flag{f}})
	}
	globals := c.Root().PersistentFlags()
	globals.SortFlags = false
	c.Flags().SortFlags = false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || globals.Lookup(f.Name) != nil {
			return
		}
		title := watchers.OwnTitle
		if t := f.Annotations[watchers.GroupAnnotation]; t != nil {
			title = t[0]
		}
		if f.Name == "help" || f.Name == "version" {
			title = "Global flags"
		}
		add(title, f)
	})
	globals.VisitAll(func(f *pflag.Flag) {
		if !idle(c, f) {
			add("Global flags", f)
		}
	})
	if len(groups[0].Flags) == 0 {
		groups = groups[1:]
	}
	return groups
}

// idle reports whether a flag of all commands says nothing to this one, since it is about the loop,
// and there is none.
func idle(c *cobra.Command, f *pflag.Flag) bool {
	return c.HasParent() && c.GroupID != watcherGroup && c.Name() != "run" && f.Annotations[loopAnnotation] != nil
}

// Spelling returns how a flag is written, with its value.
func Spelling(f *pflag.Flag) string {
	s := "--" + f.Name
	if f.Shorthand != "" {
		s = "-" + f.Shorthand + ", " + s
	}
	value, _ := pflag.UnquoteUsage(f)
	switch {
	case value == "" || f.Value.Type() == "count":
	case f.NoOptDefVal != "" && f.Value.Type() != "bool":
		s += "[=" + value + "]"
	default:
		s += " " + value
	}
	return s
}

// Usage returns what a flag is for, and its default where that says something. A usage text may end
// in the name of the flag's value, which is not part of it.
func Usage(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	if strings.HasSuffix(f.Usage, "`") {
		usage = strings.TrimSpace(strings.TrimSuffix(usage, value))
	}
	switch f.DefValue {
	case "", "0", "false", "[]", "-1":
		return usage
	}
	return fmt.Sprintf("%s (default %s)", usage, f.DefValue)
}

// writeFlagNames writes the flags without what they are for: the command's own with their values,
// those that it shares with others without. Of a command with many flags of its own the values are
// left out.
func writeFlagNames(b *strings.Builder, c *cobra.Command) {
	const many = 30
	for _, g := range FlagGroups(c) {
		line := "\n" + strings.TrimSuffix(g.Title, " flags") + ":" // so that they fit on one
		for i, f := range g.Flags {
			s := "--" + f.Name
			if g.Title == watchers.OwnTitle && len(g.Flags) < many {
				s = Spelling(f)
			}
			if i == 0 && g.Title == watchers.OwnTitle || len(line)+len(s)+1 > usage.Width {
				b.WriteString(line + "\n")
				line = " "
			}
			line += " " + s
		}
		b.WriteString(line)
	}
	b.WriteString("\n")
}

// writeFlag writes a flag and what it is for, wrapped.
func writeFlag(b *strings.Builder, f *pflag.Flag) {
	const indent = 26
	left := "  " + Spelling(f)
	if f.Shorthand == "" {
		left = "      " + Spelling(f)
	}
	b.WriteString(left)
	column := len(left)
	if column > indent-2 {
		b.WriteString("\n")
		column = 0
	}
	b.WriteString(strings.Repeat(" ", indent-column))
	column = indent
	for word := range strings.FieldsSeq(Usage(f)) {
		column = writeWord(b, word, column, indent)
	}
	b.WriteString("\n")
}
