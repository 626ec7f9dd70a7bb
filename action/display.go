package action

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const (
	esc = 0x1b
	bel = 0x07

	// plainStyle ends all colours and the like (SGR of ECMA-48).
	plainStyle = "\x1b[0m"
	// maxStyle is how much of what has set a style is remembered.
	maxStyle = 64
)

// A display makes lines that stand among those of others out of what a program writes that takes
// the terminal for its own. Colours stay, each line's within the line; whatever moves the cursor,
// erases or asks goes. Of what is written over itself in a line, as a progress bar is, the last
// stays.
type display struct {
	style []byte // the sequences by which the colours are set that the next line begins with
	shown []byte // of this line
	plain []byte // the same without colours
	over  bool   // what comes is written over the line
}

// line returns a line as it is shown, and without its colours. Both are good until the next call.
func (d *display) line(b []byte) (shown, plain []byte) {
	d.begin()
	for len(b) > 0 {
		n := 1
		switch c := b[0]; {
		case c == esc:
			n = d.escape(b)
		case c == '\r':
			d.over = true
		case c == '\b':
			d.back()
		case c >= ' ' && c != 0x7f || c == '\t':
			n = max(bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }), 0)
			if n == 0 {
				n = len(b)
			}
			if d.over {
				d.begin()
			}
			d.shown, d.plain = append(d.shown, b[:n]...), append(d.plain, b[:n]...)
		}
		b = b[n:]
	}
	if len(d.style) > 0 {
		d.shown = append(d.shown, plainStyle...)
	}
	return d.shown, d.plain
}

// begin begins the line, perhaps anew.
func (d *display) begin() {
	d.shown, d.plain, d.over = append(d.shown[:0], d.style...), d.plain[:0], false
}

// back takes the last character away.
func (d *display) back() {
	_, n := utf8.DecodeLastRune(d.plain)
	last := d.plain[len(d.plain)-n:]
	d.shown, d.plain = bytes.TrimSuffix(d.shown, last), d.plain[:len(d.plain)-n]
}

// escape takes the sequence that b begins with, and returns its length.
func (d *display) escape(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[': // a control sequence
		for i, c := range b[2:] {
			if c < '@' || c > '~' {
				continue
			}
			d.control(c, b[:i+3])
			return i + 3
		}
		return len(b)
	case ']', 'P', 'X', '^', '_': // a string: up to BEL or ST
		for i := 2; i < len(b); i++ {
			switch {
			case b[i] == bel:
				return i + 1
			case b[i] == esc && i+1 < len(b) && b[i+1] == '\\':
				return i + 2
			}
		}
		return len(b)
	}
	n := 1
	for n < len(b)-1 && b[n] >= ' ' && b[n] <= '/' {
		n++
	}
	return n + 1
}

// control takes a control sequence, which ends with c: a colour, and what a line is written over by.
func (d *display) control(c byte, sequence []byte) {
	parameters := string(sequence[2 : len(sequence)-1])
	switch {
	case c == 'm':
		d.setStyle(sequence, parameters)
	case c == 'K' && (d.over || parameters == "2"): // erase
		d.begin()
	case c == 'G' && (parameters == "" || parameters == "1"): // go to a column
		d.over = true
	}
}

// setStyle takes a sequence that sets colours. One that begins with 0 undoes what was set before.
func (d *display) setStyle(sequence []byte, parameters string) {
	if strings.Trim(parameters, "0123456789;:") != "" {
		return // a private one, about the keyboard
	}
	first, rest, _ := strings.Cut(parameters, ";")
	undoes := strings.Trim(first, "0") == ""
	if undoes {
		d.style = d.style[:0]
	}
	if !undoes || rest != "" {
		d.style = append(d.style, sequence...)
	}
	for len(d.style) > maxStyle {
		second := bytes.IndexByte(d.style[1:], esc) + 1
		if second == 0 {
			break
		}
		d.style = d.style[second:]
	}
	d.shown = append(d.shown, sequence...)
}
