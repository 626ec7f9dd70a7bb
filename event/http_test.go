package event

import (
	"slices"
	"strings"
	"testing"
)

func request() HTTP {
	return HTTP{
		Method: "POST", Path: "/a b", Host: "h", Remote: "r", Query: "x=1",
		Params:  []Param{{Name: "id", Values: []string{"1"}}, {Name: "tag", Values: []string{"a", "b"}}, {Name: "null"}},
		Headers: []Param{{Name: "x-github-event", Values: []string{"push"}}},
		Files:   []string{"/tmp/f"},
	}
}

func TestHTTP_repeatedNamesAreAListInJSON(t *testing.T) {
	got := string(Event{Detail: request()}.AppendJSON(nil))
	want := `"method":"POST","path":"/a b","host":"h","remote":"r","user":null,"client_subject":null,"query":"x=1","gone":false,"files":["/tmp/f"],` +
		`"param.id":"1","param.tag":["a","b"],"param.null":null,"header.x-github-event":"push"}`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got %s", got)
	}
}

func TestHTTP_repeatedNamesAreNumberedVariables(t *testing.T) {
	env := Event{Detail: request()}.Environ()
	for _, want := range []string{
		"EV_METHOD=POST", "EV_PATH=/a b", "EV_PARAM_ID=1", "EV_PARAM_TAG=a", "EV_PARAM_TAG_1=a", "EV_PARAM_TAG_2=b",
		"EV_PARAM_NULL=", "EV_HEADER_X_GITHUB_EVENT=push", "EV_GONE=false", "EV_FILES=/tmp/f",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not among %q", want, env)
		}
	}
}

func TestHTTP_everyParameterAndHeaderIsAField(t *testing.T) {
	for text, want := range map[string]string{
		"{} {method}":             "POST /a b POST",
		"{param.id}{param.tag}":   "1a",
		"<{param.none}>":          "<>",
		"{header.X-GitHub-Event}": "push",
		"<{header.none}>":         "<>",
		"{other.none}":            "{other.none}",
	} {
		if got := string(NewTemplate(text).Append(nil, Event{Detail: request()})); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if used, _ := NewTemplate("{param.any}").Uses(Event{Detail: HTTP{}}); used == "" {
		t.Error("a parameter is not seen in a script before the first request")
	}
}

// Whatever a client calls its parameters, no variable but its own is set.
func FuzzHTTP_namesOfVariables(f *testing.F) {
	for _, name := range []string{"", "PATH", "a=b", "x\nLD_PRELOAD", "BASH_FUNC_x%%", "\x00", "http_proxy", "ü", "../x"} {
		f.Add(name, "() { :; }; echo")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		d := HTTP{Params: []Param{{Name: name, Values: []string{value, value}}}, Headers: []Param{{Name: name, Values: []string{value}}}}
		own := len(Event{Detail: HTTP{}}.Environ())
		for _, v := range (Event{Detail: d}).Environ()[own:] {
			variable, got, _ := strings.Cut(v, "=")
			rest, param := strings.CutPrefix(variable, "EV_PARAM_")
			if !param {
				rest, param = strings.CutPrefix(variable, "EV_HEADER_")
			}
			if !param || strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || got != value {
				t.Errorf("%q gives %q", name, v)
			}
		}
	})
}
