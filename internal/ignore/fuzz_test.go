package ignore

import (
	"strings"
	"testing"
)

// No pattern makes the time explode, whatever backtracking it asks for: this ends.
func TestMatch_hostilePatterns(t *testing.T) {
	times := strings.Repeat
	paths := []string{times("a", 4000), times("a/", 2000) + "c", times("aaaaaaaaa/", 400) + "c", times("\xe9", 4000)}
	for _, pattern := range []string{
		times("*a", 2000) + "*b", times("**/", 2000) + "b", times("**/*a", 1000) + "/b", times("/**/a", 1000) + "/b",
		times("*", 5000) + "b", times("[", 5000), times("[a]*", 1000) + "b", times("?*", 1000) + "b",
		times("[[:alpha:]]", 400) + "*b", times(`\`, 5000), times("{a,b}*", 9) + "b", times("{", 4000) + times("}", 4000),
		times("{a,", 9) + times("}", 9) + "*b",
	} {
		lists := []*list{{rules: parseRules([]byte(pattern+"\n/"+pattern), false, func(int, error) {})}}
		if r, err := parseTyped(pattern); err == nil {
			lists = append(lists, &list{rules: []rule{r}})
		}
		for _, l := range lists {
			for _, path := range paths {
				if l.find(path, path[strings.LastIndexByte(path, '/')+1:], false) != nil {
					t.Errorf("%.20s… matches %.20s…", pattern, path)
				}
			}
		}
	}
}

// Any text is read without panic, complaints name its lines, and a pattern without special bytes
// matches itself.
func FuzzParseRules(f *testing.F) {
	for _, text := range []string{usual, "\ufeff*.o\r\n!/a/**/b/\n", "[[:alpha:]-z]\\", "[!]a-]**/", "a\x00b\n", "\\!\\#\\ \n", "/**/**/a**\\/b"} {
		f.Add(text, "a/b/c.o", false)
	}
	f.Fuzz(func(t *testing.T, text, path string, fold bool) {
		base := path[strings.LastIndexByte(path, '/')+1:]
		rules := parseRules([]byte(text), fold, func(line int, err error) {
			if line < 1 || line > 1+strings.Count(text, "\n") || strings.Contains(err.Error(), "\n") {
				t.Errorf("line %d: %v", line, err)
			}
		})
		for _, r := range rules {
			l := &list{rules: []rule{r}, fold: fold}
			if l.find(path, base, false) != nil && l.find(path, base, true) == nil {
				t.Errorf("%+v matches %q, but no directory of that name", r, path)
			}
		}
		if text != "" && !strings.ContainsAny(text, "*?[\\!#/ \r\n\x00\ufeff") {
			if l := (&list{rules: rules, fold: fold}); l.find("d/"+text, text, false) == nil {
				t.Errorf("%q does not match itself", text)
			}
		}
	})
}

// A pattern of the command line is refused in one line or decides about any path; a keeper leads to
// what it wants.
func FuzzParseTyped(f *testing.F) {
	for _, glob := range []string{"*.go", "src/**/*.{go,mod}", "{a/b,c}/x", "[!a]/[b-d]", "!a/", "./x", `\{a\}/?`} {
		f.Add(glob, "src/a/b.go")
	}
	f.Fuzz(func(t *testing.T, glob, path string) {
		m, err := New(".", Options{Globs: []string{glob}, Hidden: true, NoIgnore: true})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %v", glob, err)
			}
			return
		}
		for part := range strings.SplitSeq(path, "/") {
			if part == "" || part == "." || part == ".." {
				return
			}
		}
		base := path[strings.LastIndexByte(path, '/')+1:]
		if m.keepers.want(path, base, false, false) != In {
			return
		}
		for i := range len(path) {
			dir := path[:i]
			if path[i] == '/' && m.keepers.want(dir, dir[strings.LastIndexByte(dir, '/')+1:], true, false) == Out {
				t.Errorf("--glob %q wants %q and skips %q", glob, path, dir)
			}
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add("[core]\n\texcludesFile = \"~/a b\" # c\n[include] path = x \\\n y")
	f.Add("[a \"b]\"]\n= \"")
	f.Fuzz(func(t *testing.T, text string) {
		parseConfig(text, func(key, _, _ string) {
			if !strings.Contains(key, ".") {
				t.Errorf("a key without section: %q", key)
			}
		})
	})
}
