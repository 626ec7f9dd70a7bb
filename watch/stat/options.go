package stat

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/durable"
	"github.com/evshell/ev/internal/ignore"
	"github.com/evshell/ev/internal/report"
)

// The usual times of a Watcher.
const (
	DefaultSettle  = 10 * time.Millisecond
	DefaultMaxWait = time.Second
	DefaultPoll    = 2 * time.Second
)

// Options say which paths a Watcher watches, and what of them it tells.
type Options struct {
	Paths     []string       // at least one; none has to exist
	Recursive bool           // of a directory, what is in it counts, and not the directory alone
	Ignore    ignore.Options // what counts in it
	Follow    bool           // symbolic links in it are followed
	NoFollow  bool           // named symbolic links are what they are
	Depth     int            // how deep in it: 1 is what is in the directory itself; 0: no limit
	Types     string         // only files of these types, in the letters of find(1): f, d, l; "": all

	Settle  time.Duration         // changes with less time between them are one event; 0: each is told at once
	MaxWait time.Duration         // but an event does not wait longer than this for quiet; 0: without end
	Each    bool                  // one event a path
	Changes Changes               // what is told; 0: all but Atime
	Atime   bool                  // Atime as well, which has to be polled for
	Content bool                  // a file has only changed if it has other bytes
	Initial bool                  // begin with one event a path as it is
	Pass    func(event.Stat) bool // asked of each path's change by itself, whether it is to be told; nil: all are
	Until   Until                 // end once the paths are so, and tell only that

	Poll         time.Duration // look this often, and don't be notified; 0: poll where nothing tells
	PollFallback bool          // poll what is beyond the system's limit of watches

	State string // the file that remembers what was told and dealt with, from one ev to the next; or empty

	Hub    *Hub // shared with the other Stats of the loop; nil: its own
	Report *report.Reporter
}

// Until is what a path has to be.
type Until uint8

// What a path has to be for the waiting to end.
const (
	Forever Until = iota
	Exists
	Gone
)

// ofType reports whether a file is of a type that counts.
func (o *Options) ofType(f file) bool {
	switch {
	case o.Types == "":
		return true
	case f.isFile():
		return strings.Contains(o.Types, "f")
	case f.isDir():
		return strings.Contains(o.Types, "d")
	}
	return f.isLink() && strings.Contains(o.Types, "l")
}

// ownIn returns what ev itself writes below a directory, relative to it.
func (o *Options) ownIn(dir string) (own []string) {
	if o.State == "" {
		return nil
	}
	dir = absolute(dir)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for _, name := range durable.Names(o.State) {
		if name != dir && isBelow(name, dir) {
			own = append(own, strings.TrimPrefix(strings.TrimPrefix(name, dir), "/"))
		}
	}
	return own
}

// checkState refuses a State whose every writing would be a change to be told.
func (o *Options) checkState() error {
	if o.State == "" {
		return nil
	}
	if o.State[len(o.State)-1] == '/' {
		return fmt.Errorf("%s: a state is a file: leave out the / at the end", o.State)
	}
	for _, p := range o.Paths {
		real := absolute(p)
		if at, err := filepath.EvalSymlinks(real); err == nil {
			real = at
		}
		for _, name := range durable.Names(o.State) {
			if dir, _ := splitPath(name); name == real || !o.Recursive && dir == real {
				return fmt.Errorf("%s is watched, and the state %s is in it: each time it is saved, that would be a change: put it elsewhere", p, o.State)
			}
		}
	}
	return nil
}

func (o *Options) changes() Changes {
	switch {
	case o.Changes != 0:
		return o.Changes
	case o.Atime:
		return ^Changes(0)
	}
	return ^Atime
}

// interval is how often what does not tell is polled.
func (o *Options) interval() time.Duration {
	if o.Poll > 0 {
		return o.Poll
	}
	return DefaultPoll
}

// concerns reports whether a mount point that is new or gone makes other files be at a named path,
// or below it.
func (o *Options) concerns(point string) bool {
	for _, p := range o.Paths {
		abs, err := filepath.Abs(p)
		if err != nil || isBelow(abs, point) || o.Recursive && isBelow(point, abs) {
			return true
		}
	}
	return false
}

// isBelow reports whether a path is in a directory, or is it.
func isBelow(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

const (
	maxName = 255  // NAME_MAX of all file systems that matter
	maxPath = 4095 // PATH_MAX on Linux, less its end
)

// checkPath refuses what no file can be called.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("an empty path: name a file or a directory")
	case strings.ContainsRune(path, 0):
		return fmt.Errorf("%q: no path has a NUL in it (-0 reads paths that are ended by one)", path)
	case len(path) > maxPath:
		return fmt.Errorf("%.40s…: a path of %d bytes: no more than %d are possible", path, len(path), maxPath)
	}
	for name := range strings.SplitSeq(path, "/") {
		if len(name) > maxName {
			return fmt.Errorf("%.40s…: a name of %d bytes: no more than %d are possible", name, len(name), maxName)
		}
	}
	return nil
}
