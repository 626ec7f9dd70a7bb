package ignore

import (
	"errors"
	"fmt"
	"strings"
)

var errSlash = errors.New("no path ends in a slash: write one / to mean directories only")

// compile translates a git pattern, stripped of its "!" and of its last "/", for doublestar. A name
// matches when it begins with head, ends with tail, and what is between them matches glob; without
// a glob the name is head itself. inPath says that the pattern is held against a path and not
// against a base name: a slash is then matched by "**" and by itself only. fold says that the names
// are lowered before they are matched. The error tells why the pattern can never match.
//
// git's language (wildmatch.c) knows bytes, doublestar's knows runes: glob has each byte as the
// rune of that number, and a name has to go through widen.
func compile(pattern string, inPath, fold bool) (head, glob, tail string, err error) {
	var out, literal strings.Builder
	wild := func(s string) {
		if out.Len() == 0 {
			head = literal.String()
		} else {
			escape(&out, literal.String())
		}
		literal.Reset()
		out.WriteString(s)
	}
	// git compares what precedes the first special byte by itself: a "**" right behind it stands at
	// a start.
	start := strings.IndexAny(pattern, `*?[\`)
	if start < 0 {
		start = len(pattern)
	}
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '*':
			rest := strings.TrimLeft(pattern[i:], "*")
			spans := inPath && len(pattern)-len(rest)-i > 1 && (i == start || pattern[i-1] == '/')
			switch {
			case spans && rest == "" && i == start:
				wild("**")
			case spans && rest == "":
				wild("**/*") // doublestar's "a/**" takes in a
			case spans && rest[0] == '/' && absorbs(rest[1:]):
				rest = rest[1:]
				if i == start {
					start = len(pattern) - len(rest)
				}
			case spans && (rest == "/" && i != start || rest == `\/`):
				return "", "", "", errSlash
			case spans && rest[0] == '/':
				wild("**/")
				rest = rest[1:]
			case spans && strings.HasPrefix(rest, `\/`):
				wild("*/**/") // with its slash escaped it needs a directory
				rest = rest[2:]
			default:
				wild("*")
			}
			i = len(pattern) - len(rest)
		case '?':
			wild("?")
			i++
		case '[':
			set, n, err := parseClass(pattern[i:], fold)
			if err != nil {
				return "", "", "", err
			}
			set[0], set['/'] = false, false
			class := formatClass(&set)
			if class == "" {
				return "", "", "", fmt.Errorf("%s lets no character through", pattern[i:i+n])
			}
			wild(class)
			i += n
		case '\\':
			if i+1 == len(pattern) {
				return "", "", "", errors.New(`it ends in a backslash: write \\ for a backslash`)
			}
			literal.WriteByte(pattern[i+1])
			i += 2
		default:
			if fold {
				c = lowerByte(c)
			}
			literal.WriteByte(c)
			i++
		}
	}
	if inPath && strings.HasSuffix(literal.String(), "/") {
		return "", "", "", errSlash
	}
	switch {
	case out.Len() == 0:
		head = literal.String()
	case inPath:
		wild("")
	default:
		tail = literal.String()
	}
	return head, out.String(), tail, nil
}

// absorbs reports whether a "**/" in front of rest adds nothing, since rest begins with another or
// is a last "*".
func absorbs(rest string) bool {
	after := strings.TrimLeft(rest, "*")
	stars := len(rest) - len(after)
	return after == "" && stars > 0 || stars > 1 && after[0] == '/'
}

// parseClass reads the bracket expression at the start of s: the bytes it lets through, and its
// length.
func parseClass(s string, fold bool) (set [256]bool, n int, err error) {
	open := errors.New(`its [ has no ]: write \[ for a bracket`)
	i := 1
	negated := i < len(s) && (s[i] == '!' || s[i] == '^')
	if negated {
		i++
	}
	var low byte // where a range would begin; 0 when none can
	for first := i; ; i++ {
		if i == len(s) {
			return set, 0, open
		}
		c := s[i]
		if c == ']' && i > first {
			break
		}
		switch {
		case c == '\\':
			if i++; i == len(s) {
				return set, 0, open
			}
			low = s[i]
			set[low] = true
		case c == '-' && low != 0 && i+1 < len(s) && s[i+1] != ']':
			if i++; s[i] == '\\' {
				if i++; i == len(s) {
					return set, 0, open
				}
			}
			for b := int(low); b <= int(s[i]); b++ {
				set[b] = true
				if fold {
					set[lowerByte(byte(b))] = true
				}
			}
			low = 0
		case c == '[' && i+1 < len(s) && s[i+1] == ':':
			name, _, closed := strings.Cut(s[i+2:], "]")
			if !closed {
				return set, 0, open
			}
			if !strings.HasSuffix(name, ":") { // an ordinary "["
				low = c
				set[low] = true
				continue
			}
			member := posix(strings.TrimSuffix(name, ":"), fold)
			if member == nil {
				return set, 0, fmt.Errorf("there is no class [:%s]", name)
			}
			for b := range set {
				set[b] = set[b] || member(byte(b))
			}
			i += len("[:") + len(name)
			low = 0
		default:
			low = c
			set[low] = true
		}
	}
	if negated {
		for b := range set {
			set[b] = !set[b]
		}
	}
	return set, i + 1, nil
}

// posix is git's own idea of the classes, the same in every locale; nil when there is none of that
// name.
func posix(name string, fold bool) func(byte) bool {
	between := func(low, high byte) func(byte) bool {
		return func(b byte) bool { return low <= b && b <= high }
	}
	isLower, isUpper, isDigit, isGraph := between('a', 'z'), between('A', 'Z'), between('0', '9'), between('!', '~')
	isAlnum := func(b byte) bool { return isLower(b) || isUpper(b) || isDigit(b) }
	switch name {
	case "alnum":
		return isAlnum
	case "alpha":
		return func(b byte) bool { return isLower(b) || isUpper(b) }
	case "blank":
		return func(b byte) bool { return b == ' ' || b == '\t' }
	case "cntrl":
		return func(b byte) bool { return b < ' ' || b == 0x7f }
	case "digit":
		return isDigit
	case "graph":
		return isGraph
	case "lower":
		return isLower
	case "print":
		return between(' ', '~')
	case "punct":
		return func(b byte) bool { return isGraph(b) && !isAlnum(b) }
	case "space":
		return func(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
	case "upper":
		return func(b byte) bool { return isUpper(b) || fold && isLower(b) }
	case "xdigit":
		return func(b byte) bool { return isDigit(b) || between('a', 'f')(lowerByte(b)) }
	}
	return nil
}

// formatClass writes a set of bytes as doublestar has it; an empty set is "".
func formatClass(set *[256]bool) string {
	var out strings.Builder
	for low := 0; low < len(set); low++ {
		if !set[low] {
			continue
		}
		high := low
		for high+1 < len(set) && set[high+1] {
			high++
		}
		out.WriteByte('\\')
		out.WriteRune(rune(low))
		if high > low {
			out.WriteString(`-\`)
			out.WriteRune(rune(high))
		}
		low = high
	}
	if out.Len() == 0 {
		return ""
	}
	return "[" + out.String() + "]"
}

// escape writes literal bytes as doublestar has them.
func escape(out *strings.Builder, literal string) {
	for _, b := range []byte(literal) {
		if strings.IndexByte(`*?[]{}\`, b) >= 0 {
			out.WriteByte('\\')
		}
		out.WriteRune(rune(b))
	}
}

// widen gives each byte of name as the rune of that number, so that doublestar's "?" is one byte as
// git's is.
func widen(name string) string {
	for i := range len(name) {
		if name[i] >= 0x80 {
			var out strings.Builder
			for _, b := range []byte(name) {
				out.WriteRune(rune(b))
			}
			return out.String()
		}
	}
	return name
}

// lower is strings.ToLower for ASCII alone, which is how git folds.
func lower(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' }) < 0 {
		return s
	}
	out := []byte(s)
	for i, b := range out {
		out[i] = lowerByte(b)
	}
	return string(out)
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}
