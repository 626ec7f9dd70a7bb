package evfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Error is one thing that is wrong, and where.
type Error struct {
	File      string // "" for the text of a command
	Line, Col int    // from 1, Col in characters
	Msg       string
	Source    string // the line
}

func newError(name string, source []string, at Word, format string, args ...any) *Error {
	return &Error{File: name, Line: at.Line, Col: at.Col, Msg: fmt.Sprintf(format, args...), Source: source[at.Line-1]}
}

// Error returns Evfile:12:7: and the message, in one line.
func (e *Error) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%s (column %d)", e.Msg, e.Col)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// Excerpt returns two lines: the part of the source around the error, and a
// caret below the place. Control characters are shown as U+FFFD.
func (e *Error) Excerpt() string {
	const before, width = 60, 100
	visible := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, e.Source)
	source, caret := []rune(visible), e.Col-1
	if from := caret - before; from > 0 && len(source) > width {
		source, caret = source[from:], before
	}
	if len(source) > width {
		source = source[:width]
	}
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(source[:min(caret, len(source))]))
	return "    " + string(source) + "\n    " + indent + "^"
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
