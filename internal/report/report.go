// Package report is how ev speaks of itself: one line a message, to standard error, never to
// standard output.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/evshell/ev/internal/term"
)

// A Level says who wants to read a message.
type Level uint8

// The levels, the gravest first. Error is always written.
const (
	Error   Level = iota
	Notice        // what a user should know: silenced by -q
	Verbose       // a decision taken: -v
	Debug         // what the kernel said: -vv
)

func (l Level) String() string {
	return [...]string{"error", "notice", "verbose", "debug"}[l]
}

// style is that of the name before a message.
func (l Level) style() term.Style {
	return [...]term.Style{term.Red, term.Yellow, term.Dim, term.Dim}[l]
}

// A Reporter writes messages up to a level. Its methods may be called from any goroutine; those of
// a nil Reporter write nothing.
type Reporter struct {
	out  *output
	name string
	max  Level
}

// output is shared by the reporters of one process.
type output struct {
	mu     sync.Mutex
	w      io.Writer
	format Format
}

// A Format is how a message is written.
type Format uint8

// The formats.
const (
	Plain    Format = iota // ev stat: no such file
	Coloured               // the same, for a terminal: the colour of the name says how grave it is
	Journal                // <3>ev stat: no such file, as sd-daemon(3) has it
	JSON                   // {"time":…,"level":"error","from":"ev stat","message":…}
)

// New returns a Reporter that writes to w what is no more talkative than limit, under the given
// name ("ev stat").
func New(w io.Writer, name string, format Format, limit Level) *Reporter {
	return &Reporter{out: &output{w: w, format: format}, name: name, max: limit}
}

// Named returns a Reporter to the same place, under another name.
func (r *Reporter) Named(name string) *Reporter {
	if r == nil {
		return nil
	}
	return &Reporter{out: r.out, name: name, max: r.max}
}

// Name returns the name under which it reports.
func (r *Reporter) Name() string {
	if r == nil {
		return ""
	}
	return r.name
}

// Redirect has this Reporter, and all that share its place, write to w from now on.
func (r *Reporter) Redirect(w io.Writer) {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.out.w = w
}

// Excerpt writes two lines that show what an error has been about: a part of a text, and a caret
// below the place.
func (r *Reporter) Excerpt(lines string) {
	if text, ok := strings.CutSuffix(lines, "^"); ok && r.out.format == Coloured {
		lines = text + Error.style().Wrap("^")
	}
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	_, _ = io.WriteString(r.out.w, lines+"\n")
}

// Limited returns a Reporter to the same place that writes what is no more talkative than limit,
// nor than r.
func (r *Reporter) Limited(limit Level) *Reporter {
	if r == nil {
		return nil
	}
	return &Reporter{out: r.out, name: r.name, max: min(limit, r.max)}
}

// Errorf reports a failure: what is wrong, and what to do.
func (r *Reporter) Errorf(format string, args ...any) { r.write(Error, "", format, args) }

// Noticef reports what a user should know though nothing has failed.
func (r *Reporter) Noticef(format string, args ...any) { r.write(Notice, "", format, args) }

// Endedf is a Noticef of how something has ended: green if that is well, else red.
func (r *Reporter) Endedf(well bool, format string, args ...any) {
	style := term.Red
	if well {
		style = term.Green
	}
	r.write(Notice, style, format, args)
}

// Verbosef reports a decision.
func (r *Reporter) Verbosef(format string, args ...any) { r.write(Verbose, "", format, args) }

// Debugf reports what the kernel said.
func (r *Reporter) Debugf(format string, args ...any) { r.write(Debug, "", format, args) }

// Enabled reports whether messages of a level are written at all.
func (r *Reporter) Enabled(l Level) bool { return r != nil && l <= r.max }

// A Fact is what a message says once more for programs: where messages are JSON it is a field of
// its own.
type Fact struct {
	Name  string
	Value any
}

// Facts reports text, with the facts in it.
func (r *Reporter) Facts(l Level, text string, facts ...Fact) {
	r.write(l, "", "%s", []any{text}, facts...)
}

// write makes one write of each message, so that those of several processes don't mix in the middle
// of a line. A standard error that is gone can't be reported to anyone. The style, if there is one,
// is that of the whole line.
func (r *Reporter) write(l Level, style term.Style, format string, args []any, facts ...Fact) {
	if !r.Enabled(l) {
		return
	}
	text := fmt.Sprintf(format, args...)
	if r.out.format != JSON {
		text = oneLine(text)
	}
	var line []byte
	switch r.out.format {
	case Plain:
		line = fmt.Appendf(nil, "%s: %s\n", r.name, text)
	case Coloured:
		if style != "" {
			line = fmt.Appendf(nil, "%s\n", style.Wrap(r.name+": "+text))
		} else {
			line = fmt.Appendf(nil, "%s %s\n", l.style().Wrap(r.name+":"), text)
		}
	case Journal:
		line = fmt.Appendf(nil, "<%d>%s: %s\n", [...]int{3, 5, 6, 7}[l], r.name, text)
	case JSON:
		line, _ = json.Marshal(struct {
			Time    time.Time `json:"time"`
			Level   string    `json:"level"`
			From    string    `json:"from"`
			Message string    `json:"message"`
		}{time.Now(), l.String(), r.name, text})
		line = line[:len(line)-1]
		for _, f := range facts {
			value, _ := json.Marshal(f.Value)
			line = fmt.Appendf(line, ",%q:%s", f.Name, value)
		}
		line = append(line, "}\n"...)
	}
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	_, _ = r.out.w.Write(line)
}

// oneLine escapes control characters as in C: a file's name in a message must neither begin a line
// of its own nor move the cursor.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
