package session

import (
	"errors"
	"testing"

	"github.com/evshell/ev/action"
)

func TestRun_endsWhenNothingIsWatched(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b"))
		s.saw("changed, start a, start b")
		s.on(s.props["a"].Stop)
		s.lives()
		s.on(s.props["b"].Stop)
		s.ended(End{})
	})
}

var (
	_ = errors.New
	_ action.Outcome
)
