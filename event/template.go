package event

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evshell/ev/internal/diag"
)

// A Template is text with placeholders: {field} stands for the field's value, {} for the subject.
// What is no field of the event stays as it is, and so does whatever follows a '$': ${field} is the
// shell's.
type Template struct {
	parts []part
}

// part is text to be copied, then a placeholder, if any.
type part struct {
	text  string
	field string // as written, with its braces
}

// NewTemplate finds the placeholders of s.
func NewTemplate(s string) Template {
	var t Template
	start := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '{' || i > 0 && s[i-1] == '$' {
			continue
		}
		n := strings.IndexAny(s[i+1:], "{} \t\n")
		if n < 0 || s[i+1+n] != '}' {
			continue
		}
		end := i + n + 2
		t.parts = append(t.parts, part{s[start:i], s[i:end]})
		start, i = end, end-1
	}
	t.parts = append(t.parts, part{text: s[start:]})
	return t
}

// Append appends the text with e's values in the placeholders' places.
func (t Template) Append(b []byte, e Event) []byte { return t.AppendFunc(b, e, nil) }

// AppendFunc is Append with each value changed by fn, if that is not nil.
func (t Template) AppendFunc(b []byte, e Event, fn func(string) string) []byte {
	for _, p := range t.parts {
		b = append(b, p.text...)
		if p.field == "" {
			continue
		}
		v, ok := e.lookup(p.field[1 : len(p.field)-1])
		switch {
		case ok && fn == nil:
			b = v.AppendText(b)
		case ok:
			b = append(b, fn(v.String())...)
		default:
			b = append(b, p.field...)
		}
	}
	return b
}

// Uses returns the first placeholder that e would fill in, or "", and its place in the text, in
// bytes.
func (t Template) Uses(e Event) (placeholder string, offset int) {
	for _, p := range t.parts {
		offset += len(p.text)
		if p.field == "{}" {
			return p.field, offset
		}
		if p.field == "" {
			continue
		}
		if _, ok := e.Lookup(p.field[1 : len(p.field)-1]); ok {
			return p.field, offset
		}
		offset += len(p.field)
	}
	return "", 0
}

// Unknown returns the placeholders, as written, that e would leave as they are.
func (t Template) Unknown(e Event) (list []string) {
	for _, p := range t.parts {
		if p.field == "" || p.field == "{}" {
			continue
		}
		if _, ok := e.Lookup(p.field[1 : len(p.field)-1]); !ok {
			list = append(list, p.field)
		}
	}
	return list
}

// ListField returns the field of a text that is just {field...}: it stands for as many words as the
// field has.
func ListField(s string) (field string, ok bool) {
	field, ok = strings.CutPrefix(s, "{")
	field, whole := strings.CutSuffix(field, "...}")
	return field, ok && whole && field != "" && !strings.ContainsAny(field, "{} \t\n")
}

// Unescape replaces the C escapes in s: \a \b \e \f \n \r \t \v \\ \0 \xHH and \NNN in octal. An
// error knows its place in s ([diag.Offset]).
func Unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		begin := i
		i++
		if i == len(s) {
			return "", diag.At(begin, errors.New(`a lone \ at the end: write \\ for a backslash`))
		}
		if at := strings.IndexByte(`abefnrtv\`, s[i]); at >= 0 {
			b.WriteByte("\a\b\x1b\f\n\r\t\v\\"[at])
			continue
		}
		digits, base, most := s[i:], 8, 3
		if s[i] == 'x' {
			digits, base, most = s[i+1:], 16, 2
		}
		n := 0
		for n < min(most, len(digits)) && isDigit(digits[n], base) {
			n++
		}
		c, err := strconv.ParseUint(digits[:n], base, 8)
		if err != nil {
			_, size := utf8.DecodeRuneInString(s[i:])
			return "", diag.At(begin, fmt.Errorf(`\%s is not an escape: there are \a \b \e \f \n \r \t \v \\ \xHH and octal \NNN up to \377`,
				AppendEscaped(nil, s[i:i+size])))
		}
		b.WriteByte(byte(c))
		i += n - 1
		if base == 16 {
			i++
		}
	}
	return b.String(), nil
}

func isDigit(c byte, base int) bool {
	_, err := strconv.ParseUint(string(c), base, 8)
	return err == nil
}

// lookup returns the named field, or the subject for no name, and whether there is such a field.
func (e Event) lookup(name string) (Value, bool) {
	if name == "" {
		return Text(e.Detail.Subject()), true
	}
	return e.Lookup(name)
}
