package action

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
)

func TestCheckArgs(t *testing.T) {
	text := "x"
	line := event.Event{Detail: event.FD{Line: &text, Groups: []event.Group{{Name: "1"}, {Name: "user-id"}}}}
	const (
		inScript  = "would be read as code"
		asCommand = "no event chooses what runs"
		asOptions = "would be read as options of sh"
	)
	for _, tt := range []struct {
		argv string // words between spaces, _ for a space in one
		want string // in the error; none: it is fine
	}{
		{"echo {line} {} {1} {user-id}", ""},
		{"{line}", asCommand},
		{"echo {lines...} {ready...}", ""},
		{"{lines...}", asCommand},
		{"sh -c {lines...}", inScript},
		{"sh {lines...}", asOptions},
		{"env sh -x {lines...}", asOptions},
		{"sh -- {lines...}", ""},
		{"sh -c true sh {lines...}", ""},
		{"sh script {lines...}", ""},
		{"./{}.sh x", asCommand},
		{"{nothing} {line}", ""},
		{"sh -c rm_{line}", inScript},
		{"/bin/sh -c rm_{}", inScript},
		{"sh -c rm_{1}", inScript},
		{"sh -c rm_${line}", ""},
		{"sh -c rm_\"$EV_LINE\"", ""},
		{"sh -c rm_\"$1\" sh {line}", ""},
		{"sh -c true -x {line}", ""},
		{"sh script {line}", ""},
		{"sh {line}", ""},
		{"sh -e script -x {line}", ""},
		{"sh -ec rm_{line}", inScript},
		{"sh -ce rm_{line}", inScript},
		{"sh -c -e rm_{line}", inScript},
		{"sh -e -c rm_{line}", inScript},
		{"sh -c -- rm_{line}", inScript},
		{"sh -c - rm_{line}", inScript},
		{"sh -- {line}", ""},
		{"sh +e -c rm_{line}", inScript},
		{"sh -c", ""},
		{"sh -c --", ""},
		{"bash -o pipefail -c rm_{line}", inScript},
		{"bash -eo pipefail -c rm_{line}", inScript},
		{"bash -co pipefail rm_{line}", inScript},
		{"bash -c -o pipefail rm_{line}", inScript},
		{"bash -O extglob -c rm_{line}", inScript},
		{"bash --norc -c rm_{line}", inScript},
		{"bash --rcfile file -c rm_{line}", inScript},
		{"bash -c --rcfile file rm_{line}", inScript},
		{"bash --norc script {line}", ""},
		{"bash-5.2 -c rm_{line}", inScript},
		{"-bash -c rm_{line}", inScript},
		{"dash -c rm_{line}", inScript},
		{"zsh -fc rm_{line}", inScript},
		{"ksh93 -c rm_{line}", inScript},
		{"fish -c rm_{line}", inScript},
		{"fish -crm_{line}", inScript},
		{"fish --command rm_{line}", inScript},
		{"fish --command=rm_{line}", inScript},
		{"fish -C init -c rm_{line}", inScript},
		{"fish --init-command rm_{line} script", inScript},
		{"fish -d 3 -c rm_{line}", inScript},
		{"fish -c script {line}", ""},
		{"sudo sh -c rm_{line}", "in the script of sh would be"},
		{"env A=1 nice -n 5 bash -lc rm_{}", "and bash -c SCRIPT bash {}"},
		{"timeout 5 sh -c true x {line}", ""},
		{"python -c {line}", ""},
		{"ssh host -c {line}", ""},
		{"grep -c sh {line}", ""},
	} {
		argv := strings.Fields(tt.argv)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "_", " ")
		}
		err := CheckArgs(argv, line)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: %v, want %q", argv, err, tt.want)
		}
	}
}

func TestCheckArgs_headerWithoutVariable(t *testing.T) {
	err := CheckArgs([]string{"sh", "-c", "echo {header.x_user}"}, event.Event{Detail: event.HTTP{}})
	if want := `write "$1" there, and sh -c SCRIPT sh {header.x_user}`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestCheckArgs_tellsTheVariable(t *testing.T) {
	e := event.Event{Detail: event.FD{Groups: []event.Group{{Name: "user-id"}}}}
	for placeholder, want := range map[string]string{
		"{source}":  `write "$EV_SOURCE" there`,
		"{user-id}": `write "$EV_USER_ID" there`,
		"{}":        `write "$1" there, and sh -c SCRIPT sh {}`,
	} {
		err := CheckArgs([]string{"sh", "-c", "echo " + placeholder}, e)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", placeholder, err, want)
		}
	}
}

func TestCheckArgs_knowsThePlace(t *testing.T) {
	sample := event.Event{Detail: event.FD{}}
	for _, tt := range []struct {
		argv        []string
		arg, offset int
	}{
		{[]string{"{line}"}, 0, 0},
		{[]string{"./{line}.sh"}, 0, 2},
		{[]string{"sh", "-c", "{line}", "{line}"}, 2, 0},
		{[]string{"sh", "-ec", "echo ${line} {none} {line}"}, 2, len("echo ${line} {none} ")},
	} {
		err := CheckArgs(tt.argv, sample)
		if e, ok := errors.AsType[*ArgError](err); !ok || e.Arg != tt.arg || diag.Offset(err) != tt.offset {
			t.Errorf("%q: %#v, byte %d; want word %d, byte %d", tt.argv, err, diag.Offset(err), tt.arg, tt.offset)
		}
	}
}

// FuzzArgv: whatever an event holds, and however the words are chosen, their number stays the same,
// and so does every word that is read as code.
func FuzzArgv(f *testing.F) {
	f.Add("rm\x1f{path}", "$(reboot)")
	f.Add("sh\x1f-c\x1frm {path}", "; reboot")
	f.Add("sh\x1f-c\x1f-o\x1fpipefail\x1frm {}\x1f{}", "`reboot` '\" \n")
	f.Add("{path}\x1f{paths}", "a b")
	f.Add("env\x1ffish\x1f-C\x1f{}\x1f--command={path}", "-x")
	f.Fuzz(func(t *testing.T, words, path string) {
		given := strings.Split(words, "\x1f")
		e := changed(path, path)
		c := newCommand(&orders{Options: &Options{Argv: given}})
		argv, err := c.argv(e)
		if err != nil {
			return
		}
		if len(argv) != len(given) {
			t.Fatalf("%q became %q", given, argv)
		}
		literal := literals(given)
		for i := range argv {
			if literal[i] && argv[i] != given[i] {
				t.Errorf("word %d of %q became %q", i, given, argv[i])
			}
		}
		if at := slices.Index(given, "-c"); at > 0 && given[at-1] == "sh" && at+1 < len(given) && given[at+1] != argv[at+1] {
			t.Errorf("the script of %q became %q", given, argv)
		}
	})
}

// Real shells, and names that try everything: nothing but the script itself runs.
func TestExec_noNameBecomesCode(t *testing.T) {
	for _, name := range []string{
		`$(echo PWNED >&2)`, "`echo PWNED >&2`", `"; echo PWNED; "`, `'; echo PWNED; '`, "a\necho PWNED",
		`-n`, `--`, ``, `*`, `~`, `a b`, "\x80\xff", `$EV_PATH`, `{path}`, `\`, `|cat`, `>x`, `&`, `!!`,
	} {
		argv := append(shell(`printf '%s\n' "$#" "$1" "$EV_PATH"`), "sh", "{path}")
		th, out := play(t, Options{Argv: argv, Dir: t.TempDir()}, changed(name))
		if got, want := th.output(), "1\n"+name+"\n"+name+"\n"; got != want || out.Status != 0 {
			t.Errorf("%q: got %q, %v", name, got, out)
		}
	}
}
