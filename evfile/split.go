package evfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Word is a word and where it begins.
type Word struct {
	Text string // without its quotes
	Line int    // from 1
	Col  int    // in characters, from 1

	plain int // so many bytes of Text stand before its first quote or backslash
}

// Split splits the text of one command into words, by the rules for a line of an Evfile; labels and
// assignments are words like others. A second line is an error. The error is one *Error.
func Split(text string) ([]Word, error) {
	s := newScanner("", text)
	var words []Word
	for !s.atEnd() {
		line, ok := s.words()
		switch {
		case ok && len(words) == 0:
			words = line
		case ok && len(line) > 0:
			s.errorf(line[0], "a second line: a command has one; continue it with a backslash, or quote the newline")
		}
	}
	if len(s.errs) > 0 {
		return nil, s.errs[0]
	}
	return words, nil
}

// Join writes words as a line that Split, and a shell, reads as the same words. It cannot do so for
// a word with a NUL.
func Join(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if w == "" || strings.ContainsFunc(w, needsQuotes) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		b.WriteString(w)
	}
	return b.String()
}

func needsQuotes(r rune) bool {
	return r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_@%+=:,./-", r)
}

// scanner reads a text line by line and gathers what is wrong with it.
type scanner struct {
	source
	place
	name string
	errs Errors

	places *[]place // where each byte of a word's text comes from; nil: nobody asks
}

// place is where a scanner is: it can be set back to an earlier one.
type place struct {
	pos  int // of the next byte
	line int // from 1
	col  int // in characters, from 1
	end  int // of the character that pos is in, or of one before
}

func newScanner(name, text string) *scanner {
	s := &scanner{name: name, source: newSource(text), place: place{line: 1, col: 1}}
	if i := strings.IndexByte(text, 0); i >= 0 {
		for s.pos < i {
			s.next()
		}
		s.errorf(s.place.word(), "a NUL byte: this is not text")
		s.pos = len(text)
	}
	return s
}

func (p place) word() Word { return Word{Line: p.line, Col: p.col} }

func (s *scanner) errorf(at Word, format string, args ...any) {
	s.errs = append(s.errs, s.source.errorf(s.name, at, format, args...))
}

func (s *scanner) atEnd() bool { return s.pos == len(s.text) }

func (s *scanner) next() byte {
	c := s.text[s.pos]
	s.pos++
	switch {
	case c == '\n':
		s.line, s.col = s.line+1, 1
	case s.pos > s.end:
		s.col++
		_, size := utf8.DecodeRuneInString(s.text[s.pos-1:])
		s.end = s.pos - 1 + size
	}
	return c
}

// trace notes where each byte since from comes from: they belong to a word's text.
func (s *scanner) trace(from place) {
	if s.places == nil {
		return
	}
	end := s.pos
	for s.place = from; s.pos < end; s.next() {
		*s.places = append(*s.places, s.place)
	}
}

// at tells whether one of bytes comes next.
func (s *scanner) at(bytes string) bool {
	return !s.atEnd() && strings.IndexByte(bytes, s.text[s.pos]) >= 0
}

// take passes over ascii if it comes next.
func (s *scanner) take(ascii string) bool {
	if !strings.HasPrefix(s.text[s.pos:], ascii) {
		return false
	}
	for range len(ascii) {
		s.next()
	}
	return true
}

// run passes over what comes before the next of the ASCII characters in stops, and returns it.
func (s *scanner) run(stops string) string {
	n := strings.IndexAny(s.text[s.pos:], stops)
	if n < 0 {
		n = len(s.text) - s.pos
	}
	from := s.pos
	for range n {
		s.next()
	}
	return s.text[from:s.pos]
}

// words reads a line, to an unquoted newline or the end, and tells whether all is right with it.
func (s *scanner) words() (words []Word, ok bool) {
	before := len(s.errs)
	for !s.atEnd() && !s.take("\n") {
		switch {
		case s.take(" "), s.take("\t"), s.take("\\\n"):
		case s.at("#"):
			s.run("\n")
		default:
			words = append(words, s.word())
		}
	}
	return words, len(s.errs) == before
}

func (s *scanner) word() Word {
	w := s.place.word()
	w.plain = -1
	operator := false
	for {
		here := s.place
		w.Text += s.run(" \t\n\\'\"|&;<>()")
		s.trace(here)
		if s.atEnd() || s.at(" \t\n") {
			break
		}
		if s.take("\\\n") {
			continue
		}
		if w.plain < 0 && s.at(`\'"`) {
			w.plain = len(w.Text)
		}
		here = s.place
		switch c := s.next(); c {
		case '\\':
			if s.atEnd() {
				s.errorf(here.word(), "nothing comes after this backslash")
				break
			}
			from := s.place
			s.next()
			w.Text += s.text[from.pos:s.pos]
			s.trace(from)
		case '\'', '"':
			w.Text += s.quoted(here, c)
		default:
			if !operator {
				s.errorf(here.word(), "no shell reads this line: quote the %c, or give the whole to sh -c", c)
			}
			operator = true
		}
	}
	if w.plain < 0 {
		w.plain = len(w.Text)
	}
	return w
}

// quoted reads what follows a quote, opened at the given place, and the closing quote. Without one,
// the line of the opening quote is given up, so that the errors of the lines below are found too.
func (s *scanner) quoted(open place, quote byte) string {
	var text []byte
	for !s.atEnd() {
		switch {
		case quote == '"' && s.take("\\\n"):
			continue
		case s.text[s.pos] == quote:
			s.next()
			return string(text)
		case quote == '"' && s.escapes():
			s.next()
		}
		from := s.place
		text = append(text, s.next())
		s.trace(from)
	}
	s.errorf(open.word(), "this quote is not closed")
	s.place = open
	s.run("\n")
	return ""
}

// escapes tells whether a backslash comes next that stands before what it escapes between double
// quotes.
func (s *scanner) escapes() bool {
	return s.at(`\`) && s.pos+1 < len(s.text) && strings.IndexByte("$`\"\\", s.text[s.pos+1]) >= 0
}
