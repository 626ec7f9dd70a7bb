package action

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/evshell/ev/event"
)

func TestEnviron(t *testing.T) {
	t.Setenv("EV_METHOD", "inherited")
	t.Setenv("EV_OTHER", "inherited")
	t.Setenv("EV_PARAM_X", "inherited")
	th := open(t, Options{Argv: []string{"/bin/sh"}, Env: []string{"A=1", "A=2", "LONG=" + strings.Repeat("x", maxString), "EV_HOST=user's"}})
	e := event.Event{Detail: event.HTTP{
		Method: "GET", Path: "/a\x00b",
		Headers: []event.Param{{Name: "x", Values: []string{"a", "b"}}, {Name: "x-2", Values: []string{"forged"}}},
	}}
	s := &spill{command: th.command, event: e}
	own, err := s.environ()
	if err != nil {
		t.Fatal(err)
	}
	env := th.command.environ(e, own)
	for want, n := range map[string]int{
		"A=2": 1, "A=": 1, "LONG=": 0, "EV_METHOD=GET": 1, "EV_METHOD=": 1, "EV_OTHER=inherited": 1, "EV_PARAM_X=": 0, "EV_HOST=": 1, "EV_HOST=user's": 0,
		"EV_PATH=": 0, "EV_PATH_FILE=/": 1, "EV_HEADER_X=a": 1, "EV_HEADER_X_1=a": 1, "EV_HEADER_X_2=b": 1, "EV_HEADER_X_2=": 1,
	} {
		got := slices.DeleteFunc(slices.Clone(env), func(v string) bool { return !strings.HasPrefix(v, want) })
		if len(got) != n {
			t.Errorf("%d of %s: %q", len(got), want, got)
		}
	}
	if text, err := os.ReadFile(s.files[0]); err != nil || string(text) != "/a\x00b" {
		t.Errorf("the file says %q, %v", text, err)
	}
	if s.remove(); s.files != nil {
		t.Errorf("%q are left", s.files)
	}
}
