package evfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/evshell/ev/internal/width"
)

// Error is one thing that is wrong, and where.
type Error struct {
	File      string // "" for the text of a command
	Line, Col int    // from 1, Col in characters
	Msg       string
	Source    string // the line
}

func newError(name string, source []string, at Word, format string, args ...any) *Error {
	return &Error{File: name, Line: at.Line, Col: at.Col, Msg: shorten(fmt.Sprintf(format, args...)), Source: source[at.Line-1]}
}

// shorten makes a message one line, and takes the middle out if it repeats an endless
// word.
func shorten(msg string) string {
	const begin, end = 300, 100
	msg = visible(strings.ReplaceAll(msg, "\n", " "))
	if len(msg) <= begin+end {
		return msg
	}
	return strings.ToValidUTF8(msg[:begin], "") + "…" + strings.ToValidUTF8(msg[len(msg)-end:], "")
}

// Error returns Evfile:12:7: and the message, in one line.
func (e *Error) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%s (column %d)", visible(e.Msg), e.Col)
	}
	return fmt.Sprintf("%s:%d:%d: %s", visible(e.File), e.Line, e.Col, visible(e.Msg))
}

// Excerpt returns two lines: the part of the source around the error, and a
// caret below the place, also where characters are wide or combine.
func (e *Error) Excerpt() string {
	const before, most = 60, 100
	source, caret := []rune(visible(e.Source)), e.Col-1
	if from := caret - before; from > 0 && len(source) > most {
		source, caret = source[from:], before
	}
	if len(source) > most {
		source = source[:most]
	}
	var indent strings.Builder
	for _, r := range source[:min(caret, len(source))] {
		if r == '\t' {
			indent.WriteRune(r)
		} else {
			indent.WriteString(strings.Repeat(" ", width.Rune(r)))
		}
	}
	return "    " + string(source) + "\n    " + indent.String() + "^"
}

// visible shows control characters, but tabs, as U+FFFD.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Errors is all that is wrong with a file.
type Errors []*Error

// Error returns each error in the order of the file, with its line and a caret
// below.
func (es Errors) Error() string {
	var lines []string
	for _, e := range slices.SortedStableFunc(slices.Values(es), byPlace) {
		lines = append(lines, e.Error(), e.Excerpt())
	}
	return strings.Join(lines, "\n")
}

func byPlace(a, b *Error) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}

// Err returns the errors as an error, nil if there are none.
func (es Errors) Err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}
