package stat

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// isLimit reports whether watching failed for the want of something of which the system has only so
// much.
func isLimit(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// tooFewDescriptors says which limit is behind an EMFILE that no watch has met, and how to raise
// it.
func tooFewDescriptors(err error) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return err
	}
	return fmt.Errorf("this process may have no more open files (ulimit -n is %d): raise it with `ulimit -n %d`",
		limit.Cur, max(4*limit.Cur, 256))
}

// overLimit is for a directory that can't be watched any more. At the start that is an error,
// unless it may be polled. Later there is no choice.
func (t *tree) overLimit(d *dir, err error) {
	limit := limitReached(err, t.n.hub.watched())
	if !t.o.PollFallback && !t.armed {
		t.failed = fmt.Errorf("%s: %w; or add --poll-fallback to poll what is beyond it", d.path, limit)
		return
	}
	t.polled[d] = true
	if t.limitReported {
		return
	}
	t.limitReported = true
	tell := t.o.Report.Noticef
	if !t.o.PollFallback {
		tell = t.o.Report.Errorf
	}
	tell("%s: %v; what is beyond it is polled every %s", d.path, limit, t.o.interval())
}
