//go:build unix && !linux

package every

import "github.com/evshell/ev/loop"

// notice has it noticed when the file is written or replaced, a minute later at most.
func (t *Localtime) notice(l *loop.Loop) (stop func()) { return t.poll(l) }
