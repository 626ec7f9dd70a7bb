// Package diag says where in a text something is wrong, and draws it.
//
// What parses a text returns an error that knows its place there, an offset in bytes; who has taken
// the text out of a longer one adds what stood before it ([Within]). Nobody has to look for the
// place in the words of the message.
package diag

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/evshell/ev/internal/width"
)

// A placedError is one that knows its place in the text that was parsed.
type placedError struct {
	error
	offset int
}

func (e *placedError) Unwrap() error { return e.error }
func (e *placedError) Offset() int   { return e.offset }

// At returns err with its place in the text that was parsed, in bytes.
func At(offset int, err error) error { return &placedError{err, offset} }

// Within returns an error of a part of a text as one of the text: the part begins at start. No
// error stays none.
func Within(start int, err error) error {
	if err == nil {
		return nil
	}
	return At(start+Offset(err), err)
}

// Offset returns the place of an error, the one that was added last: 0, the beginning, if it knows
// none.
func Offset(err error) int {
	if e, ok := errors.AsType[interface {
		error
		Offset() int
	}](err); ok {
		return e.Offset()
	}
	return 0
}

// An OptionError is about one of the options that something was made with.
type OptionError struct {
	Option string // its field
	Value  string // of it; of a list, the item that is wrong
	Err    error
}

func (e *OptionError) Error() string { return e.Err.Error() }
func (e *OptionError) Unwrap() error { return e.Err }

// Option returns err as one about a value of an option. No error stays none.
func Option(field, value string, err error) error {
	if err == nil {
		return nil
	}
	return &OptionError{Option: field, Value: value, Err: err}
}

// OrOption is Option for an error that may know already what it is about, and is left alone then.
func OrOption(field, value string, err error) error {
	if _, known := errors.AsType[*OptionError](err); known {
		return err
	}
	return Option(field, value, err)
}

// Excerpt is two lines: what of a line surrounds the byte at offset, and a caret below that byte,
// also where characters are wide or combine. They fit on a terminal of 80 columns, tabs apart,
// which stay what they are.
func Excerpt(line string, offset int) string {
	const columns = 76
	before, after := Around(line, offset, columns)
	var indent strings.Builder
	for character, w := range width.Characters(before) {
		if character == "\t" {
			indent.WriteString(character)
		} else {
			indent.WriteString(strings.Repeat(" ", w))
		}
	}
	return before + after + "\n" + indent.String() + "^"
}

// Around returns what of a text surrounds the byte at offset and has room in so many columns, in
// two parts: the second begins with that byte's character. An … stands for what is cut off, a
// U+FFFD for what can't be shown.
func Around(text string, offset, columns int) (before, after string) {
	offset = min(max(offset, 0), len(text))
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	shown, at := Visible(text[:offset]), 0
	offset, shown = len(shown), shown+Visible(text[offset:])
	for character := range width.Characters(shown) {
		if at+len(character) > offset {
			break
		}
		at += len(character)
	}
	before, after = shown[:at], shown[at:]
	most := max(columns/2, columns-width.String(after))
	if w := width.String(before); w > most {
		for character, taken := range width.Characters(before) {
			if w <= most-1 {
				break
			}
			w -= taken
			before = before[len(character):]
		}
		before = "…" + before
	}
	if most := columns - width.String(before); width.String(after) > most {
		after = width.Cut(after, most-1) + "…"
	}
	return before, after
}

// Visible has U+FFFD in the place of control characters, but tabs, and of bytes that are no text.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
