package action

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/nearest"
)

// An ArgError is about one of a command's words. It knows its place in it ([diag.Offset]).
type ArgError struct {
	Arg int // of the words; 0 is the command
	Err error
}

func (e *ArgError) Error() string { return e.Err.Error() }
func (e *ArgError) Unwrap() error { return e.Err }

// CheckArgs refuses a placeholder where the text of an event would become code: as the command
// itself, and in the script that a shell is given with -c. Sample is an event that has the fields
// of those to come, with any values. An error is an *ArgError.
//
// An [Exec] fills in no placeholder in these places, whatever it was given.
func CheckArgs(argv []string, sample event.Event) error {
	for i, literal := range literals(argv) {
		if !literal {
			if shell := shellBefore(argv, i); shell != "" && isList(argv[i], sample) {
				return &ArgError{Arg: i, Err: fmt.Errorf("%s would be read as options of %s, and these may bring code: write -- before it", argv[i], shell)}
			}
			continue
		}
		t := event.NewTemplate(argv[i])
		p, offset := t.Uses(sample)
		if p == "" {
			unknown := t.Unknown(sample)
			k := slices.IndexFunc(unknown, func(word string) bool { return isList(word, sample) })
			if k < 0 {
				continue
			}
			p, offset = unknown[k], strings.Index(argv[i], unknown[k])
		}
		shell, variable := shellOf(argv, i), event.Variable(strings.Trim(p, "{}"))
		var err error
		switch {
		case i > 0 && isList(p, sample):
			err = fmt.Errorf(`%s in the script of %s would be read as code: write "$@" there, and %[2]s -c SCRIPT %[2]s %[1]s`, p, shell)
		case i == 0:
			err = fmt.Errorf("%s can't be the command: no event chooses what runs; name a program, and give it %s as an argument", p, p)
		case p == "{}" || variable == "":
			err = fmt.Errorf(`%s in the script of %s would be read as code: write "$1" there, and %[2]s -c SCRIPT %[2]s %[1]s`, p, shell)
		default:
			err = fmt.Errorf(`%s in the script of %s would be read as code: write "$%s" there`, p, shell, variable)
		}
		return &ArgError{Arg: i, Err: diag.At(offset, err)}
	}
	return nil
}

// Doubts returns a sentence for each placeholder that stays as it is, for it is no field, but looks
// like one. Sample is CheckArgs'.
func Doubts(argv []string, sample event.Event) (doubts []string) {
	for i, literal := range literals(argv) {
		if literal || isList(argv[i], sample) {
			continue
		}
		doubts = append(doubts, doubtsOf(argv[i], sample, func(list string) string {
			return fmt.Sprintf("%s stays as it is: a list stands for whole arguments: make %s one of its own", argv[i], list)
		})...)
	}
	return doubts
}

// TextDoubts is Doubts for a text that is no word of a command.
func TextDoubts(text string, sample event.Event) []string {
	return doubtsOf(text, sample, func(list string) string {
		return fmt.Sprintf("%s stays as it is: it stands for whole arguments of a command: write {%s}", list, strings.Trim(list, "{.}"))
	})
}

// doubtsOf is Doubts for one text; ofList is what is said of a list in it.
func doubtsOf(text string, sample event.Event, ofList func(string) string) (doubts []string) {
	for _, p := range event.NewTemplate(text).Unknown(sample) {
		field, all := event.ListField(p)
		if isList(p, sample) {
			doubts = append(doubts, ofList(p))
		} else if _, ok := sample.Lookup(field); all && ok {
			doubts = append(doubts, fmt.Sprintf("%s stays as it is: %s is no list: write {%[2]s}", p, field))
		} else if near, ok := nearest.Of(strings.Trim(p, "{}"), sample.Names()); ok {
			doubts = append(doubts, fmt.Sprintf("%s is not a field and stays as it is: did you mean {%s}?", p, near))
		}
	}
	return doubts
}

// isList reports whether a word is {field...}, of a list that the event has.
func isList(word string, sample event.Event) bool {
	field, ok := event.ListField(word)
	if ok {
		_, ok = sample.List(field)
	}
	return ok
}

// shellBefore returns the shell that would take what stands at word i of argv as its options, and
// as the script that comes with them; or "".
func shellBefore(argv []string, i int) string {
	for k, word := range argv[:i] {
		if _, script := shellWords(word, argv[k+1:i]); script {
			return "" // what follows is the script's
		}
		if n, script := shellWords(word, slices.Concat(argv[k+1:i], []string{"-c", "script"})); script && i <= k+n {
			return word
		}
	}
	return ""
}

// literals says for each word of argv whether it must be taken as it stands. That is the first, and
// what a shell reads as code; a shell is looked for behind sudo, env and the like as well. Where it
// is in doubt what an option takes, it is literal.
func literals(argv []string) []bool {
	fixed := make([]bool, len(argv))
	fixed[0] = true
	for i, word := range argv {
		if n, script := shellWords(word, argv[i+1:]); script {
			for k := range n {
				fixed[i+1+k] = true
			}
		}
	}
	return fixed
}

// shellOf returns the shell whose script word i of argv is.
func shellOf(argv []string, i int) string {
	for k, word := range argv[:i] {
		if n, script := shellWords(word, argv[k+1:]); script && i <= k+n {
			return word
		}
	}
	return argv[0]
}

// IsShell reports whether a command is a shell, whose script after -c is taken as it stands.
func IsShell(name string) bool {
	_, script := shellWords(name, []string{"-c", ""})
	return script
}

// shellWords returns how many words after the shell's name are its options, their arguments, and
// the script; and whether there is such a script.
func shellWords(name string, words []string) (n int, script bool) {
	name = strings.TrimRight(strings.TrimLeft(path.Base(name), "-"), "0123456789.-")
	if !slices.Contains([]string{"sh", "ash", "bash", "dash", "fish", "ksh", "mksh", "rbash", "zsh"}, name) {
		return 0, false
	}
	awaited := false // an option has announced the script, which is still to come
	takes := false   // the option before this word may take it as its argument
	asScript := false
	for i, w := range words {
		switch {
		case w == "-" || w == "--":
			if awaited {
				return min(i+2, len(words)), true
			}
			return i + 1, script
		case len(w) > 1 && (w[0] == '-' || w[0] == '+'):
			long := strings.HasPrefix(w, "--")
			named := strings.ContainsAny(w, "oO") // -o pipefail
			announces := strings.ContainsAny(w, "cC")
			if long {
				named, announces = false, strings.Contains(w, "command") // fish(1)
			}
			if announces {
				script, awaited = true, true
			}
			takes = long || named || announces || name == "fish"
			asScript = announces && !named
		case takes:
			takes = false
			if asScript {
				awaited = false
			}
		case awaited:
			return i + 1, true
		default:
			return i, script
		}
	}
	return len(words), script
}
