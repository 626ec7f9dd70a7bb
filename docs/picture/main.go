// Picture draws docs/terminal.svg and docs/terminal-dark.svg, the README's picture: what a terminal
// shows while ev runs. It runs ev for that, and is run in the module's root:
//
//	go run ./docs/picture
//
// Times differ in each run, and so they are replaced; what else differs in the files is a change of
// what ev prints.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"
)

const columns = 84

// A scene is one command line, and what happens while it runs.
type scene struct {
	line  string
	acts  []act
	times []string // in place of those that are printed
}

// An act is done once the command has printed a text since the last act.
type act struct {
	after string
	do    func(terminal *os.File) error
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("picture: ")
	dir, err := os.MkdirTemp("", "picture")
	if err == nil {
		err = draw(dir)
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func draw(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "bin")+"/", ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	hello := filepath.Join(dir, "hello")
	write := func(name, text string) func(*os.File) error {
		return func(*os.File) error { return os.WriteFile(filepath.Join(hello, name), []byte(text), 0o600) }
	}
	if err := os.Mkdir(hello, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"go.mod": "module hello\n\ngo 1.24\n", "main.go": program("hello %s"),
		"Evfile": evfile, "web.sh": "echo listening on :8080\nexec sleep 1000\n",
	} {
		if err := write(name, text)(nil); err != nil {
			return err
		}
	}
	var screen []string
	for _, s := range []scene{
		{
			line: "ev stat -r . --ext go -- go vet ./...",
			acts: []act{
				{"watching", write("main.go", program("hello %d"))},
				{"exited 1", write("main.go", program("hello %s"))},
				{"ok, ", interrupt},
			},
			times: []string{"291ms", "206ms"},
		},
		{
			line:  "ev every 'Mon..Fri 09:00' --tz Europe/Berlin --after 2027-03-26 --next 2",
			times: []string{"116d17h", "119d16h"},
		},
		{line: "cat Evfile"},
		{
			line:  "ev run --prefix",
			acts:  []act{{"listening", nothing}, {"ok, ", interrupt}},
			times: []string{"148ms"},
		},
	} {
		lines, err := play(ctx, dir, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.line, err)
		}
		screen = append(screen, lines...)
	}
	for name, p := range palettes() {
		if err := os.WriteFile(filepath.Join("docs", name), svg(screen, p), 0o644); err != nil { //nolint:gosec // for everyone
			return err
		}
	}
	return nil
}

const evfile = `check: stat -r . --ext go --now -- go vet ./...
web:   on-exit --child 'sh web.sh' --respawn=on-failure
clean: every 03:00 --tz Europe/Berlin -c 'rm -f *.test'
`

func program(format string) string {
	return "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Printf(\"" + format + "\\n\", \"world\") }\n"
}

func nothing(*os.File) error { return nil }

func interrupt(terminal *os.File) error {
	_, err := terminal.WriteString("\x03")
	return err
}

// play runs a scene in a terminal, and returns the lines that are on it then.
func play(ctx context.Context, dir string, s scene) ([]string, error) {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", s.line)
	c.Dir = filepath.Join(dir, "hello")
	c.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TERM=xterm", "TZ=UTC", "NO_COLOR=")
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: columns})
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	var out []byte
	seen := 0
	for buffer := make([]byte, 4096); ; {
		n, err := terminal.Read(buffer)
		out = append(out, buffer[:n]...)
		for len(s.acts) > 0 {
			at := bytes.Index(out[seen:], []byte(s.acts[0].after))
			if at < 0 {
				break
			}
			seen += at + len(s.acts[0].after)
			if err := s.acts[0].do(terminal); err != nil {
				return nil, err
			}
			s.acts = s.acts[1:]
		}
		if err != nil { // EIO on Linux: the last who had the terminal has gone
			break
		}
	}
	_ = c.Wait()
	if len(s.acts) > 0 {
		return nil, fmt.Errorf("%q has not come: %s", s.acts[0].after, out)
	}
	found := regexp.MustCompile(`(after |ok, |\t)(-?\d+(\.\d+)?[dhmsµn]+)+`)
	text := found.ReplaceAllStringFunc(string(out), func(match string) string {
		if len(s.times) == 0 {
			return match
		}
		before, text := found.FindStringSubmatch(match)[1], s.times[0]
		s.times = s.times[1:]
		return before + text
	})
	if len(s.times) > 0 {
		return nil, fmt.Errorf("there are fewer times than %s: %s", s.times, out)
	}
	text = strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n")
	return append([]string{"\x1b[2m$\x1b[0m \x1b[1m" + s.line + "\x1b[0m"}, strings.Split(text, "\n")...), nil
}
