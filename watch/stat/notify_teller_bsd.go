//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package stat

import "github.com/fsnotify/fsnotify"

// A teller is kqueue(2), as fsnotify has it.
type teller = fsnotify.Watcher

func newTeller(burst uint) (*teller, error) { return fsnotify.NewBufferedWatcher(burst) }
