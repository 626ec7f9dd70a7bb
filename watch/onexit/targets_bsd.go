//go:build darwin || freebsd || netbsd || openbsd

package onexit

import "errors"

// pidfds do not exist here: processes are polled.
type pidfds struct{ w *Watcher }

func (*pidfds) watch(pidRef) (target, error) { return nil, errors.ErrUnsupported }

func (*pidfds) close() {}
