package event

import (
	"regexp"
	"strings"
	"testing"

	"github.com/evshell/ev/internal/diag"
)

func TestTemplate(t *testing.T) {
	e := Event{Seq: 4, Name: "{path}", Detail: Stat{Path: "a {size}", Paths: []string{"a", "b"}, Now: File{Exists: true, Size: 5}}}
	for s, want := range map[string]string{
		"":                   "",
		"plain":              "plain",
		"{path}":             "a {size}", // what is put in is not looked at again
		"{name}{seq}":        "{path}4",
		"{}":                 "a {size}",
		"x{}y{size}z":        "xa {size}y5z",
		"{paths}":            "a\nb",
		"{prev_size}|":       "|", // unknown, but a field
		"{nonsense} {Path}":  "{nonsense} {Path}",
		"${path} $${path}":   "${path} $${path}",
		"$ {seq} {$seq}":     "$ 4 {$seq}",
		"{{seq}}":            "{4}",
		"${{seq}}":           "${4}",
		"{seq":               "{seq",
		"{ seq} {se q} {\n}": "{ seq} {se q} {\n}",
		"seq}{seq}}{":        "seq}4}{",
		"{\xff}{seq}":        "{\xff}4",
	} {
		if got := string(NewTemplate(s).Append(nil, e)); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

func TestTemplateUses(t *testing.T) {
	e := Event{Detail: FD{Groups: []Group{{"word", nil}}}}
	for s, want := range map[string]string{
		"":                      "",
		"plain ${line}":         "",
		"{nonsense} {path}":     "",
		"{nonsense} {line}{fd}": "{line}",
		"a {} {line}":           "{}",
		"{word}":                "{word}",
	} {
		got, at := NewTemplate(s).Uses(e)
		if got != want || got != "" && at != strings.Index(s, want) {
			t.Errorf("%q uses %q at %d, want %q", s, got, at, want)
		}
	}
}

var placeholder = regexp.MustCompile(`\$\{[^{} \t\n]*\}|\{[^{} \t\n]*\}`)

// FuzzTemplate compares with a regular expression.
func FuzzTemplate(f *testing.F) {
	f.Add("a {path} ${path} {{size}} {}", "f")
	f.Add("{$path}{", "{size}\xff")
	f.Fuzz(func(t *testing.T, s, path string) {
		e := Event{Name: path, Detail: Stat{Path: path}}
		uses := ""
		want := placeholder.ReplaceAllStringFunc(s, func(m string) string {
			v, ok := e.Lookup(strings.Trim(m, "{}"))
			switch {
			case m[0] == '$', m != "{}" && !ok:
				return m
			case uses == "":
				uses = m
			}
			if m == "{}" {
				return path
			}
			return v.String()
		})
		tmpl := NewTemplate(s)
		if got := string(tmpl.Append(nil, e)); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
		if got, at := tmpl.Uses(e); got != uses || !strings.HasPrefix(s[at:], got) {
			t.Errorf("%q uses %q at %d, want %q", s, got, at, uses)
		}
	})
}

func TestUnescape(t *testing.T) {
	for s, want := range map[string]string{
		``:                   "",
		`plain ü`:            "plain ü",
		`\a\b\e\f\n\r\t\v\\`: "\a\b\x1b\f\n\r\t\v\\",
		`\0`:                 "\x00",
		`\01\0012\1234`:      "\x01\x012S4",
		`\377\8`[:4]:         "\xff",
		`\x4\x41\x414\xfFg`:  "\x04AA4\xffg",
		`\\n`:                `\n`,
		`{path}\0`:           "{path}\x00",
		`\xc3\xbc`:           "ü",
		`a\nb`:               "a\nb",
	} {
		if got, err := Unescape(s); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", s, got, err, want)
		}
	}
	for s, want := range map[string]string{
		`\`:     `lone \ at the end`,
		`a\\\`:  `lone \ at the end`,
		`\8`:    `\8 is not an escape`,
		`\x`:    `\x is not an escape`,
		`\xg`:   `\x is not an escape`,
		`\400`:  `up to \377`,
		`\é`:    `\é is not an escape`,
		`\ n`:   `\  is not an escape`,
		`\u00e`: `\u is not an escape`,
	} {
		const right = `{é}\n`
		got, err := Unescape(right + s)
		fault := len(right+s) - len(strings.TrimPrefix(s, `a\\`)) // what is left out there is right, too
		if err == nil || !strings.Contains(err.Error(), want) || diag.Offset(err) != fault {
			t.Errorf("%s is %q, %v at %d, want an error with %q", s, got, err, diag.Offset(err), want)
		}
	}
}

func FuzzUnescape(f *testing.F) {
	f.Add(`a\n\x41\101\\`)
	f.Add(`\8`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Unescape(s)
		switch {
		case err != nil:
			if got != "" || strings.Contains(err.Error(), "\n") || !strings.Contains(s, `\`) {
				t.Errorf("%q is %q and %q", s, got, err)
			}
		case !strings.Contains(s, `\`):
			if got != s {
				t.Errorf("%q became %q", s, got)
			}
		case len(got) >= len(s):
			t.Errorf("%q became longer: %q", s, got)
		}
	})
}
