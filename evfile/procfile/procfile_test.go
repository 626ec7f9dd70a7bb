package procfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/evshell/ev/evfile"
)

func lines(t *testing.T, text string, o Options) []string {
	t.Helper()
	f, errs := Parse("Procfile", []byte(text))
	if errs != nil {
		t.Fatal(errs)
	}
	list, err := f.Lines(o)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(evfile.Format(list), "\n"), "\n")
}

func TestLines(t *testing.T) {
	const text = "# what runs\nweb: bundle exec puma -p ${PORT:-3000} -e \"$RACK_ENV\"\n\nworker:  sidekiq\r\nclock_1: a: b\n"
	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"one of each", Options{Port: 5000}, []string{
			"PORT=5000", `web: on-exit --child '/bin/sh -c '\''bundle exec puma -p ${PORT:-3000} -e "$RACK_ENV"'\'''`,
			"PORT=5100", "worker: on-exit --child '/bin/sh -c sidekiq'",
			"PORT=5200", `clock_1: on-exit --child '/bin/sh -c '\''a: b'\'''`,
		}},
		{"a formation", Options{Port: 80, Formation: Formation{"worker": 2}, Env: []string{"PORT=1", "A=b"}, Flags: []string{"--respawn"}}, []string{
			"A=b", "PORT=180", "worker.1: on-exit --child '/bin/sh -c sidekiq' --respawn",
			"PORT=181", "worker.2: on-exit --child '/bin/sh -c sidekiq' --respawn",
		}},
		{"all but", Options{Formation: Formation{"all": 1, "web": 0, "clock_1": 0}}, []string{"PORT=100", "worker: on-exit --child '/bin/sh -c sidekiq'"}},
	}
	for _, tt := range tests {
		if got := lines(t, text, tt.o); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	f, _ := Parse("Procfile", []byte(text))
	for want, o := range map[string]Options{
		"there is no process web2 in Procfile": {Formation: Formation{"web2": 1}},
		"65535":                                {Port: 65400},
	} {
		if _, err := f.Lines(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestErrors(t *testing.T) {
	_, errs := Parse("Procfile", []byte("web: a\nno process\nweb: b\nempty:\nnul: \x00\n"))
	var got []string
	for _, e := range errs {
		got = append(got, strings.TrimPrefix(e.Error(), "Procfile:"))
	}
	want := []string{"2:1: a process is NAME", "3:1: line 1 has the name web", "4:7: the command is missing", "5:6: a NUL byte"}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("%q", got)
	}
}

func TestParseEnv(t *testing.T) {
	for text, want := range map[string]string{
		"A=b":                      "A=b",
		"export A = b c # no":      "A=b c",
		"A=b#c":                    "A=b#c",
		"A= # only this":           "A=",
		"A=":                       "A=",
		`A="b\nc\"d\\e" # no`:      "A=b\nc\"d\\e",
		"A='b\\n$c'":               `A=b\n$c`,
		"A='b\nc'":                 "A=b\nc",
		"\ufeff# x\r\n\r\nA=b\r\n": "A=b",
		"A=1\nB=2\nA=3":            "B=2|A=3",
		`A=it's`:                   "A=it's",
	} {
		env, errs := ParseEnv(".env", []byte(text))
		if errs != nil || strings.Join(env, "|") != want {
			t.Errorf("%q: %q, %v", text, env, errs)
		}
	}
	for text, want := range map[string]string{
		"A":            ".env:1:1: a variable is NAME=value",
		"B=1\n é-A=b":  ".env:2:2: a variable is NAME=value",
		"A='b\nB=c":    ".env:1:3: this quote is not closed",
		`A="b`:         ".env:1:3: this quote is not closed",
		`A="b\`:        ".env:1:3: this quote is not closed",
		"A='b'c\nB=ok": ".env:1:6: something follows",
		"A=\x00":       ".env:1:1: A has a NUL byte",
	} {
		if _, errs := ParseEnv(".env", []byte(text)); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%q: %v", text, errs)
		}
	}
}

func TestParseFormation(t *testing.T) {
	m, err := ParseFormation("web=2, all=1")
	if err != nil || m.count("web") != 2 || m.count("other") != 1 || Formation(nil).count("x") != 1 || (Formation{"a": 1}).count("x") != 0 {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range []string{"", "web", "=1", "web=-1", "web=x", "web=99999"} {
		if m, err := ParseFormation(bad); err == nil {
			t.Errorf("%q is %v", bad, m)
		}
	}
}

func TestPort(t *testing.T) {
	for want, in := range map[int][2]string{5000: {"A=b", ""}, 80: {"A=b", "80"}, 90: {"PORT=90", "80"}} {
		if got, err := Port([]string{in[0]}, in[1]); got != want || err != nil {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	if _, err := Port(nil, "web"); err == nil {
		t.Error("web is a port")
	}
}

func FuzzParseEnv(f *testing.F) {
	for _, s := range []string{"A=b\n", "export A='b\nc' # x", `A="\n\"" `, "A", "A='", "é\xff=", "A= b # c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		env, errs := ParseEnv(".env", []byte(text))
		for _, v := range env {
			if name, _, ok := strings.Cut(v, "="); !ok || !isName(name) || strings.IndexByte(v, 0) >= 0 {
				t.Errorf("%q gives %q", text, v)
			}
		}
		_ = errs.Error()
	})
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"web: a 'b' \\\n", "a: b\r\nb: c # d", "x", "a:b", "é: x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, _ := Parse("Procfile", []byte(text))
		list, err := file.Lines(Options{Port: 1})
		if err != nil {
			return
		}
		back, errs := evfile.Parse("-", []byte(evfile.Format(list)))
		if errs != nil || len(back.Lines) != len(list) {
			t.Fatalf("%v\n%s", errs, evfile.Format(list))
		}
		for i, l := range list {
			if got := back.Lines[i]; !slices.Equal(got.Args(), l.Args()) || got.Label != l.Label {
				t.Errorf("%q became %q", l.Args(), got.Args())
			}
		}
	})
}

// What the Procfiles of large projects have in them is read: variables before a command, ports,
// lists of commands, names with - and _.
func TestParse_asProjectsWriteIt(t *testing.T) {
	for line, want := range map[string]string{
		"web: PORT=3000 bundle exec puma -C config/puma.rb":        "web|PORT=3000 bundle exec puma -C config/puma.rb",
		"worker: bundle exec sidekiq -e $RAILS_ENV -c ${JOBS:-5}":  "worker|bundle exec sidekiq -e $RAILS_ENV -c ${JOBS:-5}",
		"web: gunicorn app.wsgi --bind 0.0.0.0:$PORT --log-file -": "web|gunicorn app.wsgi --bind 0.0.0.0:$PORT --log-file -",
		"release: python manage.py migrate && ./seed || true":      "release|python manage.py migrate && ./seed || true",
		"celery-beat:\tcelery -A app beat -l info  ":               "celery-beat|celery -A app beat -l info",
		"css_1: cd assets; yarn build:css --watch # rebuilds":      "css_1|cd assets; yarn build:css --watch # rebuilds",
		"web:java -jar target/*.jar --url=http://localhost:8080/":  "web|java -jar target/*.jar --url=http://localhost:8080/",
	} {
		f, errs := Parse("Procfile", []byte(line))
		if errs != nil || len(f.Processes) != 1 {
			t.Errorf("%q: %v", line, errs)
			continue
		}
		if p := f.Processes[0]; p.Name.Text+"|"+p.Command.Text != want {
			t.Errorf("%q: %q runs %q", line, p.Name.Text, p.Command.Text)
		}
	}
}
