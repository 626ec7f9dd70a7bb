package schedule

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/evshell/ev/internal/diag"
)

// An Error says what is wrong with a text, where, and what to write instead.
type Error struct {
	Text string // the text, without the space around it
	Pos  int    // byte offset of the fault in Text
	Msg  string // what is wrong
	Hint string // what to do about it; may be empty

	space int // so many bytes before Text
}

// Error is one line, however long the text.
func (e *Error) Error() string {
	const columns = 40
	before, after := diag.Around(e.Text, e.Pos, columns)
	msg := fmt.Sprintf("bad schedule %q: %s", before+after, e.Msg)
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

// Offset is the place of the fault in the text as it was given, in bytes.
func (e *Error) Offset() int { return e.space + e.Pos }

// Excerpt is two lines: the text around the fault, and a caret under it.
func (e *Error) Excerpt() string { return diag.Excerpt(e.Text, e.Pos) }

// trimmed has parse read a text without the space around it.
func trimmed[T any](text string, parse func(string) (T, error)) (T, error) {
	t, err := parse(strings.TrimSpace(text))
	if e, ok := errors.AsType[*Error](err); ok {
		e.space = len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
	}
	return t, err
}
