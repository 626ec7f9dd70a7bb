package ignore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// grow writes a tree of files into a new directory, free of the user's git configuration. A name
// that ends in a slash is a directory.
func grow(t *testing.T, files map[string]string) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", filepath.Join(top, "home"))
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for name, text := range files {
		file := filepath.Join(top, name)
		dir := filepath.Dir(file)
		if strings.HasSuffix(name, "/") {
			dir = file
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir != file {
			write(t, file, text)
		}
	}
	return top
}

func write(tb testing.TB, file, text string) {
	tb.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func matcher(t *testing.T, root string, o Options) *Matcher {
	t.Helper()
	if o.Warn == nil {
		o.Warn = func(err error) { t.Errorf("warned: %v", err) }
	}
	m, err := New(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// expect holds verdicts against what is wanted, as in "src/ pass": a path with a slash at its end
// is a directory.
func expect(t *testing.T, m *Matcher, lines ...string) {
	t.Helper()
	for _, line := range lines {
		path, want, _ := strings.Cut(line, " ")
		rel, dir := strings.CutSuffix(path, "/")
		if got := []string{"out", "pass", "in"}[m.Match(rel, dir)]; got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestMatch_order(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		o     Options
		want  []string
	}{
		{
			"nothing is out by itself", nil,
			Options{},
			[]string{"a in", "a/ in", "a/b in", ". in", "a~ out"},
		},
		{
			"hidden names and .git are out",
			map[string]string{".git/": ""},
			Options{},
			[]string{".env out", ".cache/ out", ".cache/x out", ".git/ out", "sub/.git out", "a in"},
		},
		{
			"hidden names can be let in, .git cannot", nil,
			Options{Hidden: true},
			[]string{".env in", ".cache/x in", ".git/ out", ".git/HEAD out"},
		},
		{
			"hidden and unignored is everything",
			map[string]string{".git/": "", ".gitignore": "a"},
			Options{Hidden: true, NoIgnore: true},
			[]string{".git/ in", ".git/HEAD in", "a in"},
		},
		{
			".gitignore counts in a repository",
			map[string]string{".git/": "", ".gitignore": "*.o\n/build/\n"},
			Options{},
			[]string{"x.o out", "sub/x.o out", "build/ out", "build/x/y out", "sub/build/ in", "build in"},
		},
		{
			".gitignore does not count elsewhere",
			map[string]string{".gitignore": "*.o\n", "in/.git/": "", "in/.gitignore": "*.p\n"},
			Options{},
			[]string{"x.o in", "in/x.o in", "in/x.p out", "x.p in"},
		},
		{
			".ignore counts everywhere",
			map[string]string{".ignore": "*.o\n", "sub/.ignore": "!b.o\n"},
			Options{},
			[]string{"x.o out", "sub/x.o out", "sub/b.o in"},
		},
		{
			".ignore wins over .gitignore, wherever they are",
			map[string]string{".git/": "", ".ignore": "!*.log\n", "sub/.gitignore": "*.log\n"},
			Options{},
			[]string{"sub/x.log in"},
		},
		{
			"the nearer .gitignore wins, then info/exclude, then the user's file",
			map[string]string{
				".gitignore": "a\n", "sub/.gitignore": "!a\nb\n", ".git/info/exclude": "!b\nc\n",
				"home/.config/git/ignore": "!c\n!b\n!a\nd\n",
			},
			Options{},
			[]string{"a out", "sub/a in", "b in", "sub/b out", "c out", "d out"},
		},
		{
			"what is typed wins over every file, --ignore over --ignore-file",
			map[string]string{".git/": "", ".gitignore": "a\nb\n", ".ignore": "c\n", "rules": "!a\n!c\n/top\nd\n"},
			Options{IgnoreFiles: []string{"rules"}, Ignore: []string{"a", "!b", "!d"}},
			[]string{"a out", "b in", "c in", "d in", "top out", "sub/top in"},
		},
		{
			"without ignore files --ignore-file stays",
			map[string]string{".git/": "", ".gitignore": "a\n", ".ignore": "b\n", "rules": "c\n"},
			Options{NoIgnore: true, IgnoreFiles: []string{"rules"}},
			[]string{"a in", "b in", "c out"},
		},
		{
			"a rule brings a hidden name back",
			map[string]string{".ignore": "!.github/\n"},
			Options{},
			[]string{".github/ in", ".github/x in", ".github/.x out", ".other/ out"},
		},
		{
			"nothing comes back from an ignored directory",
			map[string]string{".ignore": "/a/\n!/a/b\n", "a/.ignore": "!*\n"},
			Options{},
			[]string{"a/b out"},
		},
		{
			"a repository in another obeys its own rules only",
			map[string]string{".git/": "", ".gitignore": "a\n", ".ignore": "c\n", "sub/.git/info/exclude": "/b\n"},
			Options{},
			[]string{"a out", "sub/a in", "sub/b out", "b in", "sub/x/b in", "sub/c out"},
		},
		{
			"typed patterns are doublestar's",
			nil,
			Options{Ignore: []string{"*.{o,a}", "src/**/gen", "/top", "./here", "tmp/", "?"}},
			[]string{
				"x.o out", "dd/x.a out", "src/gen out", "src/a/b/gen out", "gen in", "top out", "dd/top in",
				"here out", "dd/here in", "tmp/ out", "tmp in", "dd/tmp/x out", "é out", "éé in",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := grow(t, c.files)
			for i, file := range c.o.IgnoreFiles {
				c.o.IgnoreFiles[i] = filepath.Join(top, file)
			}
			expect(t, matcher(t, top, c.o), c.want...)
		})
	}
}

func TestMatch_keepers(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want []string
	}{
		{
			"extensions",
			Options{Exts: []string{"go", ".tar.gz"}},
			[]string{"a.go in", "d/a.go in", "a.tar.gz in", "a.gz out", "go out", "d/ pass", "d.go/ pass", ". pass", ".a.go out"},
		},
		{
			"a glob without a slash is held against the base name",
			Options{Globs: []string{"*.{md,txt}"}},
			[]string{"a.md in", "d/e/a.txt in", "a.go out", "d/ pass", "d.md/ in"},
		},
		{
			"a glob with a slash leads the way",
			Options{Globs: []string{"src/*/x/**/*.go"}},
			[]string{
				"src/ pass", "src/a/ pass", "src/a/x/ pass", "src/a/x/y/z/ pass", "src/a/x/m.go in", "src/a/x/y/m.go in",
				"src/a/m.go out", "doc/ out", "src/a/y/ out", "a/src/ out", "src/a/y/x/m.go out",
			},
		},
		{
			"all below",
			Options{Globs: []string{"/src/**"}},
			[]string{"src/ pass", "src/a in", "src/a/b in", "doc/ out", "a out"},
		},
		{
			"braces with slashes lead anywhere",
			Options{Globs: []string{"{a/b,c}/*.go"}},
			[]string{"a/ pass", "a/b/ pass", "d/ pass", "a/b/m.go in", "c/m.go in", "d/m.go out"},
		},
		{
			"one of several is enough",
			Options{Exts: []string{"go"}, Globs: []string{"go.mod", "testdata/**"}},
			[]string{"a.go in", "go.mod in", "testdata/x in", "x out"},
		},
		{
			"a hidden name has to be named",
			Options{Globs: []string{".env", ".github/**/*.yml", "**/*.toml"}},
			[]string{".env in", "d/.env in", ".x out", ".github/ pass", ".github/w/ pass", ".github/w/a.yml in", ".idea/ out", ".a.toml out"},
		},
		{
			"rules come first",
			Options{Globs: []string{"*.go"}, Ignore: []string{"*_gen.go", "vendor"}},
			[]string{"a.go in", "a_gen.go out", "vendor/ out", "vendor/a.go out"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, matcher(t, grow(t, nil), c.o), c.want...)
		})
	}
}

func TestMatch_rulesAboveTheRoot(t *testing.T) {
	top := grow(t, map[string]string{
		".ignore": "z\n", "repo/.git/": "", "repo/.gitignore": "/src/lib/a\n**/lib/b\n/c\nd\n", "repo/.ignore": "src/e\n",
		"repo/src/.gitignore": "/lib/f\n", "repo/src/lib/": "",
	})
	m := matcher(t, filepath.Join(top, "repo/src/lib"), Options{})
	expect(t, m, "a out", "x/a in", "b out", "c in", "x/d out", "e in", "f out", "z out")
	expect(t, matcher(t, filepath.Join(top, "repo/src"), Options{}), "e out", "lib/a out", "lib/x/e in")
	want := []string{".ignore", "repo/.gitignore", "repo/.ignore", "repo/src/.gitignore", "repo/.git/info/exclude"}
	for _, file := range want {
		if !slices.Contains(m.Sources(), filepath.Join(top, file)) {
			t.Errorf("%s is not among the sources %q", file, m.Sources())
		}
	}
}

func TestMatch_rootIsNeverOut(t *testing.T) {
	top := grow(t, map[string]string{".git/": "", ".gitignore": "/out/\n*.o\n", "out/x": ""})
	expect(t, matcher(t, filepath.Join(top, "out"), Options{}), ". in", "x in", "x.o out")
	t.Chdir(filepath.Join(top, "out"))
	expect(t, matcher(t, ".", Options{}), ". in", "x in", "x.o out")
}

func TestMatch_rootBehindASymbolicLink(t *testing.T) {
	top := grow(t, map[string]string{"repo/.git/": "", "repo/.gitignore": "a\n", "repo/src/": ""})
	link := filepath.Join(top, "link")
	if err := os.Symlink(filepath.Join(top, "repo/src"), link); err != nil {
		t.Fatal(err)
	}
	expect(t, matcher(t, link, Options{}), "a out", "b in")
}

func TestMatch_worktreeAndSubmodule(t *testing.T) {
	top := grow(t, map[string]string{
		"main/.git/info/exclude":             "a\n",
		"main/.git/worktrees/w/commondir":    "../..\n",
		"tree/.git":                          "gitdir: ../main/.git/worktrees/w\n",
		"main/.git/modules/sub/info/exclude": "b\n",
		"main/.git/modules/sub/config":       "[core]\n\texcludesFile = mine\n",
		"main/sub/.git":                      "gitdir: ../.git/modules/sub\n",
		"main/sub/mine":                      "c\n",
	})
	expect(t, matcher(t, filepath.Join(top, "tree"), Options{}), "a out", "b in")
	expect(t, matcher(t, filepath.Join(top, "main"), Options{}), "a out", "b in", "sub/a in", "sub/b out", "sub/c out")
}

func TestForget_readsAgain(t *testing.T) {
	top := grow(t, map[string]string{".git/": "", ".gitignore": "a\n", "d/e/": "", "home/.config/git/ignore": "g\n"})
	m := matcher(t, top, Options{})
	expect(t, m, "a out", "d/e/a out", "d/e/b in", "d/e/g out")

	write(t, filepath.Join(top, "d/e/.gitignore"), "b\n!a\n")
	expect(t, m, "d/e/b in")
	m.Forget("d/e")
	expect(t, m, "d/e/a in", "d/e/b out")

	write(t, filepath.Join(top, "d/.ignore"), "e\n")
	m.Forget("d")
	expect(t, m, "d/e/ out", "d/e/x out", "d/x in")

	write(t, filepath.Join(top, ".gitignore"), "b\n")
	write(t, filepath.Join(top, "home/.config/git/ignore"), "")
	if err := os.Remove(filepath.Join(top, "d/.ignore")); err != nil {
		t.Fatal(err)
	}
	m.Forget(".")
	expect(t, m, "a in", "b out", "d/e/x in", "g in")
	m.Forget("never/heard/of")
}

func TestForget_repositoryMadeLater(t *testing.T) {
	top := grow(t, map[string]string{"d/.gitignore": "a\n"})
	m := matcher(t, top, Options{})
	expect(t, m, "d/a in")
	if err := os.Mkdir(filepath.Join(top, "d/.git"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.Forget("d")
	expect(t, m, "d/a out")
}

func TestMatch_rootMadeLater(t *testing.T) {
	top := grow(t, nil)
	m := matcher(t, filepath.Join(top, "later"), Options{})
	expect(t, m, "a in")
	if err := os.Mkdir(filepath.Join(top, "later"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(top, "later/.ignore"), "a\n")
	m.Forget(".")
	expect(t, m, "a out")
}

func TestEnter_readsWhatTheListingHas(t *testing.T) {
	top := grow(t, map[string]string{".git/": "", "d/.gitignore": "a\n", "d/.ignore": "b\n", "e/.git/": "", "e/.gitignore": "c\n"})
	m := matcher(t, top, Options{})
	m.Enter("d", []string{".ignore"})
	m.Enter("e", []string{".git", ".gitignore"})
	m.Enter(".", nil)
	m.Enter("gone/too", nil)
	expect(t, m, "d/a in", "d/b out", "e/c out", "gone/too/a in")
	m.Enter("d", []string{".gitignore"})
	expect(t, m, "d/a in")
	m.Forget("d")
	expect(t, m, "d/a out", "d/b out")
}

func TestIsRules(t *testing.T) {
	for base, want := range map[string]bool{".gitignore": true, ".ignore": true, ".git": true, "gitignore": false, "a.gitignore": false, "": false} {
		if IsRules(base) != want {
			t.Errorf("IsRules(%q) is %v", base, !want)
		}
	}
}

func TestNew_refusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Ignore: []string{"a["}}, `--ignore "a["`},
		{Options{Ignore: []string{`a\`}}, "not completed"},
		{Options{Ignore: []string{"{a,b"}}, "not completed"},
		{Options{Ignore: []string{""}}, "empty"},
		{Options{Ignore: []string{"!"}}, "empty"},
		{Options{Ignore: []string{"/"}}, "empty"},
		{Options{Ignore: []string{"../a"}}, `".."`},
		{Options{Ignore: []string{"a//b"}}, `part ""`},
		{Options{Ignore: []string{strings.Repeat("{a,b}", 10)}}, "braces"},
		{Options{Globs: []string{"{a"}}, `--glob "{a"`},
		{Options{Globs: []string{"!a"}}, "--ignore"},
		{Options{Globs: []string{"src/"}}, "**"},
		{Options{Exts: []string{""}}, `--ext ""`},
		{Options{Exts: []string{"*.go"}}, "--glob"},
		{Options{Exts: []string{"a/b"}}, "--ext"},
		{Options{IgnoreFiles: []string{"/nowhere/rules"}}, "--ignore-file: open /nowhere/rules"},
		{Options{IgnoreFiles: []string{os.TempDir()}}, "not a regular file"},
	} {
		if _, err := New(".", c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("New(%q%q%q%q): %v, want one line with %q", c.o.Ignore, c.o.Globs, c.o.Exts, c.o.IgnoreFiles, err, c.want)
		}
	}
	if _, err := New(".", Options{IgnoreFiles: []string{"/nowhere/rules"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestNew_acceptsBracesWithinBounds(t *testing.T) {
	m := matcher(t, grow(t, nil), Options{Ignore: []string{`[{]x`, `[}]`, `\{y`, strings.Repeat("{a,b}", 9)}})
	expect(t, m, "{x out", "} out", "{y out", "ababababa out", "abababab in")
}

func TestWarn_onceWithFileAndLine(t *testing.T) {
	top := grow(t, map[string]string{
		".git/": "", ".gitignore": "# a comment\na\nb[\n\nc\\\n[[:nope:]]\nd*//\n[/]\n", "d/.gitignore": "", "e/.ignore/": "", "f/": "",
	})
	for _, link := range []string{"f/.gitignore", "f/.ignore"} {
		if err := os.Symlink(filepath.Join(top, ".gitignore"), filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	m := matcher(t, top, Options{Warn: func(err error) {
		got = append(got, strings.ReplaceAll(err.Error(), top+"/", ""))
	}})
	for range 2 {
		expect(t, m, "a out", "d/a out", "e/a out", "c in")
		m.Forget(".")
	}
	want := []string{
		`.gitignore:3: "b[" never matches: its [ has no ]: write \[ for a bracket`,
		`.gitignore:5: "c\\" never matches: it ends in a backslash: write \\ for a backslash`,
		`.gitignore:6: "[[:nope:]]" never matches: there is no class [:nope:]`,
		`.gitignore:7: "d*//" never matches: no path ends in a slash: write one / to mean directories only`,
		`.gitignore:8: "[/]" never matches: [/] lets no character through`,
		`e/.ignore: not a regular file: its patterns are not obeyed`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("warned\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got = nil
	expect(t, m, "f/a out")
	if want := "f/.gitignore: a symbolic link, which git does not follow here: its patterns are not obeyed"; len(got) < 1 || got[0] != want {
		t.Errorf("warned %q, want %q", got, want)
	}
}

func TestWarn_pipeInPlaceOfAnIgnoreFile(t *testing.T) {
	top := grow(t, nil)
	if err := syscall.Mkfifo(filepath.Join(top, ".ignore"), 0o600); err != nil {
		t.Skip("needs FIFOs: ", err)
	}
	warned := 0
	expect(t, matcher(t, top, Options{Warn: func(error) { warned++ }}), "a in")
	if warned != 1 {
		t.Errorf("warned %d times", warned)
	}
}

func TestWarn_unreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("needs a user that permissions hold for")
	}
	top := grow(t, map[string]string{".ignore": "a\n"})
	if err := os.Chmod(filepath.Join(top, ".ignore"), 0); err != nil {
		t.Fatal(err)
	}
	var got error
	expect(t, matcher(t, top, Options{Warn: func(err error) { got = err }}), "a in")
	if !errors.Is(got, fs.ErrPermission) {
		t.Errorf("warned %v", got)
	}
}
