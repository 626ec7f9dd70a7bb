package ignore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// config is what matters here of git's configuration (git-config(1)). Conditional includes are not followed.
type config struct {
	excludesFile string
	ignoreCase   bool
	read         map[string]bool // the files that were
}

// readConfig reads the configuration of the system, of the user and of the repository whose top and git directory are
// given, each over the last.
func (m *Matcher) readConfig(top, gitDir string) config {
	home, xdg := os.Getenv("HOME"), os.Getenv("XDG_CONFIG_HOME")
	if xdg == "" && home != "" {
		xdg = filepath.Join(home, ".config")
	}
	c := config{read: map[string]bool{}}
	var files []string
	if !slices.Contains([]string{"1", "true", "yes", "on"}, strings.ToLower(os.Getenv("GIT_CONFIG_NOSYSTEM"))) {
		system, ok := os.LookupEnv("GIT_CONFIG_SYSTEM")
		if !ok {
			system = "/etc/gitconfig"
		}
		files = append(files, system)
	}
	if xdg != "" {
		c.excludesFile = filepath.Join(xdg, "git/ignore")
	}
	if user, ok := os.LookupEnv("GIT_CONFIG_GLOBAL"); ok {
		files = append(files, user)
	} else {
		if xdg != "" {
			files = append(files, filepath.Join(xdg, "git/config"))
		}
		if home != "" {
			files = append(files, filepath.Join(home, ".gitconfig"))
		}
	}
	for _, file := range append(files, filepath.Join(gitDir, "config")) {
		m.readConfigFile(file, home, &c)
	}
	if c.excludesFile != "" {
		c.excludesFile = in(top, c.excludesFile)
	}
	return c
}

func (m *Matcher) readConfigFile(file, home string, c *config) {
	if file == "" || c.read[file] {
		return
	}
	c.read[file] = true
	m.sources[file] = true
	text, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		m.notRead(fmt.Errorf("%w: git's configuration is read without it", err))
		return
	}
	path := func(value string) string {
		if rest, ok := strings.CutPrefix(value, "~/"); ok {
			return filepath.Join(home, rest)
		}
		return value
	}
	parseConfig(string(text), func(key, value string) {
		switch key {
		case "core.excludesfile":
			c.excludesFile = path(value)
		case "core.ignorecase":
			c.ignoreCase = slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(value))
		case "include.path":
			m.readConfigFile(in(filepath.Dir(file), path(value)), home, c)
		}
	})
}

// parseConfig calls set with each setting of a configuration file, its key in lower case as "section.name".
func parseConfig(text string, set func(key, value string)) {
	section := ""
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return
		}
		switch text[0] {
		case '#', ';':
			_, text, _ = strings.Cut(text, "\n")
		case '[':
			section, text, _ = strings.Cut(text[1:], "]")
		default:
			i := strings.IndexAny(text, "=\n")
			if i < 0 {
				i = len(text)
			}
			name, value := text[:i], "true"
			text = text[i:]
			if rest, ok := strings.CutPrefix(text, "="); ok {
				value, text = parseValue(rest)
			}
			set(strings.ToLower(section+"."+strings.TrimSpace(name)), value)
		}
	}
}

// parseValue reads a setting's value up to the end of its line, and returns what follows.
func parseValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	var out strings.Builder
	quoted := false
	kept := 0 // blanks behind it are no part of the value
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			return out.String()[:kept], s[i+1:]
		case c == '"':
			quoted = !quoted
			kept = out.Len()
		case c == '\\' && i+1 < len(s):
			if i++; s[i] == '\n' {
				continue
			}
			switch c = s[i]; c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			}
			out.WriteByte(c)
			kept = out.Len()
		case !quoted && (c == '#' || c == ';'):
			_, rest, _ = strings.Cut(s[i:], "\n")
			return out.String()[:kept], rest
		default:
			out.WriteByte(c)
			if quoted || c != ' ' && c != '\t' && c != '\r' {
				kept = out.Len()
			}
		}
	}
	return out.String()[:kept], ""
}

// GitDir is where the work tree with a top directory has its index: .git itself, or what the file .git of a submodule or
// of a linked work tree leads to (gitrepository-layout(5)). Without a .git it is "".
func GitDir(top string) string {
	dir := filepath.Join(top, ".git")
	if _, err := os.Lstat(dir); err != nil {
		return ""
	}
	if text, err := readFile(dir); err == nil {
		if to, ok := strings.CutPrefix(string(text), "gitdir:"); ok {
			dir = in(top, strings.TrimSpace(to))
		}
	}
	return dir
}

// commonDir is where a repository keeps what its work trees share.
func commonDir(git string) string {
	if text, err := readFile(filepath.Join(git, "commondir")); err == nil {
		return in(git, strings.TrimSpace(string(text)))
	}
	return git
}

// in is path, taken from the directory dir when it is relative.
func in(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
