//go:build darwin || freebsd || netbsd || openbsd

package onexit

import (
	"errors"

	"github.com/evshell/ev/process"
)

// pidfds do not exist here: processes are polled.
type pidfds struct{ w *Watcher }

func (*pidfds) watch(process.Ref) (target, error) { return nil, errors.ErrUnsupported }

func (*pidfds) close() {}
