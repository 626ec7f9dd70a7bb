package ignore

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	text := `# a comment
[core] excludesFile = a ; behind it
	Bare
[CORE]
	ExcludesFile="b # not a comment"   # a comment
	x = "a \"b\" \\ \tc" d
	y = long \
 line
	z =
[remote "Origin"]
	url = x
[includeIf "gitdir:~/a]\"b/"] path = y`
	var got []string
	parseConfig(text, func(key, sub, value string) { got = append(got, fmt.Sprintf("%s(%s)=%q", key, sub, value)) })
	want := []string{
		`core.excludesfile()="a"`, `core.bare()="true"`, `core.excludesfile()="b # not a comment"`, `core.x()="a \"b\" \\ \tc d"`,
		`core.y()="long  line"`, `core.z()=""`, `remote.url(Origin)="x"`, `includeif.path(gitdir:~/a]"b/)="y"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The user's excludes file is looked for where git looks, the last word winning.
func TestReadConfig_excludesFile(t *testing.T) {
	core := func(file string) string { return "[core]\nexcludesFile = " + file + "\n" }
	included := func(condition string) map[string]string {
		return map[string]string{
			"home/.config/git/ignore": "b\n",
			"home/.gitconfig":         "[core]\nexcludesFile = ''\n[includeIf \"" + condition + "\"]\npath = more\n",
			"home/more":               core("~/mine"),
			"home/mine":               "a\n",
			".git/HEAD":               "ref: refs/heads/feature/x\n",
			".git/config":             "[remote \"origin\"]\nurl = https://host/owner/name\n",
		}
	}
	for _, c := range []struct {
		name  string
		env   map[string]string
		files map[string]string
		want  string // the name that is ignored
	}{
		{"by default", nil, map[string]string{"home/.config/git/ignore": "a\n"}, "a"},
		{"by default in XDG_CONFIG_HOME", map[string]string{"XDG_CONFIG_HOME": "xdg"}, map[string]string{"xdg/git/ignore": "a\n", "home/.config/git/ignore": "b\n"}, "a"},
		{"XDG's configuration", nil, map[string]string{"home/.config/git/config": core("~/mine"), "home/mine": "a\n"}, "a"},
		{"the home's over XDG's", nil, map[string]string{"home/.gitconfig": core("~/mine"), "home/.config/git/config": core("~/his"), "home/mine": "a\n", "home/his": "b\n"}, "a"},
		{"GIT_CONFIG_GLOBAL in their place", map[string]string{"GIT_CONFIG_GLOBAL": "global"}, map[string]string{"home/.gitconfig": core("~/his"), "global": core("~/mine"), "home/mine": "a\n", "home/his": "b\n"}, "a"},
		{"GIT_CONFIG_SYSTEM", map[string]string{"GIT_CONFIG_SYSTEM": "system", "GIT_CONFIG_NOSYSTEM": "0"}, map[string]string{"system": core("~/mine"), "home/mine": "a\n"}, "a"},
		{"the repository's own, from its top", nil, map[string]string{"home/.gitconfig": core("~/his"), ".git/config": core("mine"), "mine": "a\n", "home/his": "b\n"}, "a"},
		{"included", nil, map[string]string{"home/.gitconfig": "[include]\npath = more/config\n", "home/more/config": core("~/mine"), "home/mine": "a\n"}, "a"},
		{"included for a directory", nil, included("gitdir:.git"), "a"},
		{"included for another directory", nil, included("gitdir:~/work/"), ""},
		{"included for a directory in either case", nil, included("gitdir/i:**/.GIT"), "a"},
		{"included for a branch", nil, included("onbranch:feature/"), "a"},
		{"included for another branch", nil, included("onbranch:feature"), ""},
		{"included for a remote", nil, included("hasconfig:remote.*.url:https://host/**"), "a"},
		{"included for another remote", nil, included("hasconfig:remote.*.url:https://host/*"), ""},
		{"none", nil, map[string]string{"home/.gitconfig": core(""), "home/.config/git/ignore": "b\n"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{".git/": ""}
			maps.Copy(files, c.files)
			top := grow(t, files)
			for name, value := range c.env {
				if value != "0" {
					value = filepath.Join(top, value)
				}
				t.Setenv(name, value)
			}
			m := matcher(t, top, Options{})
			for _, name := range []string{"a", "b"} {
				if got := m.Match(name, false) == Out; got != (name == c.want) {
					t.Errorf("%s is ignored: %v", name, got)
				}
			}
		})
	}
}

func TestReadConfig_filesThatIncludeEachOther(t *testing.T) {
	top := grow(t, map[string]string{
		".git/":           "",
		"home/.gitconfig": strings.Repeat("[include]\npath = other\n", 10),
		"home/other":      strings.Repeat("[include]\npath = .gitconfig\n", 10) + "[core]\nexcludesFile = ~/mine\n",
		"home/mine":       "a\n",
	})
	expect(t, matcher(t, top, Options{}), "a out")
}
