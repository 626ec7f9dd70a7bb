package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/cmd"
	"github.com/evshell/ev/internal/natstest"
)

// typedEv is the ev that the shells find: it writes the words that it is given to the file $words,
// and tells by descriptor 3 that everything is watched. With $once the COMMAND is run at once, and
// ev ends after it. With $dry there is no more to it than the words.
const typedEv = `#!/bin/sh
case $started$1 in
started*|completion) exec '%[1]s' "$@" ;;
esac
[ "$once" ] || printf '%%s\n' "$@" >>"$words"
[ "$dry" ] && echo >&3 && exit
case $1 in
ctl | emit) exec '%[1]s' "$@" ;;
esac
export started=started
watcher=$1
shift
exec '%[1]s' --ready-fd 3 "$watcher" $once "$@"
`

// untyped are the lines that a test can't type, by what they have in them.
var untyped = map[string]string{ //nolint:gochecknoglobals // a constant
	"--system":                "needs root, who becomes the users of the jobs",
	"nats:":                   "waits for a NATS server",
	"go install":              "needs the network",
	"go run .":                "is for a checkout",
	"go test ./...":           "is for a checkout",
	"systemd-socket-activate": "waits for a client",
}

// optional are the programs of lines that are about them; all others are on every machine.
var optional = []string{"curl", "git", "gofmt", "python3"} //nolint:gochecknoglobals // a constant

// TestHelp_canBeTyped types what the help, the manual and the README show, as it stands: each
// example in an empty directory, with nothing but what its earlier lines have made. It fails if ev
// refuses a line, or if a program or a file is missing. A line that waits is ended when everything
// is watched, and its COMMAND is run unless it needs a true event. Shells other than bash have to
// make the same words of the line.
func TestHelp_canBeTyped(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the lines are for Linux and its programs")
	}
	ev, err := exec.LookPath("ev")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := writeProgram(filepath.Join(bin, "ev"), fmt.Appendf(nil, typedEv, ev)); err != nil {
		t.Fatal(err)
	}
	for where, examples := range typedExamples(t) {
		for _, lines := range examples {
			t.Run(where+"/"+lines[len(lines)-1], func(t *testing.T) {
				t.Parallel()
				words := map[string]string{}
				for _, shell := range []string{"bash", "zsh", "fish"} {
					if _, err := exec.LookPath(shell); err != nil {
						t.Logf("there is no %s", shell)
						continue
					}
					y := newTypist(t, shell, bin)
					for _, line := range lines {
						y.enter(line)
					}
					words[shell] = y.words()
					if of, ok := words["bash"]; ok && words[shell] != of {
						t.Errorf("%s gives ev\n%s, and bash\n%s", shell, words[shell], of)
					}
				}
			})
		}
	}
}

// typedExamples returns the examples by where they are. An example is its lines; one that has a
// newline is an Evfile.
func typedExamples(t *testing.T) map[string][][]string {
	t.Helper()
	root := cmd.Root()
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	ev := `(?:` + strings.Join(names, "|") + `) `
	var (
		all     = regexp.MustCompile(`(?m)^  ([^ #\n].*)`)
		ofEv    = regexp.MustCompile(`(?m)^ {2,}(?:\$ )?((?:(?:nohup|sh) .*)?\bev ` + ev + `.*|CGO_.*|(?:echo|git|go|head|mkdir|printf|sh) .*)`)
		cell    = regexp.MustCompile("(?m)^\\|.*`((?:[a-z. ]*\\\\\\| )?ev " + ev + "[^`]+)`")
		evfile  = regexp.MustCompile(`(?m)(?:^ {2,4}(?:[a-z-]+: +` + ev + `|#|[A-Z_]+=).*\n)+`)
		comment = regexp.MustCompile(`(?m)^(?:  # .*)?\n`)
		heading = regexp.MustCompile(`(?m)^## .*`)
	)
	examples, seen := map[string][][]string{}, map[string]bool{}
	add := func(where, text string, typed ...*regexp.Regexp) {
		var lines []string
		for _, r := range typed {
			for _, m := range r.FindAllStringSubmatch(text, -1) {
				lines = append(lines, strings.ReplaceAll(m[1], `\|`, "|")) // in a table
			}
		}
		if key := strings.Join(lines, "\n"); lines != nil && !seen[key] {
			seen[key] = true
			examples[where] = append(examples[where], lines)
		}
	}
	addEvfiles := func(where, text string) {
		for _, file := range evfile.FindAllString(text, -1) {
			if strings.Contains(file, ": ") && strings.Count(file, "\n") > 1 {
				examples[where] = append(examples[where], []string{file})
			}
		}
	}
	for _, c := range append(root.Commands(), root) {
		for _, e := range cmd.Examples(c) {
			add(c.Name(), e, all)
		}
		typed := ofEv
		if c.Name() == "recipes" {
			typed = all
		}
		for _, section := range comment.Split(c.Long+"\n", -1) {
			add(c.Name(), section, typed)
		}
		addEvfiles(c.Name(), c.Long)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range heading.Split(string(readme), -1) {
		add("README.md", section, ofEv, cell)
	}
	addEvfiles("README.md", string(readme))
	return examples
}

// A typist enters lines into a shell, in a directory of their own.
type typist struct {
	t                  *testing.T
	shell, dir, record string
	env                []string
}

func newTypist(t *testing.T, shell, bin string) *typist {
	t.Helper()
	dir := t.TempDir()
	ports, err := natstest.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { killLeftovers(dir) })
	y := &typist{t: t, shell: shell, dir: dir, record: filepath.Join(t.TempDir(), "words")}
	y.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir, "XDG_CACHE_HOME="+t.TempDir(),
		"EV_SERVER=file:"+filepath.Join(t.TempDir(), "shared"), fmt.Sprintf("PORT=%d", ports[0]), "words="+y.record)
	if shell != "bash" {
		y.env = append(y.env, "dry=1")
	}
	return y
}

// words returns what the ev of all lines were given, but for PIDs.
func (y *typist) words() string {
	text, err := os.ReadFile(y.record)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a line may have no ev
		y.t.Error(err)
	}
	return regexp.MustCompile(`(?m)^\d{3,}$`).ReplaceAllString(string(text), "PID")
}

// enter types a line, and returns when it has ended, or else when it waits.
func (y *typist) enter(line string) {
	y.t.Helper()
	line = port.ReplaceAllString(line, "$1:0")
	line = server.ReplaceAllString(line, "")
	for part, why := range untyped {
		if strings.Contains(line, part) {
			y.t.Logf("%s: %s", line, why)
			return
		}
	}
	for _, program := range optional {
		if _, err := exec.LookPath(program); err != nil && strings.Contains(line, program+" ") {
			y.t.Skipf("needs %s", program)
		}
	}
	if pressure := "/proc/pressure/cpu"; strings.Contains(line, pressure) {
		if _, err := os.Stat(pressure); err != nil {
			y.t.Skip(err)
		}
	}
	if strings.Contains(line, "\n") {
		if err := os.WriteFile(filepath.Join(y.dir, "Evfile"), []byte(line), 0o600); err != nil {
			y.t.Fatal(err)
		}
		line = "ev run"
	}
	if m := completion.FindStringSubmatch(line); m != nil && m[1] != y.shell {
		return
	}
	y.run(line, false)
	if y.shell == "bash" && anyEvent.MatchString(line) && !itsEvent.MatchString(line) {
		y.run(line, true)
	}
}

var (
	port       = regexp.MustCompile(`(on-http |0\.0\.0\.0|tcp-listen:localhost):\d+`) // others have those ports
	server     = regexp.MustCompile(`(?m)^ *EV_SERVER=.*\n`)                          // there is none, and files do
	completion = regexp.MustCompile(`completion (\w+)`)
	anyEvent   = regexp.MustCompile(`^ev (every|on-signal|probe|stat|timer) .*( -- | -c )[^{]*$`)
	itsEvent   = regexp.MustCompile(`--(at|if|now|once|until)`)
	missing    = regexp.MustCompile(`(?i)no such file|not found|cannot open|unknown command`)
)

// run has the shell run a line, as it stands or, for ev to act at once, with --now --once.
func (y *typist) run(line string, once bool) {
	y.t.Helper()
	readable, ready, err := os.Pipe()
	if err != nil {
		y.t.Fatal(err)
	}
	defer readable.Close()
	messages, err := os.Create(filepath.Join(y.t.TempDir(), "messages"))
	if err != nil {
		y.t.Fatal(err)
	}
	defer messages.Close()
	ctx, cancel := context.WithTimeout(y.t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, y.shell, "-c", line)
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Dir, c.Env = y.dir, y.env
	if once {
		c.Env = slices.Concat(y.env, []string{"once=--now --once"})
	}
	c.Stdin = strings.NewReader("ERROR a line\n")
	c.Stderr, c.ExtraFiles = messages, []*os.File{ready}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		y.t.Fatal(err)
	}
	ready.Close()
	watched, ended := make(chan error, 1), make(chan struct{})
	_ = readable.SetReadDeadline(time.Now().Add(patience))
	go func() {
		_, err := io.ReadFull(readable, make([]byte, 1))
		watched <- err
	}()
	go func() {
		_ = c.Wait() // its status is in c
		close(ended)
	}()

	background := strings.HasSuffix(line, "&")
	select {
	case <-ended:
		if background {
			if err := <-watched; err != nil {
				y.t.Errorf("%s: it does not wait: %v", line, err)
			}
		}
	case err := <-watched:
		if err == nil && !once {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
		}
		<-ended
	}
	said, readErr := os.ReadFile(messages.Name())
	if readErr != nil {
		y.t.Fatal(readErr)
	}
	switch code := c.ProcessState.ExitCode(); {
	case ctx.Err() != nil, code == 2, code == 125, code == 126, code == 127, once && code != 0, missing.Match(said):
		y.t.Errorf("%s: it ends with %d, and says\n%s", line, code, bytes.TrimSpace(said))
	}
}
