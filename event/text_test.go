package event

import (
	"bytes"
	"math"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestEscaped(t *testing.T) {
	for s, want := range map[string]string{
		"":                   "",
		"plain ü€😀":          "plain ü€😀",
		"\n\r\t\\":           `\n\r\t\\`,
		"\x00\x1b[2J\x7f":    `\x00\x1b[2J\x7f`,
		"\xff\xc3(":          `\xff\xc3(`,
		"\u0085\u2028\u2029": `\xc2\x85\xe2\x80\xa8\xe2\x80\xa9`,
		"\ufffd":             "\ufffd",
	} {
		if got := string(AppendEscaped(nil, s)); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("f", "a line")
	f.Add("\xff\n\t\\n\u2028\u0085", "\x1b]0;title\a")
	f.Fuzz(func(t *testing.T, path, line string) {
		for _, e := range []Event{
			{Detail: FD{Source: path, Ready: []string{line}, Line: &line}},
			{Detail: Stat{Path: path, Change: []string{line}}},
			{Detail: Exit{Known: true, Signal: line}},
			{Detail: Signal{Signal: path}},
		} {
			got := e.AppendText(nil)
			if !utf8.Valid(got) {
				t.Errorf("%q is not UTF-8", got)
			}
			tabs := 1
			if d, ok := e.Detail.(FD); ok && d.Line != nil {
				tabs = 2
			}
			if n := bytes.Count(got, []byte("\t")); n != tabs {
				t.Errorf("%q has %d TABs, want %d", got, n, tabs)
			}
			breaks := func(r rune) bool { return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
			if bytes.ContainsFunc(got, breaks) {
				t.Errorf("%q is not one plain line", got)
			}
		}
		if back, err := Unescape(string(AppendEscaped(nil, line))); err != nil || back != line {
			t.Errorf("%q is escaped and read back as %q, %v", line, back, err)
		}
	})
}

func TestValuesAsText(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, tt := range []struct {
		value Value
		want  string
	}{
		{Value{}, ""},
		{Text(""), ""},
		{Text("a\x00\n"), "a\x00\n"},
		{Word(""), ""},
		{Word("w"), "w"},
		{Int(-5), "-5"},
		{Bool(true), "true"},
		{Bool(false), "false"},
		{Span(90 * time.Minute), "1h30m"},
		{Took(3*time.Hour + 1234*time.Millisecond), "3h1s"},
		{Took(12345 * time.Millisecond), "12.3s"},
		{Took(104049017), "104ms"},
		{Took(28227), "28us"},
		{Took(99), "99ns"},
		{Took(0), "0s"},
		{Size(0), "0B"},
		{Size(1023), "1023B"},
		{Size(11722752), "11.2MiB"},
		{Size(1 << 20), "1.00MiB"},
		{Size(999 << 10), "999KiB"},
		{Size(math.MaxInt64), "8.00EiB"},
		{Time(time.Time{}), ""},
		{Time(time.Date(2026, 1, 2, 3, 4, 5, 6, berlin)), "2026-01-02T03:04:05.000000006+01:00"},
		{Words([]string{"a", "b"}), "a,b"},
		{Words(nil), ""},
		{Paths([]string{"a", "b c"}), "a\nb c"},
	} {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for _, v := range []Value{{}, Word(""), Time(time.Time{})} {
		if v.Known() {
			t.Errorf("%#v is known", v)
		}
	}
	for _, v := range []Value{Text(""), Int(0), Bool(false), Span(0), Words(nil), Paths(nil)} {
		if !v.Known() {
			t.Errorf("%#v is not known", v)
		}
	}
}
