// Reliability has each system call of ev fail, in what ev does most, and writes down what comes of
// it: go run ./reliability [CALL...], in bench/, writes RELIABILITY.md. It needs seccomp(2).
package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/evshell/ev/bench/tool"
	"github.com/evshell/ev/internal/inject"
)

// most is how many calls of a kind fail, one in each run of a scenario.
const most = 40

func main() {
	if os.Args[0] == "inject" {
		inject.Main()
	}
	if !inject.Available() {
		fmt.Println("reliability: skipped: it needs seccomp(2) of Linux 5.5")
		return
	}
	dir, err := os.MkdirTemp("", "ev-reliability-")
	tool.Must(err)
	rows := table(dir, os.Args[1:])
	tool.Must(os.RemoveAll(dir))
	bad := 0
	for _, r := range rows {
		for _, o := range slices.Concat(r.once, r.on) {
			if o.bad() {
				bad++
				fmt.Printf("%s: inject %s ev %s\n%s", o.what, o.spec, o.scenario, o.said)
			}
		}
	}
	if len(os.Args) == 1 {
		tool.Must(os.WriteFile("RELIABILITY.md", page(rows), 0o644))
	}
	fmt.Printf("%d rows, %d outcomes that must not be\n", len(rows), bad)
	if bad > 0 {
		os.Exit(1)
	}
}

// A fault is a way in which a call can fail.
type fault struct {
	call  string // and which of them, for internal/inject
	errno string
}

func (f fault) name() string { name, _, _ := strings.Cut(f.call, ":"); return name }

// about is which of the calls are meant.
func (f fault) about() string {
	_, which, _ := strings.Cut(strings.NewReplacer(":own", "", ":when=1", "").Replace(f.call), ":")
	switch {
	case strings.HasPrefix(which, "path=/"):
		return " of a file"
	case strings.HasPrefix(which, "path="):
		return " of " + strings.TrimSuffix(strings.TrimPrefix(which, "path="), ":")
	case which == "arg0=1" && f.name() == "prctl":
		return " PR_SET_PDEATHSIG"
	case which == "arg0=1":
		return " of standard output"
	case which == "arg1=1030":
		return " F_DUPFD_CLOEXEC"
	}
	return ""
}

// faults are those that the manuals of the calls know. Where a process that was forked makes the
// call, commands make it as well, and the scenarios' do not. What the Go runtime has to have is not
// among them: threads, memory, and its own epoll_create1 and eventfd2 once ev has looked for them.
func faults() (all []fault) {
	for _, f := range [][2]string{
		{"accept4:own", "ECONNABORTED EMFILE ENFILE ENOMEM ENOBUFS EPROTO EPERM ENETDOWN EINVAL"},
		{"bind:own", "EACCES EADDRINUSE"},
		{"clone:own:arg0=0x5111", "EAGAIN ENOMEM"},
		{"connect:own:when=1", "EAGAIN ECONNREFUSED EINTR"},
		{"epoll_create1:own:when=1", "EMFILE ENFILE ENOMEM"},
		{"epoll_ctl:own:path=fifo", "ENOSPC ENOMEM"},
		{"epoll_ctl:own:path=inotify", "ENOSPC ENOMEM"},
		{"epoll_ctl:own:path=pidfd", "ENOSPC ENOMEM"},
		{"epoll_ctl:own:path=pipe:", "ENOSPC ENOMEM"},
		{"epoll_ctl:own:path=signalfd", "ENOSPC ENOMEM"},
		{"epoll_ctl:own:path=socket:", "ENOSPC ENOMEM"},
		{"epoll_ctl:own:path=timerfd", "ENOSPC ENOMEM"},
		{"epoll_pwait:own", "EINTR"},
		{"eventfd2:own:when=1", "EMFILE ENFILE ENOMEM"},
		{"execve", "EAGAIN ENOMEM EACCES EIO ETXTBSY"},
		{"fchmodat:own", "EPERM EROFS"},
		{"fchownat:own", "EPERM"},
		{"fcntl:own:arg1=1030", "EMFILE"}, // F_DUPFD_CLOEXEC
		{"flock:own", "EINTR ENOLCK"},
		{"fsync:own", "EIO ENOSPC"},
		{"getdents64:own", "EIO ENOMEM"},
		{"inotify_add_watch:own", "ENOSPC ENOMEM EACCES"},
		{"inotify_init1:own", "EMFILE ENOMEM"},
		{"ioctl:own:path=pidfd", "EINVAL ENOTTY"},
		{"kill:own", "EPERM"},
		{"listen:own", "EADDRINUSE ENOBUFS"},
		{"memfd_create:own", "EMFILE ENOMEM"},
		{"newfstatat:own", "EACCES EIO ENOMEM"},
		{"openat:own", "EACCES EIO EMFILE ENFILE ENOMEM"},
		{"pidfd_open:own", "EMFILE ENFILE ENODEV ENOMEM ENOSYS"},
		{"pidfd_send_signal:own", "EPERM ENOSYS"},
		{"pipe2:own", "EMFILE ENFILE"},
		{"ppoll:own", "EINTR ENOMEM"},
		{"prctl:arg0=1", "EPERM"}, // PR_SET_PDEATHSIG
		{"preadv2:own", "EOPNOTSUPP"},
		{"read:own", "EINTR"},
		{"read:own:path=/ev-reliability-", "EIO"},
		{"readlinkat:own", "EACCES ENOMEM"},
		{"renameat:own", "EIO ENOSPC"},
		{"sendto:own", "ENOBUFS ECONNREFUSED"},
		{"sendmsg:own", "ENOBUFS ECONNREFUSED"},
		{"setpgid", "EACCES EPERM"},
		{"setsockopt:own", "ENOBUFS"},
		{"signalfd4:own", "EMFILE ENOMEM"},
		{"socket:own", "EMFILE ENOBUFS"},
		{"splice:own", "EINVAL ENOMEM"},
		{"statfs:own", "EIO ENOSYS"},
		{"statx:own", "EIO ENOMEM"},
		{"timerfd_create:own", "EMFILE ENOMEM"},
		{"timerfd_settime:own", "ECANCELED"},
		{"unlinkat:own", "EBUSY EROFS"},
		{"wait4:own", "EINTR"},
		{"waitid:own", "EINTR"},
		{"write:own", "EINTR"},
		{"write:own:arg0=1", "EIO ENOSPC"},
		{"write:own:path=/ev-reliability-", "EIO ENOSPC"},
	} {
		for errno := range strings.FieldsSeq(f[1]) {
			all = append(all, fault{f[0], errno})
		}
	}
	return all
}

// A row is what came of a fault: of each call that failed alone, and of all calls failing once ev
// was ready.
type row struct {
	fault
	once, on []outcome
}

func table(dir string, calls []string) []row {
	ev := tool.Build(dir)
	if wrong := errors.Join(baseline(ev, dir)...); wrong != nil {
		tool.Must(wrong)
	}
	var rows []row
	for _, f := range faults() {
		if len(calls) == 0 || slices.Contains(calls, f.name()) {
			rows = append(rows, row{fault: f})
		}
	}
	// The runs of a scenario wait more than they work.
	turns := make(chan struct{}, 12)
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range rows {
		for _, s := range scenarios() {
			all.Go(func() {
				turns <- struct{}{}
				once, on := rows[i].try(s, ev, dir)
				<-turns
				mu.Lock()
				defer mu.Unlock()
				rows[i].once, rows[i].on = append(rows[i].once, once...), append(rows[i].on, on...)
			})
		}
	}
	all.Wait()
	return slices.DeleteFunc(rows, func(r row) bool { return len(r.once) == 0 })
}

// baseline says which scenarios do not even do without a fault.
func baseline(ev, dir string) (wrong []error) {
	for _, s := range scenarios() {
		if o := s.run(ev, dir, "openat:error=EIO:when=100000"); o.bad() || o.what == "told and waits" || strings.HasPrefix(o.what, "told and 1") && s.status == 0 {
			wrong = append(wrong, fmt.Errorf("%s without a fault: %s: %s", s.name(), o.what, o.said))
		}
	}
	return wrong
}

// try has each call of the scenario fail, until there are no more.
func (f fault) try(s scenario, ev, dir string) (once, on []outcome) {
	which := f.call
	if !strings.Contains(which, ":when=") {
		for n := 1; n <= most; n++ {
			o := s.run(ev, dir, fmt.Sprintf("%s:error=%s:when=%d", which, f.errno, n))
			if !o.failed {
				break
			}
			once = append(once, o)
		}
		which += ":from=armed"
	} else if o := s.run(ev, dir, fmt.Sprintf("%s:error=%s", which, f.errno)); o.failed {
		return append(once, o), nil
	}
	if len(once) > 0 && f.errno != "EINTR" { // no signal comes before each call
		if o := s.run(ev, dir, fmt.Sprintf("%s:error=%s", which, f.errno)); o.failed {
			on = append(on, o)
		}
	}
	return once, on
}

// page is the table.
func page(rows []row) []byte {
	var b bytes.Buffer
	b.WriteString(`# What comes of a system call that fails

    cd bench && go run ./reliability

wrote this. It runs ev in`)
	for i, s := range scenarios() {
		fmt.Fprintf(&b, "%s `%s`", map[bool]string{true: ",", false: ""}[i > 0], s.name())
	}
	fmt.Fprintf(&b, `, and has the kernel's answer to a
call be an error (internal/inject): to the first of these calls alone, to the second alone, and so on, up to the %dth; and to all of
them from the moment on at which ev is ready. What comes of it is compared with a run in which nothing fails:

- done: the same event, the same status;
- told and done: the same, and a message says what was in the way;
- told and N: a message says why, and ev ends with status N;
- told and waits: a message says what is in the way; ev tries again as long as that stays so, does next to nothing meanwhile,
  and ends at once when it is asked to.

What must not be, and makes the command fail: hang (TERM does not end it), abort (the Go runtime ends it), spin (it is busy with waiting), blind
(it waits, and does not say so), false (it says, or returns, what is not so).

A thread, memory, and its own epoll_create1 and eventfd2 the Go runtime has to have: where ev can look for them first, it does,
and one line says what is missing; else the runtime ends the program.

| call | error | runs | one call alone | all of them from then on |
|---|---|---|---|---|
`, most)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s%s | %s | %d | %s | %s |\n", r.name(), r.about(), r.errno, len(r.once)+len(r.on), sum(r.once), cmp.Or(sum(r.on), "-"))
	}
	return b.Bytes()
}

// sum counts outcomes that are alike, those that are most first.
func sum(all []outcome) string {
	counts := map[string]int{}
	var names []string
	for _, o := range all {
		if counts[o.what]++; counts[o.what] == 1 {
			names = append(names, o.what)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return strings.Join(names, ", ")
}
