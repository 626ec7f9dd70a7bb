package evfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"", nil},
		{"  \t ", nil},
		{"timer 5", []string{"timer", "5"}},
		{"\ta\t b ", []string{"a", "b"}},
		{`'a b' "c d"`, []string{"a b", "c d"}},
		{`a'b'"c"\d`, []string{"abcd"}},
		{`'' ""`, []string{"", ""}},
		{`a\ b \'c\' \"`, []string{"a b", "'c'", `"`}},
		{`'a\b'`, []string{`a\b`}},
		{`"a\b\$\"\\\` + "`" + `"`, []string{`a\b$"\` + "`"}},
		{`"it's"`, []string{"it's"}},
		{`'say "hi"'`, []string{`say "hi"`}},
		{`it\'s`, []string{"it's"}},
		{"'two\nlines'", []string{"two\nlines"}},
		{"a \\\n b", []string{"a", "b"}},
		{"ab\\\ncd", []string{"abcd"}},
		{"\"ab\\\ncd\"", []string{"abcd"}},
		{"'ab\\\ncd'", []string{"ab\\\ncd"}},
		{"a # b 'c", []string{"a"}},
		{"a#b '#' \\#", []string{"a#b", "#", "#"}},
		{"a\\\n#b", []string{"a#b"}},
		{"a # b\\", []string{"a"}},
		{"\n# first\n\na b # c\n\n", []string{"a", "b"}},
		{`$HOME * ~ {path} ${x} !`, []string{"$HOME", "*", "~", "{path}", "${x}", "!"}},
		{`find \; '>' "&"`, []string{"find", ";", ">", "&"}},
		{"größe \xff", []string{"größe", "\xff"}},
		{`\é`, []string{"é"}},
		{"a=b c:", []string{"a=b", "c:"}},
	}
	for _, tt := range tests {
		words, err := Split(tt.text)
		if got := (Line{Words: words}).Args(); !slices.Equal(got, tt.want) || err != nil {
			t.Errorf("Split(%q) = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestSplit_positionsAreOfTheFirstCharacter(t *testing.T) {
	words, err := Split("  é 'b c' \\\n\td\"\n\"e f")
	want := []Word{
		{Text: "é", Line: 1, Col: 3, plain: 2},
		{Text: "b c", Line: 1, Col: 5, plain: 0},
		{Text: "d\ne", Line: 2, Col: 2, plain: 1},
		{Text: "f", Line: 3, Col: 4, plain: 1},
	}
	if !slices.Equal(words, want) || err != nil {
		t.Errorf("got  %+v, %v\nwant %+v", words, err, want)
	}
}

func TestSplit_errors(t *testing.T) {
	tests := []struct {
		text, want string
		offset     int
	}{
		{`make 'all`, "this quote is not closed (column 6)", 5},
		{`make "all\"`, "this quote is not closed (column 6)", 5},
		{`make \`, "nothing comes after this backslash (column 6)", 5},
		{`make > log`, "no shell reads this line: quote the >, or give the whole to sh -c (column 6)", 5},
		{`make&`, "no shell reads this line: quote the &, or give the whole to sh -c (column 5)", 4},
		{"a\nb", "a second line: a command has one; continue it with a backslash, or quote the newline (column 1)", 2},
		{"é 'b", "this quote is not closed (column 3)", 3},
		{"a\x00b", "a NUL byte: this is not text (column 2)", 1},
	}
	for _, tt := range tests {
		words, err := Split(tt.text)
		if err == nil || err.Error() != tt.want || words != nil {
			t.Errorf("Split(%q) = %v, %v\nwant %s", tt.text, words, err, tt.want)
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Offset() != tt.offset {
			t.Errorf("Split(%q): the error is a %T, at %d, want %d", tt.text, err, e.Offset(), tt.offset)
		}
	}
}

func TestJoin(t *testing.T) {
	tests := []struct {
		words []string
		want  string
	}{
		{nil, ""},
		{[]string{"stat", "-r", "src", "--ext", "go,mod"}, "stat -r src --ext go,mod"},
		{[]string{"", "a b", "it's", "$HOME"}, `'' 'a b' 'it'\''s' '$HOME'`},
		{[]string{"#", "{path}", "*"}, `'#' '{path}' '*'`},
		{[]string{"größe", "tcp-listen:127.0.0.1:80", "A=b"}, "größe tcp-listen:127.0.0.1:80 A=b"},
		{[]string{"\xff", "a\nb"}, "'\xff' 'a\nb'"},
	}
	for _, tt := range tests {
		if got := Join(tt.words); got != tt.want {
			t.Errorf("Join(%q) = %s, want %s", tt.words, got, tt.want)
		}
	}
}

func FuzzSplit_joinIsItsInverse(f *testing.F) {
	for _, text := range []string{"a 'b c' \"d\"", "\\", "'", "a\\\nb", "# c", "''", "é\xff", "a\rb\r\n", "\"\\\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := Split(text)
		if err != nil {
			return
		}
		args := Line{Words: words}.Args()
		joined := Join(args)
		again, err := Split(joined)
		if got := (Line{Words: again}).Args(); !slices.Equal(got, args) || err != nil {
			t.Errorf("Split(Join(%q)) = Split(%q) = %q, %v", args, joined, got, err)
		}
	})
}

func FuzzSplit_agreesWithShell(f *testing.F) {
	sh := shell(f)
	for _, text := range []string{"a 'b c' \"d\"", "a\\\nb", "a # c", "''", `"\a\"\\"`, "a#b", "é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { compareWithShell(t, sh, text) })
}

func TestSplit_agreesWithShell(t *testing.T) {
	sh := shell(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		text := make([]byte, random.IntN(20))
		for i := range text {
			const alphabet = " \t\n'\"\\#ab=é-'\"\\ "
			text[i] = alphabet[random.IntN(len(alphabet))]
		}
		compareWithShell(t, sh, string(text))
	}
}

func shell(tb testing.TB) string {
	tb.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		tb.Skip("needs sh")
	}
	return sh
}

// compareWithShell leaves out what a shell expands, and what Split refuses.
func compareWithShell(t *testing.T, sh, text string) {
	t.Helper()
	if strings.ContainsAny(text, "$`~{") || !utf8.ValidString(text) {
		return
	}
	words, err := Split(text)
	if err != nil {
		return
	}
	want := []byte("first\x00")
	for _, w := range words {
		want = append(append(want, w.Text...), 0)
	}
	// Blank lines above the words would end the shell's command.
	lines := strings.SplitAfter(text, "\n")
	if len(words) > 0 {
		lines = lines[words[0].Line-1:]
		lines[0] = string([]rune(lines[0])[words[0].Col-1:])
	}
	out, err := exec.CommandContext(t.Context(), sh, "-fc", `printf '%s\0' first `+strings.Join(lines, "")).CombinedOutput()
	if !bytes.Equal(out, want) {
		t.Errorf("Split(%q) = %q\nsh says     %q, %v", text, want, out, err)
	}
}
