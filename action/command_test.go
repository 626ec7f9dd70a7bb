package action

import (
	"slices"
	"strings"
	"testing"

	"github.com/evshell/ev/event"
)

func TestEnviron(t *testing.T) {
	t.Setenv("EV_METHOD", "inherited")
	t.Setenv("EV_OTHER", "inherited")
	th := open(t, Options{Argv: []string{"/bin/sh"}, Env: []string{"A=1", "A=2", "LONG=" + strings.Repeat("x", maxString), "EV_HOST=user's"}})
	env := th.command.environ(event.Event{Detail: event.HTTP{
		Method: "GET", Path: "/a\x00b",
		Headers: []event.Param{{Name: "x", Values: []string{"a", "b"}}, {Name: "x-2", Values: []string{"forged"}}},
	}})
	for want, n := range map[string]int{
		"A=2": 1, "A=": 1, "LONG=": 0, "EV_METHOD=GET": 1, "EV_METHOD=": 1, "EV_OTHER=inherited": 1, "EV_HOST=": 1, "EV_HOST=user's": 0,
		"EV_PATH=": 0, "EV_HEADER_X=a": 1, "EV_HEADER_X_1=a": 1, "EV_HEADER_X_2=b": 1, "EV_HEADER_X_2=": 1,
	} {
		got := slices.DeleteFunc(slices.Clone(env), func(v string) bool { return !strings.HasPrefix(v, want) })
		if len(got) != n {
			t.Errorf("%d of %s: %q", len(got), want, got)
		}
	}
}
