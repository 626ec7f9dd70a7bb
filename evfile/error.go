package evfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/evshell/ev/internal/diag"
)

// Error is one thing that is wrong, and where.
type Error struct {
	File      string // "" for the text of a command
	Line, Col int    // from 1, Col in characters
	Msg       string
	Source    string // the line
	Cause     error  // that Msg is of, or nil

	offset int
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Offset returns where in the text the error is, in bytes.
func (e *Error) Offset() int { return e.offset }

// shorten makes a message one line, and takes the middle out if it repeats an endless word.
func shorten(msg string) string {
	const begin, end = 300, 100
	msg = diag.Visible(strings.ReplaceAll(msg, "\n", " "))
	if len(msg) <= begin+end {
		return msg
	}
	return strings.ToValidUTF8(msg[:begin], "") + "…" + strings.ToValidUTF8(msg[len(msg)-end:], "")
}

// Error returns Evfile:12:7: and the message, in one line.
func (e *Error) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%s (column %d)", diag.Visible(e.Msg), e.Col)
	}
	return e.Place() + ": " + diag.Visible(e.Msg)
}

// Place returns Evfile:12:7.
func (e *Error) Place() string { return fmt.Sprintf("%s:%d:%d", diag.Visible(e.File), e.Line, e.Col) }

// Excerpt returns two lines: the part of the source around the error, and a caret below the place.
func (e *Error) Excerpt() string {
	const indent = "    "
	source, caret, _ := strings.Cut(diag.Excerpt(e.Source, offsetIn(e.Source, e.Col)), "\n")
	return indent + source + "\n" + indent + caret
}

// Errors is all that is wrong with a file.
type Errors []*Error

// Error returns each error in the order of the file, with its line and a caret below.
func (es Errors) Error() string {
	var lines []string
	for _, e := range es.Sorted() {
		lines = append(lines, e.Error(), e.Excerpt())
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the errors in the order of the file.
func (es Errors) Sorted() Errors { return slices.SortedStableFunc(slices.Values(es), byPlace) }

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
