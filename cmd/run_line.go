package cmd

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch/onhttp"
)

// A line is a line of an Evfile, and what it asks for.
type line struct {
	*evfile.Line
	file    *evfile.File
	key     string // the same for lines that say the same
	binding *session.Binding
	listens *onhttp.Options // nil: not for requests
}

// check has the lines describe their bindings. It returns those that do, and all that
// is wrong with the others.
func (r *reader) check(lines []*line) (right []*line, errs evfile.Errors) {
	right = make([]*line, 0, len(lines))
	for _, l := range lines {
		if err := r.bind(l); err != nil {
			errs = append(errs, l.fault(err))
		} else {
			right = append(right, l)
		}
	}
	return right, errs
}

// keyOf is the same for lines with the same words, label and environment, and for no
// others: the number says where the words end, and none has a NUL.
func keyOf(l *evfile.Line) string {
	parts := append([]string{strconv.Itoa(len(l.Words)), l.Label}, l.Args()...)
	return strings.Join(append(parts, slices.Sorted(slices.Values(l.Env))...), "\x00")
}

// bind has the line's command describe its binding: the very command of the command
// line, made anew so that no flag's value is left in it.
func (r *reader) bind(l *line) error {
	name := l.Words[0].Text
	all := watchers()
	i := slices.IndexFunc(all, func(w namedCommand) bool { return w.name == name })
	if i < 0 {
		return unknownWatcher(name)
	}
	a := r.lineApp(l)
	c := all[i].command(a, func(_ context.Context, b session.Binding) error {
		l.binding = &b
		return nil
	})
	c.SetOut(io.Discard)
	if err := r.parse(l, a, c); err != nil {
		return err
	}
	if err := c.RunE(c, c.Flags().Args()); err != nil {
		return err
	}
	switch {
	case l.binding == nil:
		return usagef("this line only shows something: give it to ev on the command line")
	case l.binding.NoWait:
		return usagef("--nowait is about the loop as a whole: give it to ev run")
	}
	live := r.options.live
	if live && l.binding.Claims.Stdin && term.IsTerminal(stdinFD) {
		return usagef("--live takes the terminal's keys, and this line would, too: redirect standard input, or leave out --live")
	}
	if e := l.binding.Exec; e != nil && (r.options.prefix || live) && !e.Foreground {
		e.Prefix = l.binding.Name + ": "
	}
	if live && term.IsTerminal(stdoutFD) {
		l.binding.Render = nil // the table has them
	}
	return nil
}

// blockSignals has the signals blocked that lines want with --siginfo.
func (r *reader) blockSignals(lines []*line) error {
	var blocked []syscall.Signal
	for _, l := range lines {
		blocked = append(blocked, l.binding.Claims.Blocked...)
	}
	if len(blocked) > 0 && r.path == "-" {
		return usagef("--siginfo: ev reads its lines twice then, which standard input can't give: name a file")
	}
	return blockSignals(blocked)
}

// checkSignals refuses a line that wants a signal with --siginfo when another line
// watches it, too: one of the two would not see it.
func checkSignals(lines []*line) (errs evfile.Errors) {
	for _, l := range lines {
		for _, s := range l.binding.Claims.Blocked {
			for _, other := range lines {
				if other != l && slices.Contains(other.binding.Claims.Signals, s) {
					errs = append(errs, l.fault(usagef("--siginfo: %s is watched by line %d, too, and one of the two would not see it", sig.Name(s), other.Words[0].Line)))
				}
			}
		}
	}
	return errs
}

// checkListeners refuses lines with one address of which one keeps the other from being what it
// says.
func checkListeners(lines []*line) (errs evfile.Errors) {
	for i, l := range lines {
		for _, first := range lines[:i] {
			if l.listens == nil || first.listens == nil {
				continue
			}
			if err := l.listens.Beside(first.listens); err != nil {
				errs = append(errs, l.fault(usagef("%v (line %d)", err, first.Words[0].Line)))
				break
			}
		}
	}
	return errs
}

// parse reads the line's flags.
func (r *reader) parse(l *line, a *app, c *cobra.Command) error {
	fs := c.Flags()
	fs.BoolVarP(&a.quiet, "quiet", "q", a.quiet, "")
	named := fs.Lookup("name")
	if l.Label != "" {
		_ = named.Value.Set(l.Label) // the default, so to speak
	}
	if err := c.ParseFlags(l.Args()[1:]); err != nil {
		return r.flagError(a, c, err)
	}
	if l.Label != "" && named.Changed {
		return usagef("--name: the line has a name already, its label %s: leave out one of the two", l.Label)
	}
	if r.options.json && !fs.Changed("format") {
		_ = fs.Set("json", "true")
	}
	if a.quiet {
		a.report = a.report.Limited(report.Error)
	}
	if name := named.Value.String(); name != "" {
		a.report = a.report.Named(r.app.report.Name() + ": " + name)
	}
	return nil
}

// lineApp is the app that a line's command sees.
func (r *reader) lineApp(l *line) *app {
	a := *r.app
	a.args, a.env, a.lookups, a.live = l.Args(), l.Env, r.lookups, r.options.live
	a.listens = func(o *onhttp.Options) {
		o.Place = l.Words[0].Line
		l.listens = o
	}
	a.report = r.app.report.Named(r.app.report.Name() + ": " + l.Words[0].Text)
	a.getenv = func(name string) string {
		for _, v := range l.Env {
			if n, value, _ := strings.Cut(v, "="); n == name {
				return value
			}
		}
		return r.app.getenv(name)
	}
	return &a
}

func (r *reader) flagError(a *app, c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return usagef("help is for the command line: ev %s --help", c.Name())
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := e.GetSpecifiedName()
		global, word := r.globals.Lookup(name), "--"+name
		if len(name) == 1 {
			global, word = r.globals.ShorthandLookup(name), "-"+name
		}
		if global != nil {
			return usageAt(word, "--%s is about ev as a whole: give it to ev run", global.Name)
		}
	}
	return a.flagError(c, err)
}

// unknownWatcher is the error for a line that begins with no watcher's name.
func unknownWatcher(word string) error {
	names := func(yield func(string) bool) {
		for _, w := range watchers() {
			if !yield(w.name) {
				return
			}
		}
	}
	switch word {
	case "ev":
		return usagef("a line is what follows ev on the command line: leave out the ev")
	case "run", "ctl":
		return usagef("%s is no watcher: give it to ev on the command line, or let a watcher run it: timer 5 -- ev %[1]s", word)
	}
	if meant, ok := otherNames()[strings.ToLower(word)]; ok {
		return usagef("there is no watcher %q: you may want %s", word, meant)
	}
	if meant, ok := nearest.Of(word, names); ok {
		return usagef("there is no watcher %q: did you mean %s?", word, meant)
	}
	return usagef("there is no watcher %q: there are %s", word, strings.Join(slices.Collect(names), ", "))
}

// fault says where an error of the line is.
func (l *line) fault(err error) *evfile.Error {
	at := l.culprit(err.Error())
	if e, ok := errors.AsType[*usageError](err); ok && e.word != "" {
		at = l.Words[max(slices.Index(l.Args(), e.word), 0)]
	}
	if e, ok := errors.AsType[*schedule.Error](err); ok {
		at = l.inside(e.Text, e.Pos, at)
	}
	return l.file.Errorf(at, "%s", err)
}

// inside returns the place within a word where an error is, by its offset in the
// word's text; other if no word has that text.
func (l *line) inside(text string, offset int, other evfile.Word) evfile.Word {
	i := slices.IndexFunc(l.Words, func(w evfile.Word) bool { return w.Text == text })
	if i < 0 {
		return other
	}
	w := l.Words[i]
	before := utf8.RuneCountInString(text[:offset])
	if source := []rune(l.file.Errorf(w, "").Source); strings.ContainsRune(`'"`, source[w.Col-1]) {
		before++ // the quote
	}
	w.Col += before
	return w
}

// culprit finds the word that a message is about: the one of ev's own words that it
// names first, and if that is a flag and its value is named after it, the value. If
// there is none, the words of the COMMAND come in question.
func (l *line) culprit(msg string) evfile.Word {
	words := l.Words
	end := slices.IndexFunc(words, func(w evfile.Word) bool { return w.Text == "--" })
	if end < 0 {
		end = len(words)
	}
	for _, part := range [][]evfile.Word{words[1:end], words[end:]} {
		first, best := -1, -1
		for i, w := range part {
			name, _, _ := strings.Cut(w.Text, "=")
			if !strings.HasPrefix(name, "--") {
				name = w.Text
			}
			if at := mention(msg, name); at >= 0 && name != "--" && (first < 0 || at < first) {
				first, best = at, i
			}
		}
		if best < 0 {
			continue
		}
		if next := best + 1; strings.HasPrefix(part[best].Text, "-") && next < len(part) && mention(msg[first:], part[next].Text) > 0 {
			best = next
		}
		return part[best]
	}
	return words[0]
}

// mention returns where a message names a word: not as a part of another.
func mention(msg, word string) int {
	const ofWords = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	for from := 0; word != ""; {
		at := strings.Index(msg[from:], word)
		if at < 0 {
			break
		}
		at += from
		end := at + len(word)
		if (at == 0 || !strings.Contains(ofWords, msg[at-1:at])) && (end == len(msg) || !strings.Contains(ofWords, msg[end:end+1])) {
			return at
		}
		from = end
	}
	return -1
}
