package gen

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd"
	"github.com/evshell/ev/cmd/usage"
)

// date stands in every page's head: that of the last change of the interface, so that a build gives
// the same pages on any day.
const date = "2026-11-23"

// manual returns ev(1), a page for each watcher's command, and the topics that have a page of their
// own.
func manual(root *cobra.Command) []File {
	var pages []File
	var watchers []*cobra.Command
	for _, c := range root.Commands() {
		if c.GroupID != "" {
			watchers = append(watchers, c)
		} else if at, ok := topicPages()[c.Name()]; ok {
			pages = append(pages, at.page(c))
		}
	}
	pages = append(pages, rootPage(root, watchers))
	for _, c := range watchers {
		pages = append(pages, commandPage(c, watchers))
	}
	return pages
}

// A topicPage is where the page of a topic is; other topics are sections of ev(1).
type topicPage struct {
	name    string
	section int
	also    []string
}

func topicPages() map[string]topicPage {
	return map[string]topicPage{
		"cluster":    {"ev-cluster", 7, []string{"ev.1", "ev-emit.1", "ev-on-message.1"}},
		"time":       {"ev-time", 7, []string{"ev.1", "ev-every.1", "ev-timer.1"}},
		"recipes":    {"ev-recipes", 7, []string{"ev.1", "ev-on-exit.1", "ev-stat.1", "ev-watch-fd.1"}},
		"containers": {"ev-containers", 7, []string{"ev.1", "ev-on-exit.1", "ev-probe.1", "ev-run.1"}},
		"compare":    {"ev-compare", 7, []string{"ev.1", "ev-probe.1", "ev-run.1"}},
		"evfile":     {"evfile", 5, []string{"ev.1", "ev-ctl.1", "ev-run.1"}},
	}
}

// A page is a manual page in man(7)'s macros.
type page struct {
	strings.Builder
}

func newPage(name string, section int, short string) *page {
	p := &page{}
	fmt.Fprintf(p, ".TH %s %d %s ev \"ev manual\"\n", strings.ToUpper(name), section, date)
	p.section("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", roff(name), roff(short))
	return p
}

func (p *page) file(name string, section int) File {
	return File{fmt.Sprintf("man/%s.%d", name, section), []byte(p.String())}
}

func (p *page) section(title string) { fmt.Fprintf(p, ".SH %s\n", strings.ToUpper(title)) }

// text writes paragraphs; lines that are indented stand as they are, and those in capitals are
// headings.
func (p *page) text(s string) {
	var words []string
	literal := false
	flush := func() {
		p.fill(words)
		words = nil
	}
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		indented := strings.HasPrefix(line, "  ")
		if line == "" { // it goes with what is below it; the last line is none of these
			indented = literal && strings.HasPrefix(lines[i+1], "  ")
		}
		if indented != literal {
			flush()
			if literal = indented; literal {
				p.paragraph()
				p.WriteString(".RS 2\n.nf\n")
			} else {
				p.WriteString(".fi\n.RE\n")
			}
		}
		switch {
		case line == "":
			flush()
			if !isHeading(lines[i+1]) {
				p.paragraph()
			}
		case isHeading(line):
			fmt.Fprintf(p, ".SS %s%s\n", line[:1], strings.ToLower(line[1:]))
		case literal:
			p.line(line[2:])
		default:
			words = append(words, strings.Fields(line)...)
		}
	}
	flush()
	if literal {
		p.WriteString(".fi\n.RE\n")
	}
}

func isHeading(line string) bool {
	return line != "" && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == "" && line[0] != ' '
}

// paragraph begins one, unless there is nothing to set it off from.
func (p *page) paragraph() {
	last := strings.TrimRight(p.String(), "\n")
	last = last[strings.LastIndexByte(last, '\n')+1:]
	if !strings.HasPrefix(last, ".SH") && !strings.HasPrefix(last, ".SS") && last != ".PP" {
		p.WriteString(".PP\n")
	}
}

// fill writes words on lines of their own choice.
func (p *page) fill(words []string) {
	var b strings.Builder
	for _, w := range words {
		if b.Len() > 0 && len(roff(b.String()))+len(roff(w)) > 76 {
			p.line(b.String())
			b.Reset()
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	if b.Len() > 0 {
		p.line(b.String())
	}
}

// line writes one line of text. A leading dot would make it a request; a quote is escaped as all of
// them are.
func (p *page) line(s string) {
	if strings.HasPrefix(s, ".") {
		p.WriteString(`\&`)
	}
	p.WriteString(roff(s) + "\n")
}

// example writes commands, each below what it is for.
func (p *page) example(s string) {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		p.paragraph()
		if about, ok := strings.CutPrefix(line, "# "); ok {
			p.fill(strings.Fields(strings.ToUpper(about[:1]) + about[1:] + ":"))
			continue
		}
		p.WriteString(".RS 4\n.nf\n")
		p.line(line)
		p.WriteString(".fi\n.RE\n")
	}
}

func (p *page) flags(groups []cmd.FlagGroup) {
	for _, g := range groups {
		fmt.Fprintf(p, ".SS %s\n", roff(g.Title))
		for _, f := range g.Flags {
			p.flag(f)
		}
	}
}

func (p *page) flag(f *pflag.Flag) {
	value, _ := pflag.UnquoteUsage(f)
	spelling, hasValue := strings.CutSuffix(cmd.Spelling(f), " "+value)
	p.WriteString(".TP\n\\fB" + roff(spelling) + "\\fR")
	if hasValue {
		p.WriteString(" \\fI" + roff(value) + "\\fR")
	}
	p.WriteString("\n")
	p.fill(strings.Fields(cmd.Usage(f)))
}

// roff escapes what troff would take for its own.
func roff(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	return strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "µ", `\(mc`, "…", "...").Replace(s)
}

func (p *page) synopsis(c *cobra.Command) {
	p.section("Synopsis")
	name, rest, _ := strings.Cut(c.UseLine(), " ")
	if c.HasParent() {
		var sub string
		sub, rest, _ = strings.Cut(rest, " ")
		name += " " + sub
	}
	fmt.Fprintf(p, "\\fB%s\\fR %s\n", roff(name), roff(rest))
}

func (p *page) seeAlso(names ...string) {
	p.section("See also")
	for i, n := range names {
		end := ","
		if i == len(names)-1 {
			end = ""
		}
		name, section, _ := strings.Cut(n, ".")
		fmt.Fprintf(p, ".BR %s (%s)%s\n", roff(name), section, end)
	}
}

func rootPage(root *cobra.Command, watchers []*cobra.Command) File {
	p := newPage("ev", 1, root.Short)
	p.synopsis(root)
	p.section("Description")
	p.text(root.Long)
	p.section("Commands")
	also := []string{}
	for _, c := range watchers {
		fmt.Fprintf(p, ".TP\n\\fB%s\\fR\n%s: see\n.BR %s (1).\n", roff(c.Name()), roff(c.Short), roff("ev-"+c.Name()))
		also = append(also, "ev-"+c.Name()+".1")
	}
	p.section("Options")
	p.flags(cmd.FlagGroups(root))
	for _, c := range root.Commands() {
		if _, own := topicPages()[c.Name()]; c.Hidden && !c.Runnable() && !own {
			p.section(strings.ReplaceAll(c.Name(), "-", " "))
			p.text(c.Long)
		}
	}
	p.section("Examples")
	p.example(root.Example)
	p.seeAlso(append(also, "evfile.5", "ev-time.7")...)
	return p.file("ev", 1)
}

func commandPage(c *cobra.Command, watchers []*cobra.Command) File {
	name := "ev-" + c.Name()
	p := newPage(name, 1, c.Short)
	p.synopsis(c)
	p.section("Description")
	p.text(c.Long)
	p.section("Options")
	p.flags(cmd.FlagGroups(c))
	p.section("Exit status")
	p.text(usage.ExitStatusHelp)
	p.section("Examples")
	p.example(c.Example)
	also := []string{"ev.1"}
	for _, w := range watchers {
		if w != c {
			also = append(also, "ev-"+w.Name()+".1")
		}
	}
	p.seeAlso(append(also, "evfile.5", "ev-time.7")...)
	return p.file(name, 1)
}

func (t topicPage) page(c *cobra.Command) File {
	p := newPage(t.name, t.section, c.Short)
	p.section("Description")
	p.text(c.Long)
	p.seeAlso(t.also...)
	return p.file(t.name, t.section)
}
