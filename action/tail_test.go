package action

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	var all strings.Builder
	tail := newTail(10)
	for i, s := range []string{"", "abc", "defghijk", "0123456789ABCDEF", "x", "yz", "0123456789"} {
		tail.add([]byte(s))
		all.WriteString(s)
		want := all.String()
		if want = want[max(len(want)-10, 0):]; tail.String() != want {
			t.Errorf("%d: %q, want %q", i, tail, want)
		}
	}
	none := newTail(0)
	if none.add([]byte("x")); none.String() != "" {
		t.Error("it keeps what nobody wants")
	}
}

// What a run has written goes on to ev's output, and is kept.
func TestExec_keep(t *testing.T) {
	for _, prefix := range []string{"", "p: "} {
		th := open(t, Options{Argv: shell("echo one; echo two >&2; printf three"), Prefix: prefix})
		th.Keep(11)
		th.Do(tick(1))
		th.run()
		if got := th.outcomes[0].Output; len(got) != 11 || !strings.HasSuffix(got, "three") && !strings.HasSuffix(got, "two\n") {
			t.Errorf("kept %q", got)
		}
		for _, want := range []string{"one\n", "two\n", "three"} {
			if got := th.output(); !strings.Contains(got, prefix+want) {
				t.Errorf("wrote %q", got)
			}
		}
	}
}
