package ignore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// randomName and randomPattern are made of the same pieces, so that a pattern often matches, and
// often nearly does.
func randomName(r *rand.Rand) string {
	names := []string{
		"a", "b", "ab", "aa", "B", "a.b", ".a", "a ", "a\\", "[", "]", "#a", "!b", "é", "\xe9", "a-b", "*", "{a,b}", "_1",
	}
	return names[r.IntN(len(names))]
}

func randomPattern(r *rand.Rand) string {
	pieces := []string{
		"a", "b", "ab", "A", "B", "a.b", ".", " ", "\\ ", "\\", "\\\\", "\\a", "\\A", "#", "!", "\\!", "\\#", "é", "\xe9", "{a,b}", "-", "\t", "\r",
		"*", "*", "*", "?", "?", "**", "**", "***", "/", "/", "/", "/**/", "**/", "/**", "\\/", "\\*", "\\[",
		"[ab]", "[!a]", "[^a]", "[a-c]", "[!a-b]", "[]a]", "[!]a]", "[a-]", "[-a]", "[\\]]", "[\\a-\\c]", "[c-a]", "[/]", "[!/]",
		"[A-C]", "[A]", "[[:alpha:]]", "[[:upper:]]", "[![:lower:]]", "[[:digit:]_]", "[[:punct:]]", "[[:space:]]", "[a-[:alpha:]]",
		"[a-a-c]", "[[:digit:]-b]", "[[:word:]]", "[[:]", "[[:]a]", "[[:a]]", "[[::]]", "[\x80-\xff]", "[", "]", "[!", "[a", "[[:alpha:]", "[\\",
	}
	var p strings.Builder
	if r.IntN(5) == 0 {
		p.WriteByte('!')
	}
	if r.IntN(5) == 0 {
		p.WriteByte('/')
	}
	for range 1 + r.IntN(5) {
		p.WriteString(pieces[r.IntN(len(pieces))])
	}
	switch r.IntN(8) {
	case 0, 1:
		p.WriteByte('/')
	case 2:
		p.WriteString(strings.Repeat(" ", 1+r.IntN(2)))
	}
	return p.String()
}

func randomRules(r *rand.Rand) string {
	var text strings.Builder
	if r.IntN(20) == 0 {
		text.WriteString("\ufeff")
	}
	for range 1 + r.IntN(6) {
		text.WriteString(randomPattern(r))
		text.WriteString([]string{"\n", "\n", "\n", "\n", "\r\n", "\n\n", "\x00a\n"}[r.IntN(7)])
	}
	return strings.TrimSuffix(text.String(), []string{"", "\n"}[r.IntN(2)])
}

// oracle is a repository full of oddly named files with rules that change.
type oracle struct {
	*testing.T
	top   string
	dirs  []string // relative, "" first
	paths []string
	isDir map[string]bool
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "xdg"))
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	o := &oracle{T: t, top: filepath.Join(home, "top"), dirs: []string{""}, isDir: map[string]bool{}}
	o.make("")
	o.git("", "init", "-q")
	write(t, filepath.Join(home, ".gitconfig"), "[core]\n\texcludesFile = ~/global\n")
	return o
}

// grow makes a tree three levels deep.
func (o *oracle) grow(r *rand.Rand) {
	for depth := range 3 {
		for _, parent := range slices.Clone(o.dirs) {
			if strings.Count(parent, "/") != max(depth-1, 0) || depth > 0 && parent == "" {
				continue
			}
			for range 7 - 2*depth {
				o.add(parent, randomName(r), r.IntN(3) > 0)
			}
		}
	}
}

func (o *oracle) make(dir string) {
	if err := os.MkdirAll(filepath.Join(o.top, dir), 0o755); err != nil {
		o.Fatal(err)
	}
}

func (o *oracle) add(parent, name string, dir bool) {
	path := strings.TrimPrefix(parent+"/"+name, "/")
	if slices.Contains(o.paths, path) {
		return
	}
	if dir {
		if err := os.Mkdir(filepath.Join(o.top, path), 0o755); err != nil {
			o.Skip("needs a file system that takes any name: ", err)
		}
		o.dirs = append(o.dirs, path)
	} else {
		write(o, filepath.Join(o.top, path), "")
	}
	o.paths = append(o.paths, path)
	o.isDir[path] = dir
}

func (o *oracle) git(stdin string, args ...string) []byte {
	o.Helper()
	cmd := exec.CommandContext(o.Context(), "git", args...)
	cmd.Dir = o.top
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: nothing is ignored
		o.Fatalf("git %q: %v: %s", args, err, stderr.String())
	}
	return out
}

// verdicts asks git about paths, which need not exist: the pattern that ignores each, or "".
func (o *oracle) verdicts() map[string]string {
	o.Helper()
	out := o.git(strings.Join(o.paths, "\x00")+"\x00", "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n")
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(fields) != 4*len(o.paths) {
		o.Fatalf("git said %d fields about %d paths", len(fields), len(o.paths))
	}
	verdict := map[string]string{}
	for f := range slices.Chunk(fields, 4) {
		if !strings.HasPrefix(f[2], "!") {
			verdict[f[3]] = f[2]
		}
	}
	return verdict
}

// One matcher lives through all rounds of changing rules, a second one watches a directory below
// the repository's top.
func TestMatch_saysWhatGitSays(t *testing.T) {
	for _, ignoreCase := range []bool{false, true} {
		t.Run(fmt.Sprint("ignoreCase=", ignoreCase), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 5))
			o := newOracle(t)
			o.grow(r)
			o.git("", "config", "core.ignoreCase", fmt.Sprint(ignoreCase))
			m, err := New(o.top, Options{Hidden: true})
			if err != nil {
				t.Fatal(err)
			}
			cases, ignored := 0, 0
			for round := range 300 {
				rules := map[string]string{}
				for range 1 + r.IntN(3) {
					dir := o.dirs[r.IntN(len(o.dirs))]
					if r.IntN(2) == 0 {
						dir = ""
					}
					rules[filepath.Join(dir, ".gitignore")] = randomRules(r)
					m.Forget(dir)
				}
				if r.IntN(3) == 0 {
					rules[".git/info/exclude"] = randomRules(r)
					m.Forget(".")
				}
				if r.IntN(3) == 0 {
					rules["../global"] = randomRules(r)
					m.Forget(".")
				}
				for file, text := range rules {
					write(t, filepath.Join(o.top, file), text)
				}
				below := o.dirs[1+r.IntN(len(o.dirs)-1)]
				sub, err := New(filepath.Join(o.top, below), Options{Hidden: true})
				if err != nil {
					t.Fatal(err)
				}
				verdicts := o.verdicts()
				for _, path := range o.paths {
					pattern := verdicts[path]
					want := In
					if pattern != "" {
						want = Out
						ignored++
					}
					cases++
					if got := m.Match(path, o.isDir[path]); got != want {
						t.Errorf("round %d: %q is %v, git has it by %q\nrules: %q", round, path, got, pattern, rules)
					}
					rel, inside := strings.CutPrefix(path, below+"/")
					if inside && verdicts[below] == "" {
						if got := sub.Match(rel, o.isDir[path]); got != want {
							t.Errorf("round %d: %q below %q is %v, git has it by %q", round, rel, below, got, pattern)
						}
					}
				}
				for file := range rules { // the next round starts clean
					if r.IntN(2) == 0 {
						write(t, filepath.Join(o.top, file), "")
						m.Forget(".")
					}
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d verdicts, %d ignored", cases, ignored)
		})
	}
}

// Every pattern of up to six of these bytes: where a "**" spans directories is a matter of what
// stands next to it.
func TestMatch_saysWhatGitSaysOfEveryShortPattern(t *testing.T) {
	patterns := []string{""}
	for from, length := 0, 0; length < 6; length++ {
		to := len(patterns)
		for _, p := range patterns[from:to] {
			for _, c := range `a*/\` {
				patterns = append(patterns, p+string(c))
			}
		}
		from = to
	}
	o := newOracle(t)
	for i, pattern := range patterns {
		dir := fmt.Sprintf("d%d", i)
		o.make(dir)
		write(t, filepath.Join(o.top, dir, ".gitignore"), pattern+"\n")
		for _, path := range []string{"a", "aa", "aaa", "a/a", "aa/a", "a/aa", "a/a/a", "aa/aa/a", "a*", "a\\a/a"} {
			o.paths = append(o.paths, dir+"/"+path)
		}
	}
	m, err := New(o.top, Options{})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := o.verdicts()
	for i, path := range o.paths {
		if got, want := m.Match(path, false) == Out, verdicts[path] != ""; got != want {
			t.Errorf("pattern %q: %q ignored %v, git says %v", patterns[i*len(patterns)/len(o.paths)], path, got, want)
		}
	}
}
