package action

import (
	"slices"
	"strings"
	"testing"

	"github.com/evshell/ev/event"
)

// What is too much for all variables together goes to files, the longest first.
func TestSpill_together(t *testing.T) {
	th := open(t, Options{Argv: []string{"/bin/sh"}})
	text := strings.Repeat("x", 100<<10)
	d := event.FD{Line: &text}
	for name := range strings.FieldsSeq("a b c d e f g h i j k") {
		long := text + name
		d.Groups = append(d.Groups, event.Group{Name: name, Text: &long})
	}
	s := &spill{command: th.command, event: event.Event{Detail: d}}
	defer s.remove()
	env, err := s.environ()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	var moved []string
	for _, v := range env {
		sum += len(v)
		if name, _, _ := strings.Cut(v, "="); strings.HasSuffix(name, fileSuffix) {
			moved = append(moved, name)
		}
	}
	if want := []string{"EV_LINE_FILE", "EV_LINES_FILE", "EV_A_FILE"}; sum > maxOwn || !slices.Equal(moved, want) {
		t.Errorf("%d bytes, %q are in files; want %q", sum, moved, want)
	}
}
