package schedule

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Error says what is wrong with a text, where, and what to write instead.
type Error struct {
	Text string // the whole text
	Pos  int    // byte offset of the fault in Text
	Msg  string // what is wrong
	Hint string // what to do about it; may be empty
}

// Error is one line, however long the text.
func (e *Error) Error() string {
	text, _ := e.window(40)
	msg := fmt.Sprintf("bad schedule %q: %s", text, e.Msg)
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

// Caret is two lines: the text around the fault, and a caret under it.
func (e *Error) Caret() string {
	text, column := e.window(76)
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return text + "\n" + strings.Repeat(" ", column) + "^"
}

// window cuts the text to width bytes around the fault and tells the column of the fault in it.
func (e *Error) window(width int) (text string, column int) {
	start := max(0, min(e.Pos-width/2, len(e.Text)-width))
	end := min(start+width, len(e.Text))
	text = strings.ToValidUTF8(e.Text[start:end], "?")
	column = utf8.RuneCountInString(strings.ToValidUTF8(e.Text[start:max(start, min(e.Pos, end))], "?"))
	if start > 0 {
		text, column = "…"+text, column+1
	}
	if end < len(e.Text) {
		text += "…"
	}
	return text, column
}
