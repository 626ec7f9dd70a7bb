package cmd

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/evfile/crontab"
	"github.com/evshell/ev/schedule"
)

// The crontabs of Debian's packages mean what their authors meant. What is due is in the comment
// above each job.
func TestCrontab_ofDebian(t *testing.T) {
	const path = "testdata/debian.crontab"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, errs := crontab.Parse(path, text, true)
	if errs != nil || len(f.Notes) > 0 {
		t.Fatal(errs, f.Notes)
	}
	written := strings.Split(string(text), "\n")
	lines := f.Lines(crontab.Options{
		Owner: "root", Home: func(string) string { return "" }, Exists: func(string) bool { return false },
		Taken: func(string) bool { return false },
	})
	if len(lines) < 20 {
		t.Errorf("there are %d jobs in it", len(lines))
	}
	for _, l := range lines {
		words := l.Args()
		comment := written[l.Words[0].Line-2]
		_, want, _ := strings.Cut(comment, ": ")
		got := "boot"
		if words[0] == "every" {
			s, err := schedule.Parse(words[1], schedule.Options{Zone: time.UTC})
			if err != nil {
				t.Errorf("%s: %v", comment, err)
				continue
			}
			due := time.Date(2026, 11, 29, 9, 0, 30, 0, time.UTC)
			var list []string
			for range 2 {
				due, _ = s.Next(due)
				list = append(list, due.Format("01-02T15:04"))
			}
			got = strings.Join(list, " ")
		}
		if got != want {
			t.Errorf("%s: %q is due at %s", comment, words, got)
		}
	}
}
