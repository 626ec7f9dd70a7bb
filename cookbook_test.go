package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// standIn is the ev that a recipe finds: ev itself, which tells the script by the file .ready that
// everything is watched, and by .pid which process it is.
const standIn = `#!/bin/sh
case $1 in
ctl | emit) exec '%[1]s' "$@" ;;
esac
echo $$ >.pid
exec '%[1]s' --ready-fd 9 "$@" 9>.ready
`

// TestCookbook runs each recipe of docs/cookbook.md, by a script in testdata/cookbook whose name is
// the recipe's heading. A script has the commands of TestScript, and
//
//	recipe [OLD=>NEW]...   write recipe.sh: the line as it stands, but NEW for each OLD, which has
//	                       to be in it
//
// so that a script says what it makes of the line: a shorter time, a socket in place of a port. The
// programs in the script's bin/ come before those of the machine.
func TestCookbook(t *testing.T) {
	const dir = "testdata/cookbook"
	recipes := cookbook(t)
	ev, err := exec.LookPath("ev")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(dir + "/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		if name := strings.TrimSuffix(filepath.Base(s), ".txtar"); recipes[name] == "" {
			t.Errorf("%s is about no recipe: the name is its heading", s)
		}
	}
	if len(scripts) < len(recipes) {
		for name := range recipes {
			if _, err := os.Stat(filepath.Join(dir, name+".txtar")); err != nil {
				t.Errorf("no script runs the recipe: %v", err)
			}
		}
	}
	p := scriptParams(t, dir)
	p.Cmds["recipe"] = func(ts *testscript.TestScript, neg bool, args []string) {
		line := recipes[ts.Name()]
		for _, a := range args {
			from, to, ok := strings.Cut(a, "=>")
			if neg || !ok || !strings.Contains(line, from) {
				ts.Fatalf("%q is not OLD=>NEW with an OLD of the recipe: %s", a, line)
			}
			line = strings.ReplaceAll(line, from, to)
		}
		if strings.HasPrefix(line, "ev ") { // signals are for ev, not for a shell
			line = "exec " + line
		}
		ts.Check(os.WriteFile(ts.MkAbs("recipe.sh"), []byte(line+"\n"), 0o600))
	}
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		bin := filepath.Join(e.WorkDir, "bin")
		if err := os.MkdirAll(bin, 0o700); err != nil {
			return err
		}
		programs, err := os.ReadDir(bin)
		if err != nil {
			return err
		}
		for _, program := range programs {
			name := filepath.Join(bin, program.Name())
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if err := writeProgram(name, text); err != nil {
				return err
			}
		}
		if err := writeProgram(filepath.Join(bin, "ev"), fmt.Appendf(nil, standIn, ev)); err != nil {
			return err
		}
		e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
		return setup(e)
	}
	testscript.Run(t, p)
}

// TestCookbook_isFoundInTwoSteps: 'ev --help' names the watchers of each recipe, and the help of a
// watcher has each of its flags, and what an address of the recipe begins with.
func TestCookbook_isFoundInTwoSteps(t *testing.T) {
	var (
		ofRun  = regexp.MustCompile(` -e '(?:\w+: )?([^']*)'`)
		quoted = regexp.MustCompile(`'[^']*'|"(?:\\.|[^"])*"`)
		flag   = regexp.MustCompile(` (--?[a-z][a-z-]*)`)
		scheme = regexp.MustCompile(`[ =]([a-z-]+:)[^ ]`)
	)
	for name, recipe := range cookbook(t) {
		lines := commandLines("```sh\n" + recipe + "\n```\n")
		for _, line := range ofRun.FindAllStringSubmatch(recipe, -1) {
			lines = append(lines, line[1])
		}
		if len(lines) == 0 {
			t.Errorf("%s: no command line of ev", name)
		}
		for _, line := range lines {
			line, _, _ = strings.Cut(quoted.ReplaceAllString(line, ""), " -- ")
			watcher, _, _ := strings.Cut(line, " ")
			if !regexp.MustCompile(`(?m)^  ` + watcher + ` `).MatchString(helpOf(t)) {
				t.Errorf("%s: ev --help does not name %s", name, watcher)
			}
			page := helpOf(t, watcher)
			for _, m := range flag.FindAllStringSubmatch(line, -1) {
				if !regexp.MustCompile(`(?m)^  (-\w, |    )?` + m[1] + `\b`).MatchString(page) {
					t.Errorf("%s: the help of %s has no %s", name, watcher, m[1])
				}
			}
			for _, m := range scheme.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(page, m[1]) {
					t.Errorf("%s: the help of %s has no %s", name, watcher, m[1])
				}
			}
		}
	}
}

// helpOf returns what --help says of the words.
func helpOf(t *testing.T, words ...string) string {
	t.Helper()
	out, err := command(t, append(words, "--help")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// writeProgram writes a program that can be executed at once. A process that another test forks
// meanwhile has the file open for writing for a while, and until then it is busy (ETXTBSY).
func writeProgram(name string, text []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o700)
}

// cookbook returns the command lines of docs/cookbook.md by their headings, in lower case and with
// a dash for each blank.
func cookbook(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	recipes := map[string]string{}
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		heading, rest, _ := strings.Cut(section, "\n")
		blocks := regexp.MustCompile("(?s)```sh\n(.*?)\n```\n").FindAllStringSubmatch(rest, -1)
		if len(blocks) != 1 || strings.Contains(blocks[0][1], "\n") {
			t.Fatalf("%q does not have one command line", heading)
		}
		name := strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(strings.ToLower(heading))
		if recipes[name] != "" {
			t.Fatalf("there are two recipes %q", heading)
		}
		recipes[name] = blocks[0][1]
	}
	return recipes
}
