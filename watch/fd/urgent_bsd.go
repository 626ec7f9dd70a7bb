//go:build darwin || freebsd || netbsd || openbsd

package fd

import "fmt"

// openUrgent: these are files of Linux.
func (w *Watcher) openUrgent(form form) (source, error) {
	return nil, fmt.Errorf("%s does not report its changes to --urgent: use 'ev stat' to watch files", form.name)
}
