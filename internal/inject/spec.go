// Package inject has system calls of a program fail, as 'strace -e inject' does, without ptrace(2):
// for tests of what ev does about bad luck. It is a program that test binaries bring along, and
// nothing that ev is made of.
//
//	inject SPEC... [--] PROGRAM [ARG...]
//
// A SPEC is SYSCALL:WHAT[:WHICH...], as in accept4:error=ENOMEM:when=1..3. WHAT is
//
//	error=ERRNO    it fails with that, and is not done
//	hold=FILE      it is not begun before there is such a file
//
// and WHICH calls are meant is, of all those of PROGRAM and of what that starts,
//
//	when=N         the Nth; N+: that and all after it; N..M: those from N to M
//	from=FILE      those once there is such a file
//	until=FILE     those before there is such a file
//	path=TEXT      those of a file with TEXT in its name; of a descriptor it is the name in /proc
//	argN=NUMBER    those with this argument, counted from 0
//	own            those of PROGRAM's process, and not of what it starts
//	odds=N         one of N, at random
//
// and log=FILE is added a line, which is the SPEC, each time that it has decided.
//
// Of several SPECs for one call the first decides that means it. PROGRAM keeps the process, so that
// a signal reaches it and its status is known.
package inject

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A spec is what becomes of some calls.
type spec struct {
	name  string // of the system call
	errno unix.Errno
	hold  string // a file that is waited for
	first int
	last  int    // 0: without end
	until string // a file with which it is over
	path  string
	args  map[int]uint64
	own   bool
	from  string // a file with which it begins
	odds  int    // 0: all
	log   string // a file

	text string
	seen int // calls that have been meant but for first and last
}

func parse(text string) (*spec, error) {
	words := strings.Split(text, ":")
	s := &spec{name: words[0], first: 1, args: map[int]uint64{}, text: text}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		if err := s.set(name, value); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", text, word, err)
		}
	}
	if s.errno == 0 && s.hold == "" {
		return nil, fmt.Errorf("%s: error= or hold= is missing", text)
	}
	return s, nil
}

func (s *spec) set(name, value string) (err error) {
	switch {
	case name == "error":
		s.errno, err = errnoOf(value)
	case name == "hold" && value != "":
		s.hold = value
	case name == "until" && value != "":
		s.until = value
	case name == "path" && value != "":
		s.path = value
	case name == "own" && value == "":
		s.own = true
	case name == "from" && value != "":
		s.from = value
	case name == "log" && value != "":
		s.log = value
	case name == "odds":
		if s.odds, err = strconv.Atoi(value); err == nil && s.odds < 1 {
			err = fmt.Errorf("it is no number of calls")
		}
	case name == "when":
		err = s.setWhen(value)
	case strings.HasPrefix(name, "arg") && len(name) == 4 && '0' <= name[3] && name[3] <= '5':
		s.args[int(name[3]-'0')], err = strconv.ParseUint(value, 0, 64)
	default:
		err = fmt.Errorf("there is no such word")
	}
	return err
}

func (s *spec) setWhen(value string) (err error) {
	first, last, ranged := strings.Cut(value, "..")
	first, open := strings.CutSuffix(first, "+")
	if s.first, err = strconv.Atoi(first); err != nil {
		return err
	}
	switch {
	case ranged:
		s.last, err = strconv.Atoi(last)
	case !open:
		s.last = s.first
	}
	return err
}

func errnoOf(name string) (unix.Errno, error) {
	for errno := unix.Errno(1); errno < 256; errno++ {
		if unix.ErrnoName(errno) == name {
			return errno, nil
		}
	}
	return 0, fmt.Errorf("there is no such error")
}

// means reports whether a call is to fail or to be held, and counts it.
func (s *spec) means(c call) bool {
	if s.name != c.name {
		return false
	}
	for n, want := range s.args {
		if c.args[n] != want {
			return false
		}
	}
	if s.path != "" && !strings.Contains(c.path(), s.path) {
		return false
	}
	if s.own && !c.own() {
		return false
	}
	if s.from != "" && !exists(s.from) || s.until != "" && exists(s.until) {
		return false
	}
	s.seen++
	return s.seen >= s.first && (s.last == 0 || s.seen <= s.last) && (s.odds == 0 || rand.N(s.odds) == 0)
}

// A call is one system call.
type call struct {
	name string
	args [6]uint64
	path func() string
	own  func() bool
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
