package cmd

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
)

// TestHelp_shortFitsOnAScreen: 24 lines of 80 columns.
func TestHelp_shortFitsOnAScreen(t *testing.T) {
	p := newProgram(nil)
	for c := range commands(p.newRoot(nil)) {
		if !c.Runnable() || c.Hidden {
			continue
		}
		var b strings.Builder
		p.writeHelp(c, &b, true)
		if n := strings.Count(b.String(), "\n"); n > helpHeight {
			t.Errorf("%s -h has %d lines:\n%s", c.CommandPath(), n, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if n := len(strings.TrimRight(line, "\n")); n > usage.Width {
				t.Errorf("%s -h has a line of %d columns: %s", c.CommandPath(), n, line)
			}
		}
	}
}

// TestHelp_isComplete: every command and every flag says what it is for.
func TestHelp_isComplete(t *testing.T) {
	p := newProgram(nil)
	root := p.newRoot(nil)
	for c := range commands(root) {
		if c.Hidden {
			continue
		}
		if c.Short == "" || c.Long == "" || c.GroupID != "" && c.Example == "" {
			t.Errorf("%s lacks a Short, a Long or an Example", c.CommandPath())
		}
		var b strings.Builder
		p.writeHelp(c, &b, false)
		for _, want := range []string{"Usage: ", "Exit status:", "--help"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s --help has no %q", c.CommandPath(), want)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			if Usage(f) == "" {
				t.Errorf("%s: --%s does not say what it is for", c.CommandPath(), f.Name)
			}
			if !strings.Contains(b.String(), "--"+f.Name) {
				t.Errorf("%s --help lacks --%s", c.CommandPath(), f.Name)
			}
		})
	}
}

// TestHelp_ofACommandMadeAlone: a command that the arguments name is the only one made, and its
// help says what it says beside the others.
func TestHelp_ofACommandMadeAlone(t *testing.T) {
	for _, n := range newProgram(nil).named(nil) {
		help := func(args ...string) (text string, made int) {
			p := newProgram(args)
			root := p.newRoot(nil)
			c, _, err := root.Find([]string{n.name})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			p.writeHelp(c, &b, false)
			return b.String(), len(root.Commands())
		}
		among, _ := help()
		alone, made := help(n.name)
		if alone != among {
			t.Errorf("ev %s --help says\n%s, not\n%s", n.name, alone, among)
		}
		if made > 2 {
			t.Errorf("ev %s makes %d commands, not itself and help", n.name, made)
		}
	}
}

// TestFold: paragraphs are broken anew, what is indented is not.
func TestFold(t *testing.T) {
	const text = `A paragraph that is
broken early, then

  a list   that
  stands as it is, whatever its length may be: it was laid out by hand, with its columns
and the end.`
	const want = `A paragraph that is broken early, then

  a list   that
  stands as it is, whatever its length may be: it was laid out by hand, with its columns
and the end.
`
	if got := fold(text); got != want {
		t.Errorf("fold gives\n%q, not\n%q", got, want)
	}
	for line := range strings.Lines(fold(strings.Repeat("word µs ", 100))) {
		if n := utf8.RuneCountInString(line); n > usage.Width+len("\n") {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
}
