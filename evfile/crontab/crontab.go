// Package crontab reads a crontab as crontab(5) has it: the bytes to jobs with their positions, and
// jobs to the lines of an Evfile. It reads no clock and asks for no user.
//
// A line is a job, NAME = value, or a comment. A job is five fields or an @name, in a system's
// crontab a user, and the rest of the line, which is for a shell: an unquoted % ends it, and what
// follows is its standard input, with a newline for each further one.
package crontab

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/evshell/ev/evfile"
)

// A Job is one line that is to be run.
type Job struct {
	Schedule evfile.Word // five fields with what parts them, or an @name
	Every    evfile.Word // what follows @every
	User     evfile.Word // of a system's crontab
	Command  evfile.Word
	Input    *string    // what the command reads; nil: nothing
	Quiet    bool       // cronie's -: that it has run is not told
	Env      []Variable // in force here, no name twice; shared between jobs, so not to be changed
}

// A Variable is what NAME = value sets.
type Variable struct {
	Name  string
	Value evfile.Word
}

// A File is a crontab that has been read.
type File struct {
	*evfile.File // for its errors; it has no Lines

	Jobs []Job
	// Notes are what cron would have done otherwise, or not at all.
	Notes []*evfile.Error
}

// Parse reads a crontab that errors call name. In a system's there is a user before each command.
// All that is wrong is reported, and the jobs that are right are in the file even so.
func Parse(name string, text []byte, system bool) (*File, evfile.Errors) {
	content := string(text)
	f := &File{File: evfile.New(name, content)}
	p := parser{file: f, system: system}
	if i := strings.IndexByte(content, 0); i >= 0 {
		line := strings.Count(content[:i], "\n")
		begin := strings.LastIndexByte(content[:i], '\n') + 1
		at := evfile.Word{Line: line + 1, Col: utf8.RuneCountInString(content[begin:i]) + 1}
		return f, evfile.Errors{f.Errorf(at, "a NUL byte: this is not text")}
	}
	lines := strings.Split(content, "\n")
	for i, line := range lines {
		p.line, p.number = line, i+1
		p.read()
	}
	if last := lines[len(lines)-1]; strings.TrimSpace(last) != "" {
		p.notef(p.at(0, last), "cron reads no last line without a newline: this one counts here")
	}
	return f, p.errs
}

type parser struct {
	file   *File
	system bool
	line   string
	number int // of the line
	env    []Variable
	errs   evfile.Errors
}

// at is a word of the line.
func (p *parser) at(pos int, text string) evfile.Word {
	return evfile.Word{Text: text, Line: p.number, Col: utf8.RuneCountInString(p.line[:pos]) + 1}
}

func (p *parser) errorf(at evfile.Word, format string, args ...any) {
	p.errs = append(p.errs, p.file.Errorf(at, format, args...))
}

func (p *parser) notef(at evfile.Word, format string, args ...any) {
	p.file.Notes = append(p.file.Notes, p.file.Errorf(at, format, args...))
}

const blanks = " \t"

func (p *parser) read() {
	p.line = strings.TrimSuffix(p.line, "\r")
	begin := len(p.line) - len(strings.TrimLeft(p.line, blanks))
	switch rest := p.line[begin:]; {
	case rest == "" || rest[0] == '#':
	case p.variable(begin):
	default:
		p.job(begin)
	}
}

// assignment is NAME = value as cron's load_env has it: the name may be quoted, too.
var assignment = sync.OnceValue(func() *regexp.Regexp { //nolint:gochecknoglobals // made once, and never changed
	return regexp.MustCompile(`^("[^"]*"|'[^']*'|[^\s"'=]+)[ \t]*=[ \t]*(.*?)[ \t]*$`)
})

// variable reads a line that sets one. Such a line has nothing but a name before its =.
func (p *parser) variable(begin int) bool {
	m := assignment().FindStringSubmatchIndex(p.line[begin:])
	if m == nil {
		return false
	}
	name := unquote(p.line[begin+m[2] : begin+m[3]])
	quoted := p.line[begin+m[4] : begin+m[5]]
	value := p.at(begin+m[4], unquote(quoted))
	if value.Text != quoted {
		value.Col++
	}
	switch {
	case !isName(name):
		p.errorf(p.at(begin, name), "a variable's name is made of letters, digits and _")
		return true
	case value.Text == quoted && quoted != "" && (quoted[0] == '"' || quoted[0] == '\''):
		p.errorf(value, "this quote is not closed at the end of the value")
		return true
	case name == "MAILTO" && faultOfAddress(value.Text) != "":
		p.errorf(value, "MAILTO: %s", faultOfAddress(value.Text))
		return true
	case name == "RANDOM_DELAY" && !isMinutes(value.Text):
		p.errorf(value, "RANDOM_DELAY is a number of minutes")
		return true
	case name == "LOGNAME" || name == "USER":
		p.notef(value, "%s is always the user whose job it is", name)
		return true
	}
	p.env = slices.DeleteFunc(slices.Clone(p.env), func(v Variable) bool { return v.Name == name })
	p.env = append(p.env, Variable{name, value})
	return true
}

func isName(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	return s != "" && strings.Trim(s, letters+"0123456789") == "" && strings.Trim(s[:1], letters) == ""
}

func isMinutes(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func unquote(s string) string {
	if n := len(s) - 1; n > 0 && (s[0] == '"' || s[0] == '\'') && s[n] == s[0] {
		return s[1:n]
	}
	return s
}

// faultOfAddress says why nothing may be mailed to an address: it could be taken for a flag of
// sendmail(8), or for another header.
func faultOfAddress(to string) string {
	for address := range strings.SplitSeq(to, ",") {
		switch address = strings.TrimSpace(address); {
		case strings.HasPrefix(address, "-"):
			return "an address does not begin with -"
		case strings.ContainsFunc(address, unicode.IsControl):
			return "an address has no control characters"
		}
	}
	return ""
}

// next returns the next word from a place on, and where it ends.
func (p *parser) next(from int) (word evfile.Word, end int) {
	from += len(p.line[from:]) - len(strings.TrimLeft(p.line[from:], blanks))
	end = from + len(p.line[from:])
	if n := strings.IndexAny(p.line[from:], blanks); n >= 0 {
		end = from + n
	}
	return p.at(from, p.line[from:end]), end
}

func (p *parser) job(begin int) {
	j := Job{Env: p.env}
	end, ok := p.schedule(&j, begin)
	if !ok {
		return
	}
	if p.system {
		if j.User, end = p.next(end); j.User.Text == "" {
			p.errorf(j.User, "the user and the command are missing: a system's crontab has a user before each command")
			return
		}
	}
	command, _ := p.next(end)
	command.Text = strings.TrimLeft(p.line[end:], blanks)
	text, input, found := percent(command.Text)
	if strings.TrimSpace(text) == "" {
		msg := "the command is missing"
		if p.system {
			msg += ": a system's crontab has a user before it"
		}
		p.errorf(command, "%s", msg)
		return
	}
	if command.Text = text; found {
		j.Input = &input
	}
	j.Command = command
	p.file.Jobs = append(p.file.Jobs, j)
}

// schedule reads when the job runs.
func (p *parser) schedule(j *Job, begin int) (end int, ok bool) {
	if p.line[begin] == '-' {
		j.Quiet = true
		begin++
	}
	first, end := p.next(begin)
	if strings.HasPrefix(first.Text, "@") {
		j.Schedule = first
		if first.Text == "@every" {
			if j.Every, end = p.next(end); j.Every.Text == "" {
				p.errorf(j.Every, "a span is missing, as in @every 1h30m")
				return 0, false
			}
		}
		return end, true
	}
	from := end - len(first.Text)
	for range 4 {
		var word evfile.Word
		if word, end = p.next(end); word.Text == "" {
			p.errorf(word, "a job is five fields, or one such as @daily, then a command: minute hour day-of-month month weekday")
			return 0, false
		}
	}
	j.Schedule = p.at(from, p.line[from:end])
	return end, true
}

// percent parts a command from its input at the first % that no backslash precedes. A \% is a % in
// both, and any further % in the input a newline.
func percent(s string) (command, input string, found bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && s[i+1] == '%':
			i++
			b.WriteByte('%')
		case c == '%' && !found:
			command, found = b.String(), true
			b.Reset()
		case c == '%':
			b.WriteByte('\n')
		default:
			b.WriteByte(c)
		}
	}
	if !found {
		return b.String(), "", false
	}
	if input = b.String(); input != "" && !strings.HasSuffix(input, "\n") {
		input += "\n"
	}
	return command, input, true
}
