package cmd

import (
	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
)

// A topic is a help text that belongs to no command.
type topic struct{ name, short, long string }

func topics() []topic {
	return []topic{
		{"time", "how durations, times and schedules are written", timeHelp},
		{"cluster", "locks and events that several ev share", clusterHelp},
		{"format", "placeholders, fields and escapes", `In --format and in the arguments of a COMMAND, {field} stands for a field of the
event, and {} for its subject. What is no field stays as it is, and so does
${field}. --format knows C escapes as well: \n \t \0 \e \\ \xHH \NNN.
A newline is added to a text that does not end in one; with -0, a NUL.

  every event    watcher name seq time; with --lock fence holder; and hostname,
                 in placeholders
  watch-fd       fd source ready line data partial peer lines count, groups
                 of --match
  timer          after repeat due late missed
  every          schedule due next late missed
  on-signal      signal number count sender uid value
  on-exit        pid command status signal core elapsed maxrss utime stime
                 run output, with --of
  stat           path paths change count, and of now and before (prev_size, …):
                 type size mtime mode uid gid ino nlink
  on-http        method path host remote user client_subject query files gone param.NAME
                 header.NAME filename.NAME type.NAME json.PATH
  on-message     subject id source type published attempt stream_seq payload
                 data.NAME
  probe          target state status output latency error since prev_state

An argument of a COMMAND that is just {paths...} becomes as many arguments as the list
has: paths, change, files, ready, lines. If it has nothing, nothing is run ({files...}
apart); if it is more than the kernel takes, the COMMAND is run for half of it at a time,
as xargs(1) does.

A COMMAND has them in its environment, too: EV_PATH, EV_PREV_SIZE. In the script
of a shell (sh -c, or -c) that is the only way: write "$EV_PATH" there, for a
file's name must never become code. A value is the same text in all three places;
what is unknown is empty, and null in JSON. In a list, commas stand between words
and newlines between paths.

Printed without --format, an event is one line: the subject, a TAB, and what
happened. Control characters and backslashes are escaped as in C.`},
		{"evfile", "many watchers in a file", `An Evfile has one watcher a line: what follows 'ev' on the command line, with a
label before it that is its name, or without.

  # what is built, saved and reloaded here
  PATH=/usr/local/bin:/usr/bin
  build:   stat -r src --ext go -- go build ./...
  backup:  every 03:00 --tz Europe/Berlin -- backup --all
  reload:  on-signal HUP -- ev ctl reload

Words are split as a POSIX shell splits them: blanks part them, quotes and
backslashes hold them together, a backslash at the end of a line continues it, and #
at the start of a word begins a comment. Nothing is expanded: $HOME, * and ~ stand
for themselves. What a shell takes for an operator, | & ; < > ( ), is an error unless
it is quoted; for a pipe, write -c 'a | b'.

A label is made of letters, digits and _ . @ + / -, ends in a colon, and stands for
--name; no two lines have the same. A line of NAME=value sets a variable for the
commands of the lines below it, PATH for finding them, SHELL for -c, and TZ for their
schedules; CRON_TZ is for the schedules alone.

A line takes all the flags that its watcher has on the command line. --break, --timeout
and --for end the whole loop, -q quiets the line alone; --backend, --color, --ready-fd,
--subreaper, --log-format, --nowait and -v are given to 'ev run'. Of events that are pending
together those of the line with the higher --priority come first, and otherwise those
that came first.

Under root, an Evfile is refused if it, or the directory that it is in, may be written
by others than its owner and root; and if it is neither root's nor that of the user who
called sudo (SUDO_UID), unless --trust-owner is given.`},
		{"if", "which events count: --if", `What --if does not hold for is no event: it has no number, prints and runs nothing, and
does not count for --once, --count and --timeout. If there are several, all must hold.

  FIELD            it is known, and not empty
  FIELD=TEXT       it is TEXT, in which * is any text and ? any character
  FIELD!=TEXT      it is not
  FIELD~REGEXP     the regular expression (of Go) matches in it
  FIELD!~REGEXP    it does not
  FIELD<N          and <=, >, >=: N is a number, a size (4k, 10MiB), or a span (1h30m)

FIELD is one that the events of the watcher have, as 'ev help format' lists them. Of what is
unknown only FIELD= holds. Of a list a test holds if it does for one of it. In stat, what
a path has of its own is asked of each path, and the event has those that pass: 'paths'
and 'count' are of what is left. A process that signal n has killed has the status 128+n here.

  ev on-exit --child make --if status!=0 -- notify 'make: {status}{signal}'
  ev stat -r src --if 'path~\.go$' --if 'size>0' -- go build ./...
  ev on-http :8080 --json-body --if json.ref=refs/heads/main -- ./deploy

on-http answers 204 to a request that it does not hold for (--else-status), and on-message
takes a message for dealt with.`},
		{"environment", "variables that ev reads and sets", `Read:
  EV_BACKEND      the backend, if --backend is not given: auto, epoll, poll
  EV_CREDS        credentials of NATS, if --creds is not given
  EV_SERVER       what several ev share, if --server is not given
  EV_CONTROL      the socket of 'ev ctl', if --control is not given
  EVFILE          the Evfile of 'ev run', if none is named
  LIBEV_FLAGS     the same as libev's decimal mask: 2 is poll, 4 is epoll
  NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR, CLICOLOR, TERM
                  colour on standard output, if --color is not given
  NOTIFY_SOCKET   READY=1, STATUS, RELOADING=1, STOPPING=1 go there (systemd, Type=notify)
  WATCHDOG_USEC, WATCHDOG_PID
                  and WATCHDOG=1, twice in that time
  LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES
                  sockets that systemd passed: ev watch-fd fd:NAME
  JOURNAL_STREAM  messages get the journal's priorities
  PATH            where a COMMAND is looked for
  TZ              the local zone: 'ev help time'

Set for a COMMAND: EV_ and each field's name in upper case ('ev help format'); under
'ev run --control' EV_CONTROL, the path of its socket. What no variable can hold, 128 KiB
or a NUL byte, is in a file as long as the COMMAND runs: $EV_LINE_FILE for $EV_LINE.
A variable of such a name that ev has inherited is not passed on, nor is what a service
manager told ev alone.`},
		{"recipes", "what ev is often wanted for, in a line each", recipesHelp},
		{"containers", "ev as PID 1, healthchecks, subreapers", containersHelp},
		{"exit-status", "what ev's exit status says", usage.ExitStatusHelp},
		{"signals", "what signals do to ev", `INT, TERM, HUP and QUIT end ev: it stops its watchers, stops what runs (the stop
signal, then KILL after --kill-after), and dies of the same signal. So do ALRM,
USR1, USR2, VTALRM and XCPU. A second one kills at once.

HUP and INT stay ignored, for what ev runs as well, if they were when ev started
(nohup, or a job that sh runs in the background, of which QUIT does, too). Of others
that is not known: they act as above, and what ev runs does not ignore them. For a
COMMAND that shall: -- env --ignore-signal=TERM COMMAND.

PIPE ends ev if the reader of what it prints has gone, and at once; messages that
nobody reads do not. Where only COMMANDs write, they find out, and ev goes on.

HUP has 'ev run' read its Evfile again, if it has one.

A signal that 'ev on-signal' watches is that watcher's, and doesn't end ev.

If ev itself is killed (KILL, out of memory), what it ran is stopped with it, on Linux: the
kernel sends each COMMAND the stop signal, but not a set-user-ID one. What that had
started in its process group or --cgroup is stopped by ev-guard, a process that ev starts
once a COMMAND has lived for 100 ms, and which ends with ev: by the stop signal, then by
KILL after --kill-after, and only what is proved to be it by the time of its start. Not
stopped are what has left the process group (setsid; but for --cgroup), what a --foreground
COMMAND has started, what a COMMAND left behind that had ended, and all if ev-guard is
killed as well. As PID 1 of a container ev needs no guard: all ends with it.

TSTP (Ctrl-Z) stops ev; timers don't count the time until CONT (fg). So it is with
STOP, and with a debugger or a freezer, on Linux. Where nobody could say fg (PID 1, a
session leader, an orphaned process group), Ctrl-Z does nothing.`},
	}
}

// newTopics makes the commands that 'ev help TOPIC' finds.
func (p *program) newTopics() []*cobra.Command {
	var cs []*cobra.Command
	for _, t := range topics() {
		cs = append(cs, &cobra.Command{Use: t.name, Short: t.short, Long: t.long, Hidden: true})
	}
	return cs
}

func topicNames() []string {
	var names []string
	for _, t := range topics() {
		names = append(names, t.name)
	}
	return names
}
