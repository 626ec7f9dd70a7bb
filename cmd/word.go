package cmd

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/internal/diag"
)

// A word is the part of a command line that an error is about. It is named by what it means there,
// and found only when the place is to be shown: an error's text may change without a caret moving.
// The zero word is the command's name.
type word struct {
	role   role
	flags  []string // one of which it is
	text   string   // its own, of an item or an argument
	number int      // its own, of an argument or one of the COMMAND
	offset int      // so many bytes into it
}

// isName reports whether it is the command's name.
func (w word) isName() bool { return w.role == nameRole }

type role uint8

const (
	nameRole role = iota
	flagRole
	valueRole
	itemRole
	argRole
	argOfRole
	argsRole
	dashRole
	commandRole
)

// flagWord is a flag: of several, that which is given last.
func flagWord(names ...string) word { return word{role: flagRole, flags: names} }

// valueWord is the value of a flag, the one that counts if there are several.
func valueWord(flag string) word { return word{role: valueRole, flags: []string{flag}} }

// itemWord is one value of a flag that may be repeated, or one item of its list.
func itemWord(flag, text string) word {
	return word{role: itemRole, flags: []string{flag}, text: text}
}

// argWord is one of the arguments. The first is 0.
func argWord(number int) word { return word{role: argRole, number: number} }

// argOf is the first argument with a text.
func argOf(text string) word { return word{role: argOfRole, text: text} }

// allArgs is what the arguments say together, with a blank between each two.
func allArgs() word { return word{role: argsRole} }

// dashWord is the -- before the COMMAND.
func dashWord() word { return word{role: dashRole} }

// commandWord is one of the COMMAND's words. The first is 0.
func commandWord(number int) word { return word{role: commandRole, number: number} }

// optionWord is where the value of a watcher's option comes from.
func optionWord(watcher string, e *diag.OptionError) word {
	if flag := optionFlag(watcher, e.Option); flag != "" {
		return itemWord(flag, e.Value)
	}
	return argOf(e.Value)
}

// optionFlag is the flag that sets an option of a watcher, which may be named by it; "": its
// arguments do.
func optionFlag(watcher, option string) string {
	if flag, ok := strings.CutPrefix(option, "--"); ok {
		return flag
	}
	return map[string]string{
		"watch-fd Match":     "match",
		"watch-fd State":     "state",
		"every State":        "state",
		"on-exit PIDFiles":   "pidfile",
		"on-exit Commands":   "command",
		"stat Exts":          "ext",
		"stat Globs":         "glob",
		"stat IGlobs":        "iglob",
		"stat Ignore":        "ignore",
		"stat IgnoreFiles":   "ignore-file",
		"probe CACert":       "cacert",
		"on-http Paths":      "path",
		"on-http Hosts":      "host",
		"on-http TokenFile":  "token-file",
		"on-http BasicFile":  "basic-file",
		"on-http SecretFile": "hmac-secret-file",
		"on-http Header":     "hmac-header",
		"on-http Format":     "hmac-format",
		"on-http Hash":       "hmac-hash",
		"on-http Signed":     "hmac-signed",
		"on-http Time":       "hmac-time",
		"on-http Origins":    "origin",
		"on-http ClientCA":   "client-ca",
		"on-http AccessLog":  "access-log",
		"on-http CertFile":   "tls-cert",
	}[watcher+" "+option]
}

// from is the part of a word that begins so many bytes into it.
func (w word) from(offset int) word {
	w.offset += offset
	return w
}

// A commandLine is words told apart as pflag does it, also those that it has not come to.
type commandLine struct {
	words []string
	args  []int // the command's name first
	dash  int   // before the COMMAND; -1: there is none
	flags map[string][]givenFlag
}

// A givenFlag is a flag on the command line. Its value begins at a byte of a word, if it has one.
type givenFlag struct {
	word, at    int
	value, from int // value is -1 if there is none
}

// tellApart tells the words of a command line apart as its flags have it. The command's name is
// the first of the arguments.
func tellApart(fs *pflag.FlagSet, words []string) *commandLine {
	l := &commandLine{words: words, dash: -1, flags: map[string][]givenFlag{}}
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "--":
			l.dash = i
			return l
		case strings.HasPrefix(w, "--"):
			i = l.longFlag(fs, i)
		case len(w) > 1 && w[0] == '-':
			i = l.shortFlags(fs, i)
		default:
			l.args = append(l.args, i)
		}
	}
	return l
}

// longFlag takes word i for --name, --name=value or --name value, and returns its last word.
func (l *commandLine) longFlag(fs *pflag.FlagSet, i int) int {
	name, _, joined := strings.Cut(l.words[i][len("--"):], "=")
	g := givenFlag{word: i, value: -1}
	f := fs.Lookup(name)
	switch {
	case joined:
		g.value, g.from = i, len("--"+name+"=")
	case f != nil && f.NoOptDefVal == "" && i+1 < len(l.words):
		i++
		g.value = i
	}
	l.flags[name] = append(l.flags[name], g)
	return i
}

// shortFlags takes word i for letters, of which the last may have a value: -ab, -avalue, -a=value
// or -a value. A letter that is no flag is its own name, with the -.
func (l *commandLine) shortFlags(fs *pflag.FlagSet, i int) int {
	w := l.words[i]
	for k := 1; k < len(w); k++ {
		name, takes := "-"+string(rune(w[k])), false // pflag knows bytes
		if f := fs.ShorthandLookup(w[k : k+1]); f != nil {
			name, takes = f.Name, f.NoOptDefVal == ""
		}
		g := givenFlag{word: i, at: k, value: -1}
		end := len(w)
		switch {
		case k+2 < len(w) && w[k+1] == '=':
			g.value, g.from = i, k+2
		case takes && k+1 < len(w):
			g.value, g.from = i, k+1
		case takes && i+1 < len(l.words):
			i++
			g.value = i
		default:
			end = k
		}
		if k == 1 {
			g.at = 0
		}
		l.flags[name] = append(l.flags[name], g)
		k = end
	}
	return i
}

// find returns the number of a word, and the byte of it that is meant. What is not on the command
// line, as the default of a flag, is the command's name.
func (l *commandLine) find(w word) (number, offset int) {
	switch {
	case w.role == flagRole || w.role == valueRole || w.role == itemRole:
		g, ok := l.given(w)
		if !ok {
			break
		}
		if w.role == flagRole || g.value < 0 {
			return g.word, g.at + w.offset
		}
		return g.value, g.from + w.offset
	case w.role == argRole && w.number+1 < len(l.args):
		return l.args[w.number+1], w.offset
	case w.role == argOfRole:
		for _, i := range l.args[min(1, len(l.args)):] {
			if l.words[i] == w.text {
				return i, w.offset
			}
		}
	case w.role == argsRole && len(l.args) > 1:
		last := l.args[len(l.args)-1]
		for _, i := range l.args[1:] {
			if w.offset <= len(l.words[i]) || i == last {
				return i, w.offset
			}
			w.offset -= len(l.words[i]) + len(" ")
		}
	case w.role == dashRole && l.dash >= 0:
		return l.dash, 0
	case w.role == commandRole && l.dash >= 0 && l.dash+1+w.number < len(l.words):
		return l.dash + 1 + w.number, w.offset
	}
	if len(l.args) == 0 {
		return 0, 0
	}
	return l.args[0], 0
}

// given returns the flag that is meant.
func (l *commandLine) given(w word) (g givenFlag, ok bool) {
	for _, name := range w.flags {
		for _, other := range l.flags[name] {
			if !ok || other.word > g.word {
				g, ok = other, true
			}
		}
	}
	if w.role != itemRole {
		return g, ok
	}
	for _, other := range l.flags[w.flags[0]] {
		if l.valueOf(other) == w.text {
			return other, true
		}
	}
	for _, other := range l.flags[w.flags[0]] {
		at := 0
		for item := range strings.SplitSeq(l.valueOf(other), ",") {
			if item == w.text {
				other.from += at
				return other, true
			}
			at += len(item) + len(",")
		}
	}
	return g, ok
}

func (l *commandLine) valueOf(g givenFlag) string {
	if g.value < 0 {
		return ""
	}
	return l.words[g.value][g.from:]
}

// helpWidth is how long a line of help gets, in columns.
const helpWidth = 80
