package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamples_commands has ev check the commands that the examples for containers give it, and the
// Evfiles that these name. They are lists of words, as JSON has them.
func TestExamples_commands(t *testing.T) {
	list := regexp.MustCompile(`\["[^]]*"\]`)
	checked := 0
	err := filepath.WalkDir("examples", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".ev" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range list.FindAllString(string(text), -1) {
			var words []string
			if err := json.Unmarshal([]byte(match), &words); err != nil {
				t.Errorf("%s: %s is no list of words: %v", path, match, err)
				continue
			}
			if filepath.Base(words[0]) == "ev" {
				words = words[1:]
			}
			switch {
			case words[0] == "run":
				evfile := filepath.Base(words[len(words)-1])
				words[len(words)-1] = filepath.Join(t.TempDir(), evfile)
				if err := os.WriteFile(words[len(words)-1], evfileOf(t, path, string(text), evfile), 0o600); err != nil {
					return err
				}
				words = append(words, "--check")
			case strings.Contains(words[0], ":"): // a port, or what else is no command
				continue
			case words[0] == "ctl":
				words[2] = filepath.Join(t.TempDir(), "sock")
			default:
				words = []string{"run", "--check", "-e", "'" + strings.Join(words, "' '") + "'"}
			}
			checked++
			out, err := exec.CommandContext(t.Context(), "ev", words...).CombinedOutput()
			if words[0] == "ctl" && strings.Contains(string(out), "no ev run listens there") {
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", path, match, err, out)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 7 {
		t.Errorf("%d commands were found, which can't be all", checked)
	}
}

// evfileOf returns an Evfile that an example names: a file beside it, or an entry of its ConfigMap.
func evfileOf(t *testing.T, example, text, name string) []byte {
	t.Helper()
	entry := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(name) + `: \|\n((?:    .*\n|\n)+)`).FindStringSubmatch(text)
	if entry != nil {
		return []byte(strings.ReplaceAll("\n"+entry[1], "\n    ", "\n"))
	}
	beside, err := os.ReadFile(filepath.Join(filepath.Dir(example), name))
	if err != nil {
		t.Fatal(err)
	}
	return beside
}
