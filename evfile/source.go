package evfile

import (
	"fmt"
	"strings"
)

// source is a text, and where its lines begin.
type source struct {
	text  string
	lines []int
}

func newSource(text string) source {
	s := source{text, make([]int, 0, strings.Count(text, "\n")+1)}
	begin := 0
	for line := range strings.SplitSeq(text, "\n") {
		s.lines = append(s.lines, begin)
		begin += len(line) + 1
	}
	return s
}

// lineAt returns a line without its end. The first is 1.
func (s source) lineAt(n int) string {
	line, _, _ := strings.Cut(s.text[s.lines[n-1]:], "\n")
	return line
}

// offset returns where a word begins, in bytes.
func (s source) offset(w Word) int {
	return s.lines[w.Line-1] + offsetIn(s.lineAt(w.Line), w.Col)
}

// errorf makes the error of a place in what name stands for.
func (s source) errorf(name string, at Word, format string, args ...any) *Error {
	return &Error{
		File: name, Line: at.Line, Col: at.Col, Msg: shorten(fmt.Sprintf(format, args...)),
		Source: s.lineAt(at.Line), offset: s.offset(at),
	}
}

// offsetIn returns where in a line its col-th character begins, in bytes.
func offsetIn(line string, col int) int {
	for i := range line {
		if col--; col == 0 {
			return i
		}
	}
	return len(line)
}
