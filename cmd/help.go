package cmd

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
)

// helpValue is -h or --help. Cobra knows of one help flag; which of the two was meant is kept
// aside.
type helpValue struct {
	program *program
	flags   *pflag.FlagSet
}

func (v helpValue) Set(string) error {
	v.program.shortHelp = true
	return v.flags.Set("help", "true")
}

func (helpValue) String() string { return "" }
func (helpValue) Type() string   { return "bool" }

// setHelp gives root and all commands below it -h, which fits on a screen, and --help, which is
// complete.
func (p *program) setHelp(root *cobra.Command) {
	root.SetHelpCommand(p.newHelp())
	root.InitDefaultHelpCmd()
	for c := range commands(root) {
		fs := c.Flags()
		fs.Bool("help", false, "show the whole help; -h is short")
		fs.VarPF(helpValue{p, fs}, "help-short", "h", "").NoOptDefVal = "true"
		_ = fs.MarkHidden("help-short")
	}
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { p.writeHelp(c, c.OutOrStdout(), p.shortHelp) })
	root.SetUsageFunc(func(c *cobra.Command) error { p.writeHelp(c, c.ErrOrStderr(), true); return nil })
}

// newHelp makes 'ev help'.
func (p *program) newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND|TOPIC]",
		Short: "show the help of a command or a topic",
		Long:  "The topics are " + strings.Join(topicNames(), ", ") + ".",
		ValidArgsFunction: func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return watchers.Words(helpTopics(c.Root())...)(prefix), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			switch {
			case err != nil:
				return err
			case found == c.Root() && len(rest) > 0:
				return unknownTopic(found, rest[0])
			}
			p.writeHelp(found, c.OutOrStdout(), false)
			return nil
		},
	}
}

// helpTopics returns what 'ev help' can be asked for, with what it is.
func helpTopics(root *cobra.Command) []string {
	var topics []string
	for _, c := range root.Commands() { // all of them (named): help was named first
		if c.Name() != "help" && !strings.HasPrefix(c.Name(), "_") { // cobra's own
			topics = append(topics, c.Name()+"\t"+c.Short)
		}
	}
	return topics
}

// commands yields c and all commands below it.
func commands(c *cobra.Command) iter.Seq[*cobra.Command] {
	return func(yield func(*cobra.Command) bool) {
		if !yield(c) {
			return
		}
		for _, sub := range c.Commands() {
			for c := range commands(sub) {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// helpHeight is how many lines a terminal shows at least, and so does a short help.
const helpHeight = 24

// fold breaks paragraphs into lines anew; what is indented stays as it is.
func fold(text string) string {
	var b strings.Builder
	column := 0
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, " ") {
			if column > 0 {
				b.WriteString("\n")
			}
			b.WriteString(line)
			column = 0
			continue
		}
		for word := range strings.FieldsSeq(line) {
			column = writeWord(&b, word, column, 0)
		}
	}
	if column > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// writeWord writes a word at a column, or on a new line that is indented if there is no room for
// it, and returns where it ends.
func writeWord(b *strings.Builder, word string, column, indent int) int {
	n := utf8.RuneCountInString(word)
	switch {
	case column == indent:
	case column+1+n > usage.Width:
		b.WriteString("\n" + strings.Repeat(" ", indent))
		column = indent
	default:
		b.WriteString(" ")
		column++
	}
	b.WriteString(word)
	return column + n
}

// writeHelp writes a command's help. The short one leaves out what all watchers have in common, but
// names it.
func (p *program) writeHelp(c *cobra.Command, w io.Writer, short bool) {
	var b strings.Builder
	defer func() { _, _ = io.WriteString(w, b.String()) }()

	fmt.Fprintf(&b, "%s - %s\n", c.CommandPath(), c.Short)
	if !c.Runnable() {
		fmt.Fprintf(&b, "\n%s", fold(c.Long))
		return
	}
	fmt.Fprintf(&b, "\nUsage: %s\n", c.UseLine())
	if !short && c.Long != "" {
		fmt.Fprintf(&b, "\n%s", fold(c.Long))
	}
	if !c.HasParent() {
		writeCommands(&b, c, short)
	}
	if !short && c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if short {
		writeFlagNames(&b, c)
		writeFirstExamples(&b, c)
		fmt.Fprintf(&b, "\n'%s --help' tells all of it", c.CommandPath())
		if !c.HasParent() {
			b.WriteString(", 'ev completion SHELL' has a shell complete it")
		}
		b.WriteString(".\n")
		return
	}
	for _, g := range FlagGroups(c) {
		fmt.Fprintf(&b, "\n%s:\n", g.Title)
		for _, f := range g.Flags {
			writeFlag(&b, f)
		}
	}
	fmt.Fprintf(&b, "\nExit status:\n%s\n", usage.ExitStatusHelp)
	if c.HasParent() {
		b.WriteString("\n" + fold("More: ev help TOPIC, of "+strings.Join(topicNames(), ", ")))
		return
	}
	b.WriteString("\nMore, by 'ev help TOPIC':\n")
	for _, t := range topics() {
		fmt.Fprintf(&b, "  %-11s %s\n", t.name, t.short)
	}
}

// writeCommands writes the commands by their groups. For that of the shell a short help has no room.
func writeCommands(b *strings.Builder, root *cobra.Command, short bool) {
	for _, g := range root.Groups() {
		if short && g.ID == shellGroup {
			continue
		}
		fmt.Fprintf(b, "\n%s:\n", g.Title)
		for _, c := range root.Commands() { // all of them (named): this is the help of ev itself
			if c.GroupID == g.ID {
				fmt.Fprintf(b, "  %-10s %s\n", c.Name(), c.Short)
			}
		}
	}
}

// writeFirstExamples writes the first of a command's examples, as many as there is room for on a
// screen.
func writeFirstExamples(b *strings.Builder, c *cobra.Command) {
	const head, below = "\nExamples:\n", 2
	room := helpHeight - below - strings.Count(b.String()+head, "\n")
	shown := ""
	for _, e := range Examples(c) {
		if strings.Count(shown+e, "\n") > room || slices.ContainsFunc(strings.Split(e, "\n"), func(line string) bool { return len(line) > usage.Width }) {
			break
		}
		shown += e
	}
	if shown != "" {
		b.WriteString(head + shown)
	}
}

// Examples returns the examples of a command. Each is a comment and what is typed, a line or more;
// what a line needs, one before it has made.
func Examples(c *cobra.Command) []string {
	var all []string
	for line := range strings.Lines(c.Example + "\n") {
		if len(all) == 0 || strings.HasPrefix(line, "  # ") {
			all = append(all, "")
		}
		all[len(all)-1] += line
	}
	return all
}
