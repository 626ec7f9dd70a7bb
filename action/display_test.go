package action

import (
	"strings"
	"testing"
)

func TestDisplay_lines(t *testing.T) {
	for _, tt := range []struct{ line, shown, plain string }{
		{"text", "text", "text"},
		{"", "", ""},
		{"tab\there, é 世", "tab\there, é 世", "tab\there, é 世"},
		{"not UTF-8 \xff\xfe", "not UTF-8 \xff\xfe", "not UTF-8 \xff\xfe"},
		// colours
		{"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m", "red"},
		{"\x1b[31mred\x1b[m", "\x1b[31mred\x1b[m", "red"},
		{"\x1b[31mopen", "\x1b[31mopen\x1b[0m", "open"},
		{"\x1b[0;32mopen", "\x1b[0;32mopen\x1b[0m", "open"},
		{"\x1b[38:2::1:2:3mtrue", "\x1b[38:2::1:2:3mtrue\x1b[0m", "true"},
		// what a terminal does besides
		{"\x1b[2J\x1b[Hclear\x1bc", "clear", "clear"},
		{"\x1b[10Aup\x1b[?25l\x1b[6n", "up", "up"},
		{"\x1b[>4;2mkeys", "keys", "keys"},
		{"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink", "alink"},
		{"\x1bPquery\x1b\\a\x1b(B", "a", "a"},
		{"bell\a, \x0e\x7fother", "bell, other", "bell, other"},
		{"cut \x1b[3", "cut ", "cut "},
		{"cut \x1b]0;t", "cut ", "cut "},
		{"cut \x1b", "cut ", "cut "},
		// written over
		{"10%\r20%\r100%", "100%", "100%"},
		{"windows\r", "windows", "windows"},
		{"gone\r\x1b[K", "", ""},
		{"gone\x1b[2K\rnew", "new", "new"},
		{"gone\x1b[1G\x1b[0Knew", "new", "new"},
		{"\x1b[32mgone\rnew", "\x1b[32mnew\x1b[0m", "new"},
		{"|\b/\b-\bdone", "done", "done"},
		{"é\be\b\b\b", "", ""},
	} {
		shown, plain := new(display).line([]byte(tt.line))
		if string(shown) != tt.shown || string(plain) != tt.plain {
			t.Errorf("%q: %q and %q, want %q and %q", tt.line, shown, plain, tt.shown, tt.plain)
		}
	}
}

func TestDisplay_coloursGoOnInTheNextLine(t *testing.T) {
	var d display
	var got []string
	for line := range strings.SplitSeq("a\x1b[31m\nb\x1b[1m\nc\x1b[0m\nd", "\n") {
		shown, _ := d.line([]byte(line))
		got = append(got, string(shown))
	}
	want := "a\x1b[31m\x1b[0m\n\x1b[31mb\x1b[1m\x1b[0m\n\x1b[31m\x1b[1mc\x1b[0m\nd"
	if strings.Join(got, "\n") != want {
		t.Errorf("%q, want %q", strings.Join(got, "\n"), want)
	}
}

// Colours that are never undone are not remembered without end.
func TestDisplay_remembersTheLastColours(t *testing.T) {
	var d display
	d.line([]byte(strings.Repeat("\x1b[31mr\x1b[32mg", 1000)))
	shown, _ := d.line([]byte("x"))
	if s := string(shown); len(s) > 2*maxStyle || !strings.HasSuffix(s, "\x1b[32mx\x1b[0m") {
		t.Errorf("%d bytes: %.200q", len(s), s)
	}
	long := "\x1b[" + strings.Repeat("1;", maxStyle) + "4m"
	shown, _ = d.line([]byte(long + "x"))
	if !strings.HasSuffix(string(shown), long+"x\x1b[0m") {
		t.Errorf("%q", shown)
	}
}

func FuzzDisplay(f *testing.F) {
	for _, s := range []string{"a", "\x1b[31ma\rb\x1b[K", "\x1b]0;\x07", "\x1b[", "\b\xff", "\x1b[2K\x1b[1G"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var d display
		shown, plain := d.line(line)
		if strings.ContainsAny(string(shown), "\r\n\b\a") {
			t.Errorf("%q is shown as %q", line, shown)
		}
		for _, c := range plain {
			if c < ' ' && c != '\t' {
				t.Errorf("%q has %q in %q", line, c, plain)
			}
		}
		if again, _ := new(display).line(shown); string(again) != string(shown) && len(d.style) == 0 {
			t.Errorf("%q is shown as %q, and that as %q", line, shown, again)
		}
	})
}
