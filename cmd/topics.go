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
		{"cluster", "locks and events shared by several ev", clusterHelp},
		{"format", "placeholders, fields and escapes", `In --format and in the arguments of a COMMAND, {field} is replaced by the field of the
event, and {} by its subject. Names that are not fields stay as they are, and so does
${field}. --format also replaces C escapes: \n \t \0 \e \\ \xHH \NNN. A newline is added
if the text does not end in one; with -0, a NUL.

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
  on-http        method path host remote user client_subject query files gone
                 param.NAME header.NAME filename.NAME type.NAME json.PATH
  on-message     subject id source type published attempt stream_seq payload
                 data.NAME
  probe          target state status output latency error since prev_state

An argument that consists of {paths...} becomes as many arguments as the list has
elements. The lists are paths, change, files, ready and lines. If the list is empty, the
COMMAND is not run (except for {files...}). If the list is too long for the kernel, the
COMMAND is run several times with a part of it, as xargs(1) does.

The COMMAND finds all fields in its environment as well, such as EV_PATH and
EV_PREV_SIZE. In a shell script (-c, or sh -c) this is the only way: write "$EV_PATH",
because the name of a file must never become code. A value is the same text everywhere.
Unknown values are empty, and null in JSON. The elements of a list are separated by
commas, and paths by newlines.

Without --format, an event is printed as one line: the subject, a tab, and what happened.
Control characters and backslashes are escaped as in C.`},
		{"evfile", "file with one watcher on each line", `Each line of an Evfile is a watcher: what would follow 'ev' on the command line, with an
optional label in front that names it.

  # what is formatted, saved and reloaded here
  TZ=Europe/Berlin
  format:  stat -r . --ext go -- gofmt -w {paths...}
  disks:   every 03:00 -c 'df -h >>disks.log'
  reload:  on-signal HUP -- ev ctl reload

A line is split into words as in a POSIX shell: blanks separate words, quotes and
backslashes keep them together, a backslash at the end continues the line, and # at the
start of a word begins a comment. Nothing is expanded: $HOME, * and ~ stay as they are.
The operators of a shell, | & ; < > ( ), must be quoted; for a pipe, write -c 'a | b'.

A label consists of letters, digits and _ . @ + / - and ends in a colon. It stands for
--name, and no two lines may have the same one. A line NAME=value sets a variable for the
commands of all lines below it. PATH is where these commands are looked for, SHELL is the
shell of -c, and TZ is also the zone of their schedules. CRON_TZ is the zone of the
schedules only.

A line may use all flags that its watcher has on the command line. --break, --timeout
and --for end the whole loop; -q applies to the line only. Some flags belong to 'ev run'
itself: --backend, --color, --ready-fd, --subreaper, --log-format, --nowait and -v. Of
events that are pending together, those with the higher --priority are handled first,
and otherwise those that came first.

If root runs ev, an Evfile is refused if other users can write to it or to its directory,
and if it belongs neither to root nor to the user who called sudo (SUDO_UID), unless
--trust-owner is given.

AS A SERVICE

The packages of ev have units of systemd. 'systemctl enable --now ev@NAME' runs
/etc/ev/NAME.ev as a user of its own, who may write to /var/lib/ev/NAME and to little else.
'systemctl reload ev@NAME' reads a changed Evfile, or fails and changes nothing if there is
an error in it. 'systemctl --user enable --now ev@NAME' runs ~/.config/ev/NAME.ev with your
rights. 'systemctl cat ev@NAME' shows the unit, and says how to give it more rights.`},
		{"if", "tests that select events", `--if selects events. An event that fails a test is dropped: it gets no number, prints
nothing, runs nothing, and does not count for --once, --count and --timeout. If there are
several tests, all must pass.

  FIELD            the field is known and not empty
  FIELD=TEXT       the field is TEXT; * matches any text and ? any character
  FIELD!=TEXT      the field is not TEXT
  FIELD~REGEXP     the regular expression (Go's syntax) matches in the field
  FIELD!~REGEXP    it does not match
  FIELD<N          also <=, > and >=; N is a number, a size (4k, 10MiB), or a
                   duration (1h30m)

FIELD is a field of the watcher's events, as listed in 'ev help format'. For an unknown
value only FIELD= passes. A test of a list passes if it passes for one element. For stat,
fields of a single path are tested for each path, and the event keeps the paths that
pass; 'paths' and 'count' then speak of these. The status of a process that was killed by
signal n is 128+n here.

  ev on-exit --child 'grep ev /etc/passwd' --if status!=0 -- echo 'grep: {status}{signal}'
  ev stat -r . --if 'path~\.go$' --if 'size>0' -- gofmt -w {paths...}
  ev on-http :8080 --json-body --if json.ref=refs/heads/main -- tee pushed.json

If a test fails, on-http answers 204 (see --else-status), and on-message acknowledges the
message.`},
		{"environment", "variables that ev reads and sets", `Variables that ev reads:

  EV_BACKEND      default of --backend: auto, epoll or poll
  EV_CREDS        default of --creds
  EV_SERVER       default of --server
  EV_CONTROL      default of --control for 'ev ctl'
  EVFILE          Evfile of 'ev run', if none is named
  LIBEV_FLAGS     like EV_BACKEND, as libev's mask: 2 is poll, 4 is epoll
  NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR, CLICOLOR, TERM
                  whether to use colour, without --color
  NOTIFY_SOCKET   where to send READY=1, STATUS, RELOADING=1 and STOPPING=1
                  (systemd, Type=notify)
  WATCHDOG_USEC, WATCHDOG_PID
                  send WATCHDOG=1 as well, twice in this time
  LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES
                  sockets that systemd has passed: ev watch-fd fd:NAME
  JOURNAL_STREAM  whether messages carry the journal's priorities
  PATH            where commands are looked for
  TZ              the local zone; see 'ev help time'

Variables that ev sets for a COMMAND: each field of the event, in upper case and with EV_
in front; see 'ev help format'. Commands of 'ev run --control' also get EV_CONTROL, the
path of the socket. A value that no variable can hold (128 KiB, or a NUL byte) is in a
file while the COMMAND runs; $EV_LINE_FILE names it for $EV_LINE. Ev does not pass on
variables with such names that it has inherited, nor the variables that a service manager
has set for ev.`},
		{"recipes", "common tasks, one line each", recipesHelp},
		{"containers", "ev in containers: PID 1, orphans, healthchecks", containersHelp},
		{"compare", "what to write in place of wait-for-it, cron, foreman and others", compareHelp},
		{"exit-status", "meaning of the exit status", usage.ExitStatusHelp},
		{"signals", "effect of signals on ev", `INT, TERM, HUP and QUIT end ev, and so do ALRM, USR1, USR2, VTALRM and XCPU. Ev stops its
watchers, stops running commands (with --stop-signal, and with KILL after --kill-after),
and then dies of the same signal. A second signal kills everything at once; HUP does not
if 'ev run' has an Evfile, nor does one that is watched, unless it is INT, TERM or QUIT.
A command that ev may not signal, as that of another user, is waited for until a second
after KILL, and then left running; messages name its PID.

HUP and INT stay ignored, also for commands, if they were ignored when ev started, as
with nohup or in a background job of sh; for background jobs the same holds for QUIT. Ev
cannot tell whether other signals were ignored. They act as described above, and commands
do not ignore them. If a COMMAND has to: -- env --ignore-signal=TERM COMMAND.

PIPE ends ev at once when the reader of its events has gone. A lost reader of messages
does not end it. If only commands write, they notice by themselves, and ev continues.

HUP makes 'ev run' read its Evfile again, if it has one.

A signal that 'ev on-signal' watches belongs to that watcher and does not end ev.

If ev itself is killed (by KILL, or for lack of memory), its commands are stopped as
well, on Linux: the kernel sends the stop signal to each COMMAND, except to set-user-ID
programs. Their descendants in the process group or --cgroup are stopped by ev-guard, a
process that ev starts once a COMMAND has run for 100 ms, and that ends with ev. It knows
each COMMAND after 100 ms at the latest. It uses the stop signal, and KILL after
--kill-after. It identifies processes by their start time and signals no others. The
following keep running: processes that have left the process group with setsid (unless
--cgroup is used), descendants of a --foreground COMMAND, leftovers of a COMMAND that had
already ended, and everything if ev-guard is killed as well. As PID 1 of a container ev
needs no guard, because all processes end with it.

TSTP (Ctrl-Z) stops ev, and timers do not count the time until CONT (fg). The same holds
for STOP, and on Linux for debuggers and freezers. Ctrl-Z does nothing if nobody could
continue ev: as PID 1, as a session leader, and in an orphaned process group.`},
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
