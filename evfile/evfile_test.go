package evfile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const example = `# one watcher a line
PATH=/usr/local/bin:/usr/bin
build:   stat -r src --ext go -- go build ./...

LANG=C PATH='/opt/my bin'
backup:  every 03:00 --tz Europe/Berlin \
    -- backup --all   # at night
on-signal HUP -- sh -c 'echo "$PATH"
echo done'
`

func TestParse(t *testing.T) {
	f, errs := Parse("Evfile", []byte(example))
	if errs != nil {
		t.Fatal(errs)
	}
	got := describe(f)
	want := []string{
		`3:10 build ["stat" "-r" "src" "--ext" "go" "--" "go" "build" "./..."] ["PATH=/usr/local/bin:/usr/bin"]`,
		`6:10 backup ["every" "03:00" "--tz" "Europe/Berlin" "--" "backup" "--all"] ["LANG=C" "PATH=/opt/my bin"]`,
		`8:1  ["on-signal" "HUP" "--" "sh" "-c" "echo \"$PATH\"\necho done"] ["LANG=C" "PATH=/opt/my bin"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func describe(f *File) []string {
	var lines []string
	for _, l := range f.Lines {
		lines = append(lines, fmt.Sprintf("%d:%d %s %q %q", l.Words[0].Line, l.Words[0].Col, l.Label, l.Args(), l.Env))
	}
	return lines
}

func TestParse_DOSLineEndsAndByteOrderMark(t *testing.T) {
	f, errs := Parse("Evfile", []byte("\ufeffa: b \\\r\n c\r\nd 'e\r\nf'\r\n"))
	if errs != nil {
		t.Fatal(errs)
	}
	want := []string{`1:4 a ["b" "c"] []`, `3:1  ["d" "e\nf"] []`}
	if got := describe(f); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParse_noWatcher(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment", "A=1\n"} {
		if f, errs := Parse("Evfile", []byte(text)); len(f.Lines) != 0 || errs.Err() != nil {
			t.Errorf("Parse(%q) = %v, %v", text, f.Lines, errs)
		}
	}
}

func TestParse_assignments(t *testing.T) {
	tests := []struct {
		line string
		env  []string // of a watcher below it; nil: the line is no assignment
	}{
		{"A=1", []string{"A=1"}},
		{"A=", []string{"A="}},
		{"_a1='x y'\"z\"", []string{"_a1=x yz"}},
		{"A=1 B=2 A=3", []string{"B=2", "A=3"}},
		{"A=$B", []string{"A=$B"}},
		{"A=b=c", []string{"A=b=c"}},
		{"'A=1'", nil},
		{`A\=1`, nil},
		{"A'B'=1", nil},
		{"1A=1", nil},
		{"=1", nil},
		{"é=1", nil},
		{"A-B=1", nil},
	}
	for _, tt := range tests {
		f, errs := Parse("Evfile", []byte(tt.line+"\nrun\n"))
		last := f.Lines[len(f.Lines)-1]
		if errs != nil || !slices.Equal(last.Env, tt.env) || (len(f.Lines) == 1) != (tt.env != nil) {
			t.Errorf("%s: lines %q, %v; want env %q", tt.line, describe(f), errs, tt.env)
		}
	}
}

func TestParse_environmentIsOfTheLinesBelow(t *testing.T) {
	f, errs := Parse("Evfile", []byte("a\nX=1\nb\nX=2 Y=3\nc\n"))
	want := []string{`1:1  ["a"] []`, `3:1  ["b"] ["X=1"]`, `5:1  ["c"] ["X=2" "Y=3"]`}
	if got := describe(f); !slices.Equal(got, want) || errs != nil {
		t.Errorf("got %q, %v; want %q", got, errs, want)
	}
}

func TestParse_reportsAllErrorsAtOnceAndKeepsTheRest(t *testing.T) {
	f, errs := Parse("Evfile", []byte(`good: timer 5
PATH=/usr/bin stat x
	stat "src -- make
good: timer 6
:every 1h
a:b
'my job': timer 1
-x: timer 1
empty:
run > log | wc; date
é: stat src -- echo 'a
b' (c)
last: timer 7 \`))
	const want = `Evfile:2:15: NAME=value stands on a line of its own; a value with blanks is quoted
    PATH=/usr/bin stat x
                  ^
Evfile:3:7: this quote is not closed
    	stat "src -- make
    	     ^
Evfile:4:1: line 1 already has the label good: choose another
    good: timer 6
    ^
Evfile:5:1: a label is missing before the colon
    :every 1h
    ^
Evfile:6:1: a blank is missing after the label's colon
    a:b
    ^
Evfile:7:1: a label is made of letters, digits and _ . @ + / -, unquoted, and does not begin with -
    'my job': timer 1
    ^
Evfile:8:1: a label is made of letters, digits and _ . @ + / -, unquoted, and does not begin with -
    -x: timer 1
    ^
Evfile:9:1: a watcher is missing after the label
    empty:
    ^
Evfile:10:5: no shell reads this line: quote the >, or give the whole to sh -c
    run > log | wc; date
        ^
Evfile:10:11: no shell reads this line: quote the |, or give the whole to sh -c
    run > log | wc; date
              ^
Evfile:10:15: no shell reads this line: quote the ;, or give the whole to sh -c
    run > log | wc; date
                  ^
Evfile:12:4: no shell reads this line: quote the (, or give the whole to sh -c
    b' (c)
       ^
Evfile:13:15: nothing comes after this backslash
    last: timer 7 \
                  ^`
	if got := errs.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := describe(f); len(got) != 1 {
		t.Errorf("lines %q, want only the first", got)
	}
}

func TestErrorf_pointsAtAWord(t *testing.T) {
	f, errs := Parse("-", []byte("a: stat \\\n  --jsno x\n"))
	if errs != nil {
		t.Fatal(errs)
	}
	const want = "-:2:3: unknown flag: --jsno\n      --jsno x\n      ^"
	if got := (Errors{f.Errorf(f.Lines[0].Words[1], "unknown flag: %s", "--jsno")}).Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestErrors_areInTheOrderOfTheFile(t *testing.T) {
	f, errs := Parse("Evfile", []byte("first word\nsecond ;\n"))
	errs = append(errs, f.Errorf(f.Lines[0].Words[1], "b"), f.Errorf(f.Lines[0].Words[0], "a"))
	got := errs.Error()
	a, b, c := strings.Index(got, "Evfile:1:1: a"), strings.Index(got, "Evfile:1:7: b"), strings.Index(got, "Evfile:2:8:")
	if a != 0 || a >= b || b >= c {
		t.Errorf("got\n%s", got)
	}
}

func TestExcerpt_pointsBelowWideCharacters(t *testing.T) {
	e := Error{Col: 8, Source: "日本\tu\u0308 5x"}
	if got, want := e.Excerpt(), "    日本\tu\u0308 5x\n        \t   ^"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWithin_aTextThatIsNoEvfile(t *testing.T) {
	f := New("crontab", "A=1\n0 5 é * 8 x")
	for _, tt := range []struct {
		text        string
		offset, col int
	}{
		{"0 5 é * 8", 0, 1},
		{"0 5 é * 8", 9, 9},
		{"every", 3, 1},
		{"0 H(5-6)", 2, 3},
		{"0 H(5-6)", 4, 1},
	} {
		if got := f.Within(Word{Text: tt.text, Line: 2, Col: 1}, tt.offset); got.Line != 2 || got.Col != tt.col {
			t.Errorf("%s, byte %d: %d:%d, want 2:%d", tt.text, tt.offset, got.Line, got.Col, tt.col)
		}
	}
}

func TestErrorf_isShortAndOneLine(t *testing.T) {
	f, _ := Parse("Evfile", []byte(strings.Repeat("é", 5000)))
	e := f.Errorf(f.Lines[0].Words[0], "%s\n\x1b[31m: try another", f.Lines[0].Words[0].Text)
	if len(e.Msg) > 410 || strings.ContainsAny(e.Msg, "\n\x1b") || !utf8.ValidString(e.Msg) || !strings.HasSuffix(e.Msg, ": try another") {
		t.Errorf("%d bytes: %q", len(e.Msg), e.Msg)
	}
}

func TestWithin(t *testing.T) {
	const text = "a: every 'é 9' \"9\\$\\x\\\n 8\" x\\ y\\\nz'\n1'  ''\nb: timer 5x"
	f, errs := Parse("Evfile", []byte(text))
	if errs != nil {
		t.Fatal(errs)
	}
	type spot struct{ line, col int }
	for i, want := range [][]spot{
		{{1, 4}, {1, 5}, {1, 6}, {1, 7}, {1, 8}, {1, 9}},             // every, and behind it
		{{1, 11}, {1, 12}, {1, 12}, {1, 13}, {1, 14}},                // 'é 9': two bytes are é
		{{1, 17}, {1, 19}, {1, 20}, {1, 21}, {2, 1}, {2, 2}, {2, 3}}, // "9\$\x\ 8"
		{{2, 5}, {2, 7}, {2, 8}, {3, 1}, {3, 3}, {4, 1}, {4, 2}},     // x\ y\z'1'
		{{4, 5}, {4, 5}}, // nothing, between quotes
	} {
		w := f.Lines[0].Words[i]
		for offset, want := range want {
			if got := f.Within(w, offset); got.Line != want.line || got.Col != want.col {
				t.Errorf("%q, byte %d: %d:%d, want %d:%d", w.Text, offset, got.Line, got.Col, want.line, want.col)
			}
		}
	}
	if got := f.Within(f.Lines[1].Words[1], 1); got.Line != 5 || got.Col != 11 {
		t.Errorf("in the second line: %d:%d", got.Line, got.Col)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{example, "a: b\na: c", "'", "\"\\", "A=1 b", "a\x00b", "a \\\n", "\ufeff\xff:\r\n", "\\\n'\n'"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, errs := Parse("Evfile", text)
		labels := map[string]bool{}
		for _, l := range file.Lines {
			if len(l.Words) == 0 || l.Label != "" && labels[l.Label] {
				t.Errorf("line %+v", l)
			}
			labels[l.Label] = true
		}
		for _, l := range file.Lines {
			for _, w := range l.Words {
				for i := range len(w.Text) {
					at := file.Within(w, i)
					if from := file.source.offset(at); utf8.RuneStart(w.Text[i]) && file.source.text[from] != w.Text[i] {
						t.Errorf("byte %d of %q is not at %d:%d", i, w.Text, at.Line, at.Col)
					}
				}
			}
		}
		for _, e := range errs {
			if e.Line < 1 || e.Col < 1 || e.Col > utf8.RuneCountInString(e.Source)+1 {
				t.Errorf("%v is outside of %q", e, e.Source)
			}
			if strings.Count(e.Excerpt(), "\n") != 1 {
				t.Errorf("excerpt %q", e.Excerpt())
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "job%d: every '*/5 * * * *' --tz Europe/Berlin -- backup --all job%d\n", i, i)
	}
	for b.Loop() {
		if _, errs := Parse("Evfile", []byte(text.String())); errs != nil {
			b.Fatal(errs)
		}
	}
}
