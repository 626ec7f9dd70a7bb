package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/evshell/ev/bench/tool"
)

// faults are what may happen to ev at any time without being its end, each to one call of so many.
// Threads of the Go runtime are not among what can't be had, since it gives up then.
func faults() (specs []string) {
	for _, f := range []struct {
		call, errors string
		odds         int
	}{
		{"accept4", "EMFILE ENFILE ENOMEM ENOBUFS EPROTO ECONNABORTED", 50},
		{"clone:arg0=0x5111", "EAGAIN ENOMEM", 50},
		{"epoll_ctl", "ENOSPC ENOMEM", 100},
		{"epoll_pwait", "EINTR", 50},
		{"fcntl:arg1=1030", "EMFILE", 50}, // F_DUPFD_CLOEXEC
		{"getdents64", "EIO ENOMEM", 50},
		{"inotify_add_watch", "ENOSPC ENOMEM", 50},
		{"memfd_create", "EMFILE ENOMEM", 50},
		{"newfstatat", "EIO ENOMEM", 100},
		{"openat", "EMFILE ENFILE ENOMEM", 200},
		{"openat:path=/dir", "EIO", 100},
		{"pidfd_open", "EMFILE ENFILE ENOMEM", 50},
		{"pipe2", "EMFILE ENFILE", 50},
		{"ppoll", "EINTR", 50},
		{"read", "EINTR", 100},
		{"readlinkat", "ENOMEM", 50},
		{"statx", "EIO ENOMEM", 50},
		{"waitid", "EINTR", 50},
		{"write", "EINTR", 100},
	} {
		for errno := range strings.FieldsSeq(f.errors) {
			name, which, _ := strings.Cut(f.call, ":")
			specs = append(specs, strings.TrimSuffix(fmt.Sprintf("%s:error=%s:own:from=armed:until=over:log=faults:odds=%d:%s", name, errno, f.odds, which), ":"))
		}
	}
	return specs
}

// injected says how many calls of each kind have failed.
func injected(log string) string {
	text, err := os.ReadFile(log)
	tool.Must(err)
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		counts[name]++
	}
	var all []string
	for name, n := range counts {
		all = append(all, fmt.Sprint(name, " ", n))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
