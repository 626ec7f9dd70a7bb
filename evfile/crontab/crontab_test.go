package crontab

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/evshell/ev/evfile"
)

// one returns the only job of a crontab.
func one(t *testing.T, text string, system bool) Job {
	t.Helper()
	f, errs := Parse("crontab", []byte(text), system)
	if errs != nil || len(f.Jobs) != 1 {
		t.Fatalf("%d jobs, %v", len(f.Jobs), errs)
	}
	return f.Jobs[0]
}

func TestJob(t *testing.T) {
	tests := []struct {
		text   string
		system bool
		want   string // schedule|user|command|input
	}{
		{"0 5 * * * true", false, "0 5 * * *||true|"},
		{" \t0\t5  *\t* *\t echo  a  b ", false, "0\t5  *\t* *||echo  a  b |"},
		{"09,39 *     * * *     root   [ -x /a ] && /a # no comment", true, "09,39 *     * * *|root|[ -x /a ] && /a # no comment|"},
		{"57 0 * * 0 root [ $(date +\\%d) -le 7 ]", true, "57 0 * * 0|root|[ $(date +%d) -le 7 ]|"},
		{`0 22 * * 1-5 mail -s "It's 10pm" joe%Joe,%%Where are your kids?%`, false, "0 22 * * 1-5||mail -s \"It's 10pm\" joe|Joe,\n\nWhere are your kids?\n"},
		{`* * * * * cat%a\%b`, false, "* * * * *||cat|a%b\n"},
		{"* * * * * cat%", false, "* * * * *||cat|"},
		{"-*/5 * * * * true", false, "*/5 * * * *||true|"},
		{"@daily root true", true, "@daily|root|true|"},
		{"@reboot true\r", false, "@reboot||true|"},
		{"@daily A=b true", false, "@daily||A=b true|"},
		{"0 5 * jan-mar,dec sun A=b true", false, "0 5 * jan-mar,dec sun||A=b true|"},
	}
	for _, tt := range tests {
		j := one(t, tt.text+"\n", tt.system)
		input := ""
		if j.Input != nil {
			input = *j.Input
		}
		if got := strings.Join([]string{j.Schedule.Text, j.User.Text, j.Command.Text, input}, "|"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
		if has := j.Input != nil; has != strings.Contains(strings.ReplaceAll(tt.text, `\%`, ""), "%") {
			t.Errorf("%q: has an input: %v", tt.text, has)
		}
	}
	if j := one(t, "@every 1h30m true\n", false); j.Every.Text != "1h30m" || j.Every.Col != 8 || j.Command.Col != 14 {
		t.Errorf("%+v", j)
	}
}

func TestVariable(t *testing.T) {
	for text, want := range map[string]string{
		"A=b":               "A=b",
		"A = b c ":          "A=b c",
		`A="b c "`:          "A=b c ",
		`A=' "b" '`:         `A= "b" `,
		`"A" = b`:           "A=b",
		`A=b "c"`:           `A=b "c"`,
		"A=":                "A=",
		`MAILTO=""`:         "MAILTO=",
		"MAILTO=a@b, c":     "MAILTO=a@b, c",
		"  A=$HOME/%x # no": "A=$HOME/%x # no",
		"A=1\nA=2":          "A=2",
	} {
		j := one(t, text+"\n0 5 * * * true\nLATER=1\n", false)
		if got := j.Env[0].Name + "=" + j.Env[0].Value.Text; got != want || len(j.Env) != 1 {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		text   string
		system bool
		want   string // line:col: how the message begins
	}{
		{"# a\n0 5 * *", false, "2:8: a job is five fields"},
		{"0 5 * * *", false, "1:10: the command is missing"},
		{"0 5 * * * %in", false, "1:11: the command is missing"},
		{"@daily", true, "1:7: the user and the command are missing"},
		{"@daily root", true, "1:12: the command is missing"},
		{"@every", false, "1:7: a span is missing"},
		{`A="b`, false, "1:3: this quote is not closed"},
		{"A-B=c", false, "1:1: a variable's name"},
		{"MAILTO=-oQ/tmp", false, "1:8: MAILTO: an address does not begin with -"},
		{"MAILTO=a,-b", false, "1:8: MAILTO: an address does not begin with -"},
		{"MAILTO=a\vBcc: b", false, "1:8: MAILTO: an address has no control characters"},
		{"RANDOM_DELAY=often", false, "1:14: RANDOM_DELAY is a number"},
		{"é\x00", false, "1:2: a NUL byte"},
	}
	for _, tt := range tests {
		_, errs := Parse("crontab", []byte(tt.text+"\n"), tt.system)
		if len(errs) != 1 || !strings.HasPrefix(strings.TrimPrefix(errs[0].Error(), "crontab:"), tt.want) {
			t.Errorf("%q: %v", tt.text, errs)
		}
	}
}

func TestNotes(t *testing.T) {
	f, errs := Parse("crontab", []byte("LOGNAME=me\n@daily true"), false)
	if errs != nil || len(f.Jobs) != 1 || len(f.Jobs[0].Env) != 0 || len(f.Notes) != 2 || f.Notes[1].Line != 2 {
		t.Errorf("%+v, %v", f, errs)
	}
}

func options() Options {
	return Options{
		Label: "tab", Host: "host", Owner: "me", Home: func(user string) string { return "/home/" + user },
		Exists: func(string) bool { return true },
		Taken:  func(command string) bool { return strings.Contains(command, "{}") },
	}
}

func TestLines(t *testing.T) {
	mail := func(o *Options) { o.Mail = "sendmail -i --" }
	tests := []struct {
		name, text string
		change     func(*Options)
		want       string // of the line
	}{
		{"five fields", "0 5 * * * true", nil, "every '0 5 * * *' --name tab:1 --chdir /home/me -c true"},
		{"an alias", "@daily true", nil, "every @daily --name tab:1 --chdir /home/me -c true"},
		{"at the start", "@reboot true", nil, "timer 0 --name tab:1 --chdir /home/me -c true"},
		{"a span", "@every 1h true", nil, "every 1h --from-now --name tab:1 --chdir /home/me -c true"},
		{"the zone", "CRON_TZ=UTC\nTZ=Asia/Tokyo\n@daily true", nil, "every @daily --tz UTC --name tab:3 --chdir /home/me -c true"},
		{"TZ is the job's alone", "TZ=Asia/Tokyo\n@daily true", nil, "every @daily --tz Local --name tab:2 --chdir /home/me -c true"},
		{"a random delay", "RANDOM_DELAY=30\n@daily true", nil, "every @daily --jitter 30m --name tab:2 --chdir /home/me -c true"},
		{"a random minute", "~ 3~5 * * * true", nil, "every 'H(0-59) H(3-5) * * *' --name tab:1 --chdir /home/me -c true"},
		{"home", "HOME=/srv\n@daily true", nil, "every @daily --name tab:2 --chdir /srv -c true"},
		{"several at once", "@daily true", func(o *Options) { o.Overlapping = true }, "every @daily --name tab:1 --on-busy parallel --chdir /home/me -c true"},
		{"nobody is to get mail", "MAILTO=\n@daily true", mail, "every @daily --name tab:2 --chdir /home/me -c true"},
		{
			"what looks like a placeholder", "@daily find -exec rm {} ;", nil,
			`every @daily --name tab:1 --chdir /home/me -- /bin/sh -c '"$SHELL" -c "$CRON_COMMAND"'`,
		},
		{
			"input", "@daily cat%a%b", nil,
			`every @daily --name tab:1 --chdir /home/me -- /bin/sh -c 'printf %s "$CRON_INPUT" | "$SHELL" -c "$CRON_COMMAND"'`,
		},
	}
	for _, tt := range tests {
		f, errs := Parse("tab", []byte(tt.text+"\n"), false)
		o := options()
		if tt.change != nil {
			tt.change(&o)
		}
		lines := f.Lines(o)
		if errs != nil || len(lines) != 1 || evfile.Join(lines[0].Args()) != tt.want {
			t.Errorf("%s: %v, %v", tt.name, lines, errs)
		}
	}
}

func TestLines_environment(t *testing.T) {
	f, _ := Parse("tab", []byte("SHELL=/bin/bash\nA=1\nLOGNAME=other\n0 5 * * * you cat%in\n"), true)
	l := f.Lines(options())[0]
	want := []string{"SHELL=/bin/bash", "HOME=/home/you", "LOGNAME=you", "USER=you", "A=1", "CRON_COMMAND=cat", "CRON_INPUT=in\n"}
	if !slices.Equal(l.Env, want) {
		t.Errorf("%q", l.Env)
	}
	if got := evfile.Join(l.Args()); !strings.Contains(got, "--user you --chdir /home/you ") {
		t.Error(got)
	}
}

// What is printed is an Evfile that says the same, whatever the crontab has in it.
func FuzzLines(f *testing.F) {
	for _, s := range []string{
		"A = 'b c'\nMAILTO=a,b\n@daily cat%in\\%put%\n", "*/5 * * * * find {} ;\n", "0 0 1,15 * 5 x\n\r\n", "@every 1h é\xff\n",
		"CRON_TZ=UTC\n~ ~ * * * x'y\n", "HOME=\nRANDOM_DELAY=5\n-0 0 * * 7 x",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, system bool) {
		file, _ := Parse("tab", []byte(text), system)
		o := options()
		o.Mail = "sendmail -i --"
		lines := file.Lines(o)
		back, errs := evfile.Parse("-", []byte(evfile.Format(lines)))
		if len(errs) > 0 || len(back.Lines) != len(lines) {
			t.Fatalf("%v\n%s", errs, evfile.Format(lines))
		}
		for i, l := range lines {
			got := back.Lines[i]
			for got.Words[1].Text == "--env" {
				got.Env = append(slices.Clone(got.Env), got.Words[2].Text)
				got.Words = slices.Delete(got.Words, 1, 3)
			}
			if !slices.Equal(got.Args(), l.Args()) {
				t.Errorf("%q became %q", l.Args(), got.Args())
			}
			for _, v := range l.Env {
				if !slices.Contains(got.Env, v) {
					t.Errorf("%q is missing in %q", v, got.Env)
				}
			}
			for _, w := range l.Words {
				if err := file.Errorf(w, "x"); !strings.HasPrefix(err.Error(), fmt.Sprintf("tab:%d:", w.Line)) {
					t.Error(err)
				}
			}
		}
	})
}

// A variable of one file is none of the next.
func TestFormat_keepsVariablesApart(t *testing.T) {
	var lines []evfile.Line
	for _, text := range []string{"PATH=/a\n@daily x\n", "@daily y\n", "B={}\n@daily z\n"} {
		f, _ := Parse("tab", []byte(text), false)
		lines = append(lines, f.Lines(options())...)
	}
	want := "SHELL=/bin/sh\nHOME=/home/me\nLOGNAME=me\nUSER=me\n" +
		"every --env PATH=/a @daily --name tab:2 --chdir /home/me -c x\n" +
		"every @daily --name tab:1 --chdir /home/me -c y\n" +
		"B='{}'\nevery @daily --name tab:2 --chdir /home/me -c z\n"
	if got := evfile.Format(lines); got != want {
		t.Errorf("%s", got)
	}
}
