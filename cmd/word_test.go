package cmd

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// mutedError is an error with another text.
type mutedError struct{ error }

func (mutedError) Error() string   { return "" }
func (m mutedError) Unwrap() error { return m.error }

// A line of testdata/carets that is faulty has a caret below its fault, wherever that is found: by
// what parses a value, by the command, by its watcher when it is made or started. What the message
// says does not matter: the place is the same without it.
func TestFault_hasItsCaret(t *testing.T) {
	t.Chdir("testdata")
	text, err := os.ReadFile("carets")
	if err != nil {
		t.Fatal(err)
	}
	p := newProgram(nil)
	p.Report = report.New(t.Output(), "ev run", report.Plain, report.Error)
	row, tested := "", 0
	for next := range strings.Lines(string(text)) {
		last := row
		row = strings.TrimSuffix(next, "\n")
		if strings.Trim(row, " ") != "^" || strings.Contains(last, "--siginfo") && runtime.GOOS != "linux" {
			continue
		}
		f, errs := evfile.Parse("carets", []byte(last))
		if errs != nil {
			t.Fatal(errs)
		}
		l := &line{Line: &f.Lines[0], file: f}
		fault := faultOf(t, p, l)
		if fault == nil {
			t.Errorf("%s: nothing is wrong", last)
			continue
		}
		tested++
		for _, fault := range []error{fault, mutedError{fault}} {
			got := l.fault(fault)
			if source, caret, _ := strings.Cut(got.Excerpt(), "\n"); caret != "    "+row {
				t.Errorf("%s\n%s\n%s\nwant\n    %s", got, source, caret, row)
			}
		}
	}
	if tested < 200 {
		t.Errorf("%d lines were tested", tested)
	}
}

// faultOf returns what is wrong with a line.
func faultOf(t *testing.T, p *program, l *line) error {
	t.Helper()
	r := &reader{program: p, globals: Root().PersistentFlags(), options: &runOptions{}, common: watchers.NewCommon()}
	if err := r.bind(l); err != nil {
		return err
	}
	lp, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	w, err := l.binding.Watch(lp, func(event.Detail) {})
	if err != nil {
		return err
	}
	defer w.Stop()
	return w.Start()
}

// FuzzTellApart: words mean what they mean to pflag.
func FuzzTellApart(f *testing.F) {
	for _, words := range []string{
		"timer 5 --repeat 3 -- sh -c x", "timer -0qc x 5", "timer -c=x -0=x", "timer --once=true --count=3 - --env= --env --",
		"timer -é -c", "timer --respawn x --respawn=y -", "-- a", "timer --script -- --", "-q -0",
	} {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split(text, " ")
		fs := (&line{Line: &evfile.Line{Words: []evfile.Word{{Text: "timer"}}}}).flags()
		fs.BoolP("quiet", "q", false, "")
		fs.String("respawn", "", "")
		fs.Lookup("respawn").NoOptDefVal = "always"
		var want, got []string
		if err := fs.ParseAll(words, func(f *pflag.Flag, value string) error {
			want = append(want, f.Name+"="+value)
			return nil
		}); err != nil {
			return
		}
		l := usage.TellApart(fs, words)
		var given []usage.GivenFlag
		names := map[usage.GivenFlag]string{}
		for name, list := range l.Flags {
			for _, g := range list {
				given, names[g] = append(given, g), name
			}
		}
		slices.SortFunc(given, func(a, b usage.GivenFlag) int { return cmp.Or(a.Word-b.Word, a.At-b.At) })
		for _, g := range given {
			value := fs.Lookup(names[g]).NoOptDefVal
			if g.Value >= 0 {
				value = l.ValueOf(g)
			}
			got = append(got, names[g]+"="+value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: flags %q, want %q", words, got, want)
		}
		var args []string
		for _, i := range l.Args {
			args = append(args, words[i])
		}
		if l.Dash >= 0 {
			args = append(args, words[l.Dash+1:]...)
		}
		if !slices.Equal(args, fs.Args()) || l.Dash >= 0 && len(l.Args) != fs.ArgsLenAtDash() {
			t.Errorf("%q: arguments %q, want %q", words, args, fs.Args())
		}
	})
}
