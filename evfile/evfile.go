// Package evfile reads an Evfile: bytes to lines of words with their positions. It knows no
// command.
//
// A line is one watcher: the words of ev's command line, less "ev". Words are split as a POSIX
// shell splits them: blanks part them, quotes and backslashes hold them together, a backslash at
// the end of a line continues it, and # at the start of a word begins a comment. Nothing is
// expanded: $HOME, * and ~ stand for themselves. What a shell takes for an operator, | & ; < > and
// parentheses, is an error unless it is quoted.
//
// A line of NAME=value words sets the environment of the lines below it. A first word that ends in
// a colon is a label, the watcher's name; labels are unique. Lines may end in CR LF.
package evfile

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// File is an Evfile that has been read.
type File struct {
	Name  string // what errors call it
	Lines []Line // the watchers, in their order

	// Assignments are the words NAME=value, in their order.
	Assignments []Word

	source  source
	literal bool // its words are not quoted
}

// Line is one watcher.
type Line struct {
	Label string   // its name, "" without a label
	Words []Word   // one or more; the label is not among them
	Env   []string // NAME=value pairs in force here, no name twice; shared between lines, so not to be changed
}

// Args returns the texts of the line's words.
func (l Line) Args() []string {
	args := make([]string, len(l.Words))
	for i, w := range l.Words {
		args[i] = w.Text
	}
	return args
}

// New makes a file without lines, of a text that is read otherwise than as an Evfile: its words
// stand there as they are. It makes the errors of their places.
func New(name, text string) *File {
	return &File{Name: name, source: newSource(text), literal: true}
}

// Parse reads an Evfile that errors call name. It reports all that is wrong with it; the lines that
// are right are in the file even so, that the caller may look for further errors in them.
func Parse(name string, text []byte) (*File, Errors) {
	s := newScanner(name, strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n"))
	f := &File{Name: name, source: s.source}
	labelled := map[string]Word{}
	var env []string
	for !s.atEnd() {
		words, ok := s.words()
		if !ok || len(words) == 0 {
			continue
		}
		first := words[0]
		if isAssignment(first) {
			if i := slices.IndexFunc(words, isNoAssignment); i >= 0 {
				s.errorf(words[i], "NAME=value stands on a line of its own; a value with blanks is quoted")
			} else {
				env = assign(env, words)
				f.Assignments = append(f.Assignments, words...)
			}
			continue
		}
		line := Line{Words: words, Env: env}
		if label, rest, ok := strings.Cut(first.Text, ":"); ok {
			if fault := faultOfLabel(label, rest, words); fault != "" {
				s.errorf(first, "%s", fault)
				continue
			}
			if other, taken := labelled[label]; taken {
				s.errorf(first, "line %d already has the label %s: choose another", other.Line, label)
				continue
			}
			labelled[label] = first
			line.Label, line.Words = label, words[1:]
		}
		f.Lines = append(f.Lines, line)
	}
	return f, s.errs
}

// Within returns the place in the file of a byte of a word's text, by its offset there: quotes and
// backslashes may stand before it. What is missing at the end of a word is at the place behind its
// last byte, and what the file does not say as it is at that of the word.
func (f *File) Within(w Word, offset int) Word {
	at := f.source.offset(w)
	if before := w.Text[:min(offset, len(w.Text))]; f.literal {
		if strings.HasPrefix(f.source.text[at:], before) {
			w.Col += utf8.RuneCountInString(before)
		}
		return w
	}
	var places []place
	s := scanner{source: f.source, place: place{pos: at, line: w.Line, col: w.Col}, places: &places}
	s.word()
	switch {
	case len(places) == 0:
		return w
	case offset < len(places):
		return places[offset].word()
	}
	s.place = places[len(places)-1]
	s.next()
	return s.place.word()
}

// Errorf makes the error of a word of the file.
func (f *File) Errorf(at Word, format string, args ...any) *Error {
	return f.source.errorf(f.Name, at, format, args...)
}

// isAssignment tells NAME=value, of which the name is not quoted.
func isAssignment(w Word) bool {
	name, _, ok := strings.Cut(w.Text, "=")
	return ok && len(name) < w.plain && name != "" && strings.Trim(name, letters+digits) == "" &&
		strings.Trim(name[:1], letters) == ""
}

func isNoAssignment(w Word) bool { return !isAssignment(w) }

// What a variable's name is made of (POSIX, 3.216 Name).
const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	digits  = "0123456789"
)

// assign returns env with the assignments made. It leaves env as it is: the lines above hold it.
func assign(env []string, assignments []Word) []string {
	env = slices.Clone(env)
	for _, w := range assignments {
		name := w.Text[:strings.Index(w.Text, "=")+1]
		env = slices.DeleteFunc(env, func(pair string) bool { return strings.HasPrefix(pair, name) })
		env = append(env, w.Text)
	}
	return env
}

// faultOfLabel says what is wrong with a line whose first word is label:rest; "" is nothing.
func faultOfLabel(label, rest string, words []Word) string {
	switch {
	case label == "":
		return "a label is missing before the colon"
	case rest != "":
		return "a blank is missing after the label's colon"
	case len(label) >= words[0].plain || label[0] == '-' || strings.ContainsFunc(label, isNotOfLabel):
		return "a label is made of letters, digits and _ . @ + / -, unquoted, and does not begin with -"
	case len(words) == 1:
		return "a watcher is missing after the label"
	}
	return ""
}

func isNotOfLabel(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.@+/-", r)
}
