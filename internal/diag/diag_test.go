package diag

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/evshell/ev/internal/width"
)

func TestOffset(t *testing.T) {
	err := errors.New("unknown unit")
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"none is known":             {err, 0},
		"its own":                   {At(3, err), 3},
		"of a part":                 {Within(7, At(3, err)), 10},
		"of a part without a place": {Within(7, err), 7},
		"wrapped":                   {fmt.Errorf("--repeat: %w", At(3, err)), 3},
		"of an option":              {Option("After", "1h7x", At(3, err)), 3},
	} {
		if got := Offset(tt.err); got != tt.want || tt.err.Error() != err.Error() && name != "wrapped" {
			t.Errorf("%s: %d, want %d: %v", name, got, tt.want, tt.err)
		}
	}
	if err := Within(7, nil); err != nil {
		t.Error("no error became one:", err)
	}
}

func TestOption(t *testing.T) {
	err := errors.New("no such file")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"the outer one is the caller's": {Option("PIDFiles", "a", Option("Paths", "b", err)), "PIDFiles a"},
		"if it is not known":            {OrOption("FDs", "a", err), "FDs a"},
		"what is known stays":           {OrOption("FDs", "a", Option("State", "b", err)), "State b"},
	} {
		if e, ok := errors.AsType[*OptionError](tt.err); !ok || e.Option+" "+e.Value != tt.want || !errors.Is(tt.err, err) {
			t.Errorf("%s: %#v, want %s", name, tt.err, tt.want)
		}
	}
	if Option("FDs", "a", nil) != nil || OrOption("FDs", "a", nil) != nil {
		t.Error("no error became one")
	}
}

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		line   string
		offset int
		want   string
	}{
		{"timer 5x", 7, "timer 5x\n       ^"},
		{"timer", 5, "timer\n     ^"}, // behind the end
		{"", 0, "\n^"},
		{"日本\tu\u0308 5x", len("日本\tu\u0308 "), "日本\tu\u0308 5x\n    \t  ^"},
		{"ｅｖ 5x", len("ｅｖ 5"), "ｅｖ 5x\n      ^"},
		{"日本", 4, "日本\n  ^"}, // within a character: below it
		{"👩‍💻 5x", len("👩‍💻 5"), "👩‍💻 5x\n    ^"},
		{"x👩‍💻", len("x👩‍"), "x👩‍💻\n ^"}, // at a code point within it
		{"a\x1b[31mb c", 7, "a\ufffd[31mb c\n       ^"},
		{"a\xffb", 2, "a\ufffdb\n  ^"},
	} {
		if got := Excerpt(tt.line, tt.offset); got != tt.want {
			t.Errorf("%q at %d:\n%q, want\n%q", tt.line, tt.offset, got, tt.want)
		}
	}
}

func TestExcerpt_showsAWindowOfALongLine(t *testing.T) {
	for _, fill := range []string{"x", "é", "日"} {
		for _, n := range []int{0, 10, 30, 200} {
			for _, rest := range []int{0, 10, 30, 200} {
				line := strings.Repeat(fill, n) + "!" + strings.Repeat(fill, rest)
				shown, caret, _ := strings.Cut(Excerpt(line, n*len(fill)), "\n")
				before, _, _ := strings.Cut(shown, "!")
				if width.String(before) != len(caret)-1 || width.String(shown) > 76 {
					t.Errorf("%d %s before, %d after:\n%s\n%s", n, fill, rest, shown, caret)
				}
				if whole := width.String(line) <= 76; whole != (shown == line) || whole == strings.Contains(shown, "…") {
					t.Errorf("%d %s before, %d after: cut, or not: %s", n, fill, rest, shown)
				}
			}
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("日本\t\x00\xff", 3)
	f.Add(strings.Repeat("u\u0308", 200), 301)
	f.Fuzz(func(t *testing.T, line string, offset int) {
		shown, caret, _ := strings.Cut(Excerpt(strings.ReplaceAll(line, "\n", " "), offset), "\n")
		if strings.Trim(caret, " \t") != "^" || !utf8.ValidString(shown) || width.String(shown) > 76 {
			t.Errorf("%q at %d:\n%s\n%s", line, offset, shown, caret)
		}
	})
}
