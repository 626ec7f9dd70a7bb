//go:build darwin || freebsd || netbsd || openbsd

package fd

import "fmt"

// openUrgent: these are files of Linux.
func (w *Watcher) openUrgent(form form) (source, error) {
	return nil, fmt.Errorf("%s never tells by itself that it has changed: 'ev stat' watches files", form.name)
}
