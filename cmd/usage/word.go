package usage

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/internal/diag"
)

// A Word is the part of a command line that an error is about. It is named by what it means there,
// and found only when the place is to be shown: an error's text may change without a caret moving.
// The zero word is the command's name.
type Word struct {
	role   role
	flags  []string // one of which it is
	text   string   // its own, of an item or an argument
	number int      // its own, of an argument or one of the COMMAND
	offset int      // so many bytes into it
}

// IsName reports whether it is the command's name.
func (w Word) IsName() bool { return w.role == nameRole }

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

// Flag is a flag: of several, that which is given last.
func Flag(names ...string) Word { return Word{role: flagRole, flags: names} }

// Value is the value of a flag, the one that counts if there are several.
func Value(flag string) Word { return Word{role: valueRole, flags: []string{flag}} }

// Item is one value of a flag that may be repeated, or one item of its list.
func Item(flag, text string) Word {
	return Word{role: itemRole, flags: []string{flag}, text: text}
}

// Arg is one of the arguments. The first is 0.
func Arg(number int) Word { return Word{role: argRole, number: number} }

// ArgOf is the first argument with a text.
func ArgOf(text string) Word { return Word{role: argOfRole, text: text} }

// Args is what the arguments say together, with a blank between each two.
func Args() Word { return Word{role: argsRole} }

// Dash is the -- before the COMMAND.
func Dash() Word { return Word{role: dashRole} }

// Command is one of the COMMAND's words. The first is 0.
func Command(number int) Word { return Word{role: commandRole, number: number} }

// Option is where the value of a watcher's option comes from.
func Option(watcher string, e *diag.OptionError) Word {
	if flag := optionFlag(watcher, e.Option); flag != "" {
		return Item(flag, e.Value)
	}
	return ArgOf(e.Value)
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

// From is the part of a word that begins so many bytes into it.
func (w Word) From(offset int) Word {
	w.offset += offset
	return w
}

// A CommandLine is words told apart as pflag does it, also those that it has not come to.
type CommandLine struct {
	words []string
	Args  []int // the command's name first
	Dash  int   // before the COMMAND; -1: there is none
	Flags map[string][]GivenFlag
}

// A GivenFlag is a flag on the command line. Its value begins at a byte of a word, if it has one.
type GivenFlag struct {
	Word, At    int
	Value, from int // value is -1 if there is none
}

// TellApart tells the words of a command line apart as its flags have it. The command's name is the
// first of the arguments.
func TellApart(fs *pflag.FlagSet, words []string) *CommandLine {
	l := &CommandLine{words: words, Dash: -1, Flags: map[string][]GivenFlag{}}
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "--":
			l.Dash = i
			return l
		case strings.HasPrefix(w, "--"):
			i = l.longFlag(fs, i)
		case len(w) > 1 && w[0] == '-':
			i = l.shortFlags(fs, i)
		default:
			l.Args = append(l.Args, i)
		}
	}
	return l
}

// longFlag takes word i for --name, --name=value or --name value, and returns its last word.
func (l *CommandLine) longFlag(fs *pflag.FlagSet, i int) int {
	name, _, joined := strings.Cut(l.words[i][len("--"):], "=")
	g := GivenFlag{Word: i, Value: -1}
	f := fs.Lookup(name)
	switch {
	case joined:
		g.Value, g.from = i, len("--"+name+"=")
	case f != nil && f.NoOptDefVal == "" && i+1 < len(l.words):
		i++
		g.Value = i
	}
	l.Flags[name] = append(l.Flags[name], g)
	return i
}

// shortFlags takes word i for letters, of which the last may have a value: -ab, -avalue, -a=value
// or -a value. A letter that is no flag is its own name, with the -.
func (l *CommandLine) shortFlags(fs *pflag.FlagSet, i int) int {
	w := l.words[i]
	for k := 1; k < len(w); k++ {
		name, takes := "-"+string(rune(w[k])), false // pflag knows bytes
		if f := fs.ShorthandLookup(w[k : k+1]); f != nil {
			name, takes = f.Name, f.NoOptDefVal == ""
		}
		g := GivenFlag{Word: i, At: k, Value: -1}
		end := len(w)
		switch {
		case k+2 < len(w) && w[k+1] == '=':
			g.Value, g.from = i, k+2
		case takes && k+1 < len(w):
			g.Value, g.from = i, k+1
		case takes && i+1 < len(l.words):
			i++
			g.Value = i
		default:
			end = k
		}
		if k == 1 {
			g.At = 0
		}
		l.Flags[name] = append(l.Flags[name], g)
		k = end
	}
	return i
}

// Find returns the number of a word, and the byte of it that is meant. What is not on the command
// line, as the default of a flag, is the command's name.
func (l *CommandLine) Find(w Word) (number, offset int) {
	switch {
	case w.role == flagRole || w.role == valueRole || w.role == itemRole:
		g, ok := l.given(w)
		if !ok {
			break
		}
		if w.role == flagRole || g.Value < 0 {
			return g.Word, g.At + w.offset
		}
		return g.Value, g.from + w.offset
	case w.role == argRole && w.number+1 < len(l.Args):
		return l.Args[w.number+1], w.offset
	case w.role == argOfRole:
		for _, i := range l.Args[min(1, len(l.Args)):] {
			if l.words[i] == w.text {
				return i, w.offset
			}
		}
	case w.role == argsRole && len(l.Args) > 1:
		last := l.Args[len(l.Args)-1]
		for _, i := range l.Args[1:] {
			if w.offset <= len(l.words[i]) || i == last {
				return i, w.offset
			}
			w.offset -= len(l.words[i]) + len(" ")
		}
	case w.role == dashRole && l.Dash >= 0:
		return l.Dash, 0
	case w.role == commandRole && l.Dash >= 0 && l.Dash+1+w.number < len(l.words):
		return l.Dash + 1 + w.number, w.offset
	}
	if len(l.Args) == 0 {
		return 0, 0
	}
	return l.Args[0], 0
}

// given returns the flag that is meant.
func (l *CommandLine) given(w Word) (g GivenFlag, ok bool) {
	for _, name := range w.flags {
		for _, other := range l.Flags[name] {
			if !ok || other.Word > g.Word {
				g, ok = other, true
			}
		}
	}
	if w.role != itemRole {
		return g, ok
	}
	for _, other := range l.Flags[w.flags[0]] {
		if l.ValueOf(other) == w.text {
			return other, true
		}
	}
	for _, other := range l.Flags[w.flags[0]] {
		at := 0
		for item := range strings.SplitSeq(l.ValueOf(other), ",") {
			if item == w.text {
				other.from += at
				return other, true
			}
			at += len(item) + len(",")
		}
	}
	return g, ok
}

// ValueOf returns the text of a flag's value; "" if it has none.
func (l *CommandLine) ValueOf(g GivenFlag) string {
	if g.Value < 0 {
		return ""
	}
	return l.words[g.Value][g.from:]
}

// Width is how long a line of help gets, in columns.
const Width = 80
