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

// config is what matters here of git's configuration (git-config(1)).
type config struct {
	excludesFile string
	ignoreCase   bool
	read         map[string]bool // the files that were
	git          string          // the repository's directory
	urls         []string        // of remotes
	asked        bool            // whether there is such a URL
	home         string
}

// readConfig reads the configuration of the system, of the user and of the repository whose top and
// git directory are given, each over the last.
func (m *Matcher) readConfig(top, git string) config {
	home, xdg := os.Getenv("HOME"), os.Getenv("XDG_CONFIG_HOME")
	if xdg == "" && home != "" {
		xdg = filepath.Join(home, ".config")
	}
	var files []string
	if !slices.Contains([]string{"1", "true", "yes", "on"}, strings.ToLower(os.Getenv("GIT_CONFIG_NOSYSTEM"))) {
		system, ok := os.LookupEnv("GIT_CONFIG_SYSTEM")
		if !ok {
			system = "/etc/gitconfig"
		}
		files = append(files, system)
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
	files = append(files, filepath.Join(commonDir(git), "config"))
	var urls []string
	for {
		c := config{git: git, home: home, urls: urls, read: map[string]bool{}}
		if xdg != "" {
			c.excludesFile = filepath.Join(xdg, "git/ignore")
		}
		var found []string
		for _, file := range files {
			found = append(found, m.readConfigFile(file, &c)...)
		}
		if c.asked && urls == nil && len(found) > 0 { // what is included by a URL may have any place
			urls = found
			continue
		}
		if c.excludesFile != "" {
			c.excludesFile = in(top, c.excludesFile)
		}
		return c
	}
}

// readConfigFile reads a file, and those that it includes, and returns the URLs of the remotes in
// them.
func (m *Matcher) readConfigFile(file string, c *config) (urls []string) {
	if file == "" || c.read[file] {
		return nil
	}
	c.read[file] = true
	m.sources[file] = true
	text, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		m.notRead(fmt.Errorf("%w: git's configuration is read without it", err))
		return nil
	}
	include := func(path string) {
		urls = append(urls, m.readConfigFile(in(filepath.Dir(file), c.path(path)), c)...)
	}
	parseConfig(string(text), func(key, sub, value string) {
		switch key {
		case "core.excludesfile":
			c.excludesFile = c.path(value)
		case "core.ignorecase":
			c.ignoreCase = slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(value))
		case "remote.url":
			urls = append(urls, value)
		case "include.path":
			include(value)
		case "includeif.path":
			if m.holds(sub, filepath.Dir(file), c) {
				include(value)
			}
		}
	})
	return urls
}

func (c *config) path(value string) string {
	if rest, ok := strings.CutPrefix(value, "~/"); ok {
		return filepath.Join(c.home, rest)
	}
	return value
}

// holds reports whether the condition of an includeIf in a file of the directory dir does.
func (m *Matcher) holds(condition, dir string, c *config) bool {
	kind, pattern, _ := strings.Cut(condition, ":")
	switch kind {
	case "gitdir", "gitdir/i":
		if rest, ok := strings.CutPrefix(pattern, "./"); ok {
			pattern = dir + "/" + rest
		}
		pattern = c.path(pattern)
		if strings.HasSuffix(condition, "/") && !strings.HasSuffix(pattern, "/") {
			pattern += "/"
		}
		if !filepath.IsAbs(pattern) {
			pattern = "**/" + pattern
		}
		real, err := filepath.EvalSymlinks(c.git)
		return wildmatch(pattern, c.git, kind == "gitdir/i") || err == nil && wildmatch(pattern, real, kind == "gitdir/i")
	case "onbranch":
		head := filepath.Join(c.git, "HEAD")
		m.sources[head] = true
		text, err := readFile(head)
		branch, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/heads/")
		return err == nil && ok && wildmatch(pattern, branch, false)
	case "hasconfig":
		c.asked = true
		pattern, ok := strings.CutPrefix(pattern, "remote.*.url:")
		return ok && slices.ContainsFunc(c.urls, func(url string) bool { return wildmatch(pattern, url, false) })
	}
	return false
}

// wildmatch holds a path against a pattern of git's; what ends in a slash is all that is below.
func wildmatch(pattern, path string, fold bool) bool {
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	if fold {
		path = lower(path)
	}
	pattern, path = strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(path, "/")
	var r rule
	var err error
	r.inPath = true
	r.head, r.glob, r.tail, err = compile(pattern, true, fold)
	return err == nil && r.matches(path)
}

// parseConfig calls set with each setting of a configuration file, its key in lower case as
// "section.name". What stands in quotes behind the section's name is sub, as it was written.
func parseConfig(text string, set func(key, sub, value string)) {
	section, sub := "", ""
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return
		}
		switch text[0] {
		case '#', ';':
			_, text, _ = strings.Cut(text, "\n")
		case '[':
			section, sub, text = parseSection(text[1:])
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
			set(strings.ToLower(section+"."+strings.TrimSpace(name)), sub, value)
		}
	}
}

// parseSection reads a section's name, and in quotes what it is about, up to its bracket, and
// returns what follows.
func parseSection(s string) (name, sub, rest string) {
	end := strings.IndexAny(s, "]\"\n")
	if end < 0 || s[end] != '"' {
		name, rest, _ = strings.Cut(s, "]")
		return strings.TrimSpace(name), "", rest
	}
	name = strings.TrimSpace(s[:end])
	var out strings.Builder
	for i := end + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			_, rest, _ = strings.Cut(s[i:], "]")
			return name, out.String(), rest
		case c == '\\' && i+1 < len(s):
			i++
			out.WriteByte(s[i])
		default:
			out.WriteByte(c)
		}
	}
	return name, out.String(), ""
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

// GitDir is where the work tree with a top directory has its index: .git itself, or what the file
// .git of a submodule or of a linked work tree leads to (gitrepository-layout(5)). Without a .git
// it is "".
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
