package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocs_commandsAreUnderstood has ev check each of its command lines in docs/: words, flags,
// values, schedules. Programs and files are stand-ins, and nothing is started.
func TestDocs_commandsAreUnderstood(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || pages == nil {
		t.Fatal("no pages", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(text)) {
			t.Run(filepath.Base(page)+"/"+line, func(t *testing.T) {
				t.Parallel()
				checkCommandLine(t, line)
			})
		}
	}
}

// commandLines returns what follows each ev in the code of a page, up to the end of that command.
func commandLines(page string) []string {
	code := regexp.MustCompile("(?s)```sh\n(.*?)\n```|`([^`\n]+)`")
	start := regexp.MustCompile(`(?:^|\| |&& |nohup |[A-Z]+=\S+ )ev ([a-z].*)`)
	var lines []string
	for _, m := range code.FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(m[1]+m[2], `\|`, "|") // in a table
		for s := start.FindStringSubmatch(text); s != nil; s = start.FindStringSubmatch(text) {
			line := simpleCommand(s[1])
			lines = append(lines, line)
			text = s[1][len(line):]
		}
	}
	return lines
}

// simpleCommand returns the part of a shell's line before the first operator.
func simpleCommand(line string) string {
	quote := rune(0)
	for i, r := range line {
		switch {
		case quote == 0 && strings.ContainsRune("|&;<>", r):
			return strings.TrimSuffix(strings.TrimSpace(line[:i]), " 2") // 2>
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
	}
	return line
}

func checkCommandLine(t *testing.T, line string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	programs := regexp.MustCompile(`(?:-- |--(?:child|cmd|on-failure|on-success|schedule-command) \\?["']?)([./\w-]+)`)
	for _, m := range programs.FindAllStringSubmatch(line, -1) {
		if err := writeProgram(filepath.Join(dir, filepath.Base(m[1])), []byte("#!/bin/sh\n")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"secret", "tokens"} {
		write(name, "0123456789abcdef0123456789abcdef\n")
	}
	write("mycrontab", "0 3 * * * backup\n")
	write("Procfile", "web: ./web\nworker: ./worker\n")
	write("dev.env", "A=b\n")
	write("Evfile", "timer 1\n")

	var checked string
	watcher, _, _ := strings.Cut(line, " ")
	switch {
	case strings.Contains(line, " --next ") || strings.Contains(line, " --list") || strings.Contains(line, " --print-evfile") || watcher == "help":
		checked = "ev " + line // starts nothing
	case watcher == "run":
		checked = "ev " + line + " --check"
	case watcher == "ctl" || watcher == "emit":
		checked = "ev " + line + " --help"
	default:
		write("Evfile", line+"\n")
		checked = "ev run --check Evfile"
	}
	c := exec.CommandContext(t.Context(), "/bin/sh", "-c", "exec "+checked)
	c.Stdin = strings.NewReader("a.c\n") // the paths of stat -
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+dir)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("ev %s: %v\n%s", line, err, out)
	}
}

// TestDocs_linksLeadSomewhere follows the links of docs/ to other files, and wants each page and
// each example to be on its index.
func TestDocs_linksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{"docs/README.md": true}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join("docs", m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			linked[target] = linked[target] || page == "docs/README.md"
		}
	}
	examples, err := filepath.Glob("examples/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(pages, examples...) {
		if !linked[file] {
			t.Errorf("docs/README.md has no link to %s", file)
		}
	}
}

// TestDocs_manualAsHTML has docs/html write the manual pages, which link to each other.
func TestDocs_manualAsHTML(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("needs mandoc")
	}
	dir := t.TempDir()
	for _, folder := range []string{"docs", "man"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(dir, "docs/html"))
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "docs/man/*.html"))
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{"index.html": true}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`href="([^"#]+)"`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(dir, "docs/man", m[1])); err != nil {
				t.Errorf("%s: %v", filepath.Base(page), err)
			}
			linked[m[1]] = linked[m[1]] || filepath.Base(page) == "index.html"
		}
	}
	manual, err := filepath.Glob("man/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) != len(manual)+1 {
		t.Errorf("%d pages of %d", len(pages)-1, len(manual))
	}
	for _, page := range pages {
		if !linked[filepath.Base(page)] {
			t.Errorf("the index has no link to %s", filepath.Base(page))
		}
	}
}
