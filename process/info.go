package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/internal/diag"
)

// Info is what is known of a process while it lives.
type Info struct {
	PID   int
	Name  string // of its command
	Began time.Time
	ID    string // tells it from another one with the same PID
	Ended bool   // and its parent has not waited for it; as far as that can be seen
}

// Names returns the names of the commands of all processes that can be seen, by PID.
func Names() (map[int]string, error) {
	all, err := All()
	names := make(map[int]string, len(all))
	for pid, p := range all {
		names[pid] = p.Name
	}
	return names, err
}

// A Ref is a process as a user names it.
type Ref struct {
	PID   int
	Inode uint64 // of its pidfd; 0: any
	Name  string // its command; "": any
}

// ErrNoProcess is wrapped by the error for a process that is not there.
var ErrNoProcess = errors.New("no such process")

// ParseRef reads PID and PID:INODE, the forms of waitpid(1).
func ParseRef(s string) (Ref, error) {
	text, inode, given := strings.Cut(s, ":")
	pid, err := strconv.Atoi(text)
	ref := Ref{PID: pid}
	switch {
	case err != nil:
		return ref, fmt.Errorf("%q is not a PID", s)
	case pid <= 0:
		return ref, fmt.Errorf("%s is not a PID: those are positive (0 and -N are groups to kill(2), not here)", text)
	case pid == os.Getpid():
		return ref, fmt.Errorf("process %d is ev itself, which will not see its own end", pid)
	}
	if !given {
		return ref, nil
	}
	if ref.Inode, err = strconv.ParseUint(inode, 10, 64); err != nil || ref.Inode == 0 {
		return ref, diag.At(len(text+":"), fmt.Errorf("%s: after the colon comes the inode of the process's pidfd, a number", s))
	}
	return ref, nil
}
