package gen

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/evshell/ev/cmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ev": func() { os.Exit(cmd.Main(os.Args[1:])) }})
}

// TestCompletion types lines into shells and looks at what they make of them. A line's last word is
// what is completed.
func TestCompletion(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	tests := []struct {
		name, line string
		want       []string
		meaning    string // shown along with the words
	}{
		{"watchers", "ev ti", []string{"timer"}, ""},
		{"flags", "ev timer 5 --rep", []string{"--repeat"}, ""},
		{"values of flags", "ev timer 5 --on-busy s", []string{"skip", "signal="}, "no run"},
		{"signals of flags", "ev timer 5 --stop-signal US", []string{"USR1", "USR2"}, "free for any use"},
		{"signals", "ev on-signal T", []string{"TERM", "TTIN", "TTOU"}, "terminate: please end"},
		{"processes", "ev on-exit " + pid[:len(pid)-1], []string{pid}, ""},
		{"time zones", "ev every 1h --tz Europe/Berl", []string{"Europe/Berlin"}, ""},
		{"files", "ev stat evening", []string{"evening.txt"}, ""},
		{"after a quoted schedule", "ev every '0 9 * * 1-5' --tz Europe/Berl", []string{"Europe/Berlin"}, ""},
		{"commands", "ev timer 5 -- evok", []string{"evoke"}, ""},
		{"a command's own words", "ev timer 5 -- evoke al", []string{"alpha", "alto"}, ""},
		{"a command's files", "ev timer 5 -- cat -n evening", []string{"evening.txt"}, ""},
	}
	for shell, start := range map[string]func(*testing.T, string) completer{"bash": bash, "zsh": zsh, "fish": fish} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("needs " + shell)
			}
			complete := start(t, playground(t))
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					got := complete(t, tt.line, tt.meaning)
					for _, want := range tt.want {
						if !slices.Contains(got, want) {
							t.Errorf("%s\nis completed with %q; want %q", tt.line, got, tt.want)
						}
					}
				})
			}
		})
	}
}

// A completer returns the words that a line's last word may become. If a meaning is given, it has
// to be shown with them.
type completer func(t *testing.T, line, meaning string) []string

// playground returns a folder with the scripts for completion, a file, and a command on PATH.
func playground(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	scripts, err := completion(cmd.Root())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		write(t, filepath.Join(dir, filepath.Base(s.Path)), string(s.Text), 0o644)
	}
	write(t, filepath.Join(dir, "evening.txt"), "", 0o644)
	write(t, filepath.Join(dir, "bin", "evoke"), "#!/bin/sh\n", 0o755)
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	return dir
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// fish says by itself how it would complete a line.
func fish(_ *testing.T, dir string) completer {
	return func(t *testing.T, line, meaning string) []string {
		t.Helper()
		const script = `source ev.fish; complete -c evoke -f -a 'alpha alto'; complete -C $argv[1]`
		c := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", script, line)
		c.Dir, c.Env = dir, append(os.Environ(), "HOME="+dir)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), meaning) {
			t.Errorf("%q does not show %q", out, meaning)
		}
		var words []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			words = append(words, word)
		}
		return words
	}
}

func bash(t *testing.T, dir string) completer {
	t.Helper()
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); err != nil {
		t.Skip("needs bash-completion")
	}
	write(t, filepath.Join(dir, ".bashrc"), `
source `+library+`
source ev.bash
complete -W 'alpha alto' evoke
bind 'set completion-query-items 0' 'set page-completions off' 'set enable-bracketed-paste off'
bind '"\C-o": possible-completions' '"\C-t": insert-completions'
tell() { printf '%s\n' "$READLINE_LINE" >&3; READLINE_LINE=; }
bind -x '"\C-g": tell'
PS1='ready> '
`, 0o644)
	return interactive(t, dir, "bash", "--noprofile", "--rcfile", ".bashrc", "-i")
}

func zsh(t *testing.T, dir string) completer {
	t.Helper()
	write(t, filepath.Join(dir, ".zshrc"), `
fpath=($PWD $fpath)
autoload -U compinit && compinit -D -u
_evoke() { compadd alpha alto; }
compdef _evoke evoke
LISTMAX=10000
every() { _main_complete; compstate[insert]=all; }
zle -C every complete-word every
tell() { print -r -- "$BUFFER" >&3; BUFFER=; }
zle -N tell
bindkey -e
bindkey '^O' list-choices '^T' every '^G' tell
PS1='ready> '
`, 0o644)
	return interactive(t, dir, "zsh", "-d", "-i")
}

// interactive starts a shell on a terminal. Its keys are Control-O, which lists the words that the
// last word may become, Control-T, which puts all of them in its place, and Control-G, which writes
// the line to descriptor 3 and clears it.
func interactive(t *testing.T, dir, shell string, args ...string) completer {
	t.Helper()
	line, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	c := exec.CommandContext(ctx, shell, args...)
	c.Dir, c.ExtraFiles = dir, []*os.File{tell}
	c.Env = append(os.Environ(), "HOME="+dir, "ZDOTDIR="+dir, "TERM=vt100", "INPUTRC=/dev/null", "LC_ALL=C.UTF-8")
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		cancel()
		t.Skip("needs a pseudo-terminal: ", err)
	}
	_ = tell.Close()
	t.Cleanup(func() {
		cancel()
		_ = c.Wait()
		_ = terminal.Close()
		_ = line.Close()
	})
	press := func(t *testing.T, keys string) {
		t.Helper()
		if _, err := terminal.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	// The shell can write no more than the terminal holds until it is read.
	shown := make(chan byte, 1<<20)
	go func() {
		defer close(shown)
		screen := bufio.NewReader(terminal)
		for b, err := screen.ReadByte(); err == nil; b, err = screen.ReadByte() {
			shown <- b
		}
	}()
	await := func(t *testing.T, text string) {
		t.Helper()
		var screen bytes.Buffer
		for b := range shown {
			screen.WriteByte(b)
			if bytes.HasSuffix(screen.Bytes(), []byte(text)) {
				return
			}
		}
		t.Fatalf("%q is never shown, but\n%s", text, screen.Bytes())
	}
	await(t, "ready> ")
	lines := bufio.NewReader(line)
	return func(t *testing.T, line, meaning string) []string {
		t.Helper()
		press(t, line)
		if meaning != "" {
			press(t, "\x0f")
			await(t, meaning)
		}
		press(t, "\x14\x07")
		whole, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		before := line[:strings.LastIndex(line, " ")]
		after, ok := strings.CutPrefix(whole, before)
		if !ok {
			t.Fatalf("%q became %q", line, whole)
		}
		return strings.Fields(after)
	}
}
