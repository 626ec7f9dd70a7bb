// Tests reads what go test -json prints. It shows how each package did, and all that
// was printed by the tests that failed. To the file that its argument names it
// writes which tests were skipped, with the reason, and how many there were.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

// An event is a line of go test -json: see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go test -json ./... | go run .ci/tests.go REPORT")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(path string) error {
	report, err := os.Create(path)
	if err != nil {
		return err
	}
	said := map[event][]string{} // by package and test
	count := map[string]int{}    // of tests, by action
	for events := json.NewDecoder(os.Stdin); ; {
		var e event
		if err := events.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("this is not what go test -json prints: %w", err)
		}
		who := event{Package: e.Package, Test: e.Test}
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "output":
			said[who] = append(said[who], e.Output)
		case "pass", "fail", "skip":
			lines := said[who]
			delete(said, who)
			if e.Test != "" {
				count[e.Action]++
			}
			switch {
			case e.Action == "fail" && e.Test == "":
				for unended, lines := range said { // by the time limit
					if unended.Package == e.Package {
						fmt.Print(strings.Join(lines, ""))
					}
				}
				fallthrough
			case e.Action == "fail":
				fmt.Print(strings.Join(lines, ""))
			case e.Test == "":
				fmt.Print(lines[len(lines)-1])
			case e.Action == "skip":
				fmt.Fprintf(report, "skipped: %s %s: %s\n", e.Package, e.Test, reason(lines))
			}
		}
	}
	fmt.Fprintf(report, "%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	return report.Close()
}

// reason returns what a test said last, besides that it was skipped.
func reason(lines []string) string {
	last := ""
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			last = line
		}
	}
	return last
}
