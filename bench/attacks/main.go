// Attacks sends bytes that no friendly client sends to 'ev on-http', and looks at what comes of
// them: the answers, and the events that it prints. A case says what must not happen, for whichever
// reason it does not; so a server that refuses more than it must passes, too.
//
//	go run ./attacks -ev ../ev [-v]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/evshell/ev/bench/tool"
)

// An attack is what is sent on one connection.
type attack struct {
	name string
	raw  string
	// events is how many there may be at most, and least how many there must be.
	least, events int
	// wrong says what is wrong with an event; nil: nothing can be.
	wrong func(event map[string]any) string
}

// A target is an ev with its flags, and what it is attacked by.
type target struct {
	name    string
	flags   []string
	attacks []attack
}

const patience = 20 * time.Second

func main() {
	ev := flag.String("ev", "ev", "the program")
	verbose := flag.Bool("v", false, "show each case")
	flag.Parse()
	dir, err := os.MkdirTemp("", "ev-attacks-")
	tool.Must(err)
	defer os.RemoveAll(dir)
	cases, faults := 0, 0
	for _, t := range targets(dir) {
		n, bad, err := t.run(*ev, dir, *verbose)
		if err != nil {
			tool.Must(fmt.Errorf("%s: %w", t.name, err))
		}
		cases, faults = cases+n, faults+bad
	}
	fmt.Printf("%d attacks, %d of which came through\n", cases, faults)
	if faults > 0 {
		_ = os.RemoveAll(dir)
		os.Exit(1) //nolint:gocritic // what is deferred is done
	}
}

// run starts an ev, attacks it, and ends it: it must be there still.
func (t *target) run(ev, dir string, verbose bool) (cases, faults int, err error) {
	socket := filepath.Join(dir, "s")
	c := exec.Command(ev, append([]string{"on-http", "unix:" + socket, "--json", "--ready-fd", "3"}, t.flags...)...)
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	ready, told, err := os.Pipe()
	if err != nil {
		return 0, 0, err
	}
	c.ExtraFiles = []*os.File{told}
	if err := c.Start(); err != nil {
		return 0, 0, err
	}
	_ = told.Close()
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		return 0, 0, errors.New("it has not started")
	}
	events := make(chan map[string]any, 1000)
	go func() {
		defer close(events)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var e map[string]any
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				e = map[string]any{"path": "no JSON: " + lines.Text()}
			}
			events <- e
		}
	}()
	for i, a := range t.attacks {
		answers, err := send(socket, a.raw)
		if err != nil {
			return cases, faults, fmt.Errorf("%s: %w", a.name, err)
		}
		// What was printed before this is the attack's: requests are printed in turn.
		mark := fmt.Sprintf("/mark/%d", i)
		if _, err := send(socket, "POST "+mark+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\nContent-Length: 4\r\n\r\nnull"); err != nil {
			return cases, faults, fmt.Errorf("after %s: %w", a.name, err)
		}
		var got []map[string]any
		for e := range until(events, mark) {
			got = append(got, e)
		}
		why := a.judge(answers, got)
		cases++
		if why != "" {
			faults++
			fmt.Printf("%s: %s: %s\n\tsent    %.300q\n\tanswers %.300q\n", t.name, a.name, why, a.raw, answers)
		} else if verbose {
			fmt.Printf("%s: %s: %d events, %.60q\n", t.name, a.name, len(got), answers)
		}
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		return cases, faults, errors.New("it has ended")
	}
	_ = c.Wait()
	return cases, faults, nil
}

// until yields the events up to that of a path.
func until(events <-chan map[string]any, path string) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		for {
			select {
			case e, ok := <-events:
				if !ok || e["path"] == path || !yield(e) {
					return
				}
			case <-time.After(patience):
				yield(map[string]any{"path": "nothing is printed any more"})
				return
			}
		}
	}
}

// judge says what is wrong, "" if nothing is.
func (a *attack) judge(answers string, events []map[string]any) string {
	if len(events) > a.events {
		return fmt.Sprintf("%d events, and there may be %d: %v", len(events), a.events, events)
	}
	if len(events) < a.least {
		return fmt.Sprintf("%d events, and there should be %d", len(events), a.least)
	}
	if n := strings.Count(answers, " 204 No Content\r\n"); n != len(events) {
		return fmt.Sprintf("%d events, and %d that were told so", len(events), n)
	}
	if strings.Contains(answers, "HTTP/1.1 500") || strings.Contains(answers, "panic") {
		return "it was too much for the server"
	}
	for _, e := range events {
		if a.wrong == nil {
			continue
		}
		if why := a.wrong(e); why != "" {
			return why
		}
	}
	return ""
}

// send sends bytes, ends its sending, and reads to the end.
func send(socket, raw string) (string, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	go func() {
		_, _ = io.WriteString(c, raw)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	answers, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", errors.New("it hangs")
	}
	return string(answers), nil
}
