package event

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the event as one flat JSON object on one line, without a line's end. Text that
// is not UTF-8 is given with U+FFFD in place of the bad bytes, and once more, whole, in base64
// under the field's name and "_b64".
func (e Event) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for name, v := range e.Fields() {
		if len(b) > 1 && b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = AppendJSONString(b, name)
		b = append(b, ':')
		b = v.AppendJSON(b)
		if !v.valid() {
			b = append(b, ',')
			b = AppendJSONString(b, name+"_b64")
			b = append(b, ':')
			b = v.appendBase64(b)
		}
	}
	return append(b, '}')
}

// AppendJSON appends the value as JSON.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case text:
		return AppendJSONString(b, v.text)
	case integer, boolean:
		return v.AppendText(b)
	case size:
		return strconv.AppendInt(b, v.num, 10)
	case duration:
		return appendSeconds(b, time.Duration(v.num))
	case instant:
		b = append(b, '"')
		b = v.AppendText(b)
		return append(b, '"')
	case words, paths, repeated:
		b = append(b, '[')
		for i, s := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSONString(b, s)
		}
		return append(b, ']')
	case unknown:
	}
	return append(b, "null"...)
}

// appendSeconds writes d exactly, without an exponent.
func appendSeconds(b []byte, d time.Duration) []byte {
	n := uint64(d)
	if d < 0 {
		b = append(b, '-')
		n = -n
	}
	whole, frac := n/1e9, n%1e9
	b = strconv.AppendUint(b, whole, 10)
	if frac == 0 {
		return b
	}
	digits := strconv.AppendUint(nil, 1e9+frac, 10)[1:]
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return append(append(b, '.'), digits...)
}

func (v Value) valid() bool {
	if !utf8.ValidString(v.text) {
		return false
	}
	for _, s := range v.list {
		if !utf8.ValidString(s) {
			return false
		}
	}
	return true
}

func (v Value) appendBase64(b []byte) []byte {
	quoted := func(s string) {
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, []byte(s))
		b = append(b, '"')
	}
	if v.kind == text {
		quoted(v.text)
		return b
	}
	b = append(b, '[')
	for i, s := range v.list {
		if i > 0 {
			b = append(b, ',')
		}
		quoted(s)
	}
	return append(b, ']')
}

const hex = "0123456789abcdef"

// AppendJSONString appends s as a JSON string (RFC 8259, section 7), with U+FFFD for each byte that
// is not UTF-8. All control characters are escaped, also those that JSON would let through, for a
// terminal obeys them; and so are U+2028 and U+2029, so that the line is JavaScript too and stays
// one line for every reader.
func AppendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && r > '\u009f' && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[plain:i]...)
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
		i += size
		plain = i
	}
	b = append(b, s[plain:]...)
	return append(b, '"')
}
