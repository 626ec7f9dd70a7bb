package event

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// AppendText appends the event as people read it: the subject, a TAB, and what happened. It is
// always one line without its end: what would break it, or move the terminal's cursor, is escaped
// as in C, and so is the backslash.
func (e Event) AppendText(b []byte) []byte {
	b = AppendEscaped(b, e.Detail.Subject())
	b = append(b, '\t')
	b = AppendEscaped(b, e.Detail.What())
	if q, ok := e.Detail.(Quoter); ok {
		if s, ok := q.Content(); ok {
			b = AppendEscaped(append(b, '\t'), s)
		}
	}
	return b
}

// AppendEscaped appends s with control characters, U+2028 and U+2029 (which some take for a line's
// end), backslashes and bytes that are not UTF-8 escaped as in C. [Unescape] gives s back.
func AppendEscaped(b []byte, s string) []byte {
	plain := 0
	for i := 0; i < len(s); {
		if c := s[i]; ' ' <= c && c <= '~' && c != '\\' { // most are
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != '\\' && !unicode.IsControl(r) && r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = append(b, s[plain:i]...)
		switch r {
		case '\\':
			b = append(b, `\\`...)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			for _, c := range []byte(s[i : i+size]) {
				b = fmt.Appendf(b, `\x%02x`, c)
			}
		}
		i += size
		plain = i
	}
	return append(b, s[plain:]...)
}
