package process

import (
	"syscall"
	"testing"
)

func TestEvents_neverGuess(t *testing.T) {
	exit := func(status int) syscall.WaitStatus { return syscall.WaitStatus(status << 8) }
	tests := []struct {
		ends  threadEnds
		known bool
	}{
		{threadEnds{first: exit(7), last: exit(7), firstEnded: true}, true},
		{threadEnds{first: exit(0), last: exit(7), firstEnded: true}, false},
		{threadEnds{last: exit(7)}, false},
		{threadEnds{first: exit(7), last: exit(7), firstEnded: true, unsound: true}, false},
	}
	for _, tt := range tests {
		p := &Events{fd: -1, ends: map[int]*threadEnds{1: &tt.ends}}
		if ws, ok := p.Status(1); ok != tt.known || ok && ws.ExitStatus() != 7 {
			t.Errorf("%+v: %v %t", tt.ends, ws, ok)
		}
	}
}
