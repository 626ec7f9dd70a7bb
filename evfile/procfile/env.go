package procfile

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evshell/ev/evfile"
)

// ParseEnv reads a .env: NAME=value, or export NAME=value, a line each. In '…' a value is as it is,
// in "…" there are \n, \t, \r, and \ before anything else takes its meaning away; both may go over
// several lines. Else it ends with the line or with " #". Nothing is expanded.
func ParseEnv(name string, text []byte) (env []string, errs evfile.Errors) {
	content := strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n")
	s := envScanner{file: evfile.New(name, content), text: content}
	for s.pos < len(content) {
		v, ok := s.line()
		if !ok {
			continue
		}
		set, _, _ := strings.Cut(v, "=")
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, set+"=") })
		env = append(env, v)
	}
	return env, s.errs
}

type envScanner struct {
	file *evfile.File
	text string
	pos  int
	errs evfile.Errors
}

// errorf tells what is wrong at a place, and gives up the line.
func (s *envScanner) errorf(at int, format string, args ...any) (string, bool) {
	begin := strings.LastIndexByte(s.text[:at], '\n') + 1
	w := evfile.Word{Line: strings.Count(s.text[:begin], "\n") + 1, Col: utf8.RuneCountInString(s.text[begin:at]) + 1}
	s.errs = append(s.errs, s.file.Errorf(w, format, args...))
	s.pos = at
	s.until("\n")
	return "", false
}

// until passes over what comes before any of the bytes, and over that byte.
func (s *envScanner) until(stops string) (passed string, stop byte) {
	rest := s.text[s.pos:]
	n := strings.IndexAny(rest, stops)
	if n < 0 {
		s.pos = len(s.text)
		return rest, 0
	}
	s.pos += n + 1
	return rest[:n], rest[n]
}

func (s *envScanner) blanks() {
	s.pos = len(s.text) - len(strings.TrimLeft(s.text[s.pos:], " \t"))
}

func (s *envScanner) line() (variable string, ok bool) {
	s.blanks()
	begin := s.pos
	if strings.HasPrefix(s.text[begin:], "#") || strings.HasPrefix(s.text[begin:], "\n") || begin == len(s.text) {
		s.until("\n")
		return "", false
	}
	name, stop := s.until("=\n")
	name = strings.TrimSpace(name)
	if rest, ok := strings.CutPrefix(name, "export "); ok {
		name = strings.TrimSpace(rest)
	}
	if stop != '=' || !isName(name) {
		return s.errorf(begin, "a variable is NAME=value, and a name is made of letters, digits and _")
	}
	s.blanks()
	var value string
	switch open := s.pos; {
	case strings.HasPrefix(s.text[s.pos:], "'"), strings.HasPrefix(s.text[s.pos:], `"`):
		if value, ok = s.quoted(); !ok {
			return s.errorf(open, "this quote is not closed")
		}
		after := s.pos
		if rest, _ := s.until("\n"); strings.TrimSpace(rest) != "" && strings.TrimSpace(rest)[0] != '#' {
			return s.errorf(after, "something follows the quoted value: quote all of it")
		}
	default:
		value, _ = s.until("\n")
		if n := strings.Index(" "+value, " #"); n >= 0 {
			value = value[:max(n-1, 0)]
		}
		value = strings.TrimSpace(value)
	}
	if strings.IndexByte(value, 0) >= 0 {
		return s.errorf(begin, "%s has a NUL byte in it: this is not text", name)
	}
	return name + "=" + value, true
}

func (s *envScanner) quoted() (value string, closed bool) {
	quote := s.text[s.pos]
	s.pos++
	var b strings.Builder
	for {
		part, stop := s.until(string(quote) + `\`)
		b.WriteString(part)
		switch {
		case stop == 0, stop == '\\' && s.pos == len(s.text):
			return "", false
		case stop == quote:
			return b.String(), true
		case quote == '\'':
			b.WriteByte(stop)
			continue
		}
		c := s.text[s.pos]
		s.pos++
		if i := strings.IndexByte("ntr", c); i >= 0 {
			c = "\n\t\r"[i]
		}
		b.WriteByte(c)
	}
}

func isName(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	return s != "" && strings.Trim(s, letters+"0123456789") == "" && strings.Trim(s[:1], letters) == ""
}
