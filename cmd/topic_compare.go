package cmd

// compareHelp says what stands for other programs, and what they have that ev has not.
const compareHelp = `This is what to write in place of other programs, what is better then, and what is not.

WAITING FOR A SERVICE

  wait-for-it localhost:5432 -t 30 -- date
                 ev probe tcp:localhost:5432 --until up --timeout 30s -- date
                 Both end with 124 if the time is over. Wait-for-it needs bash and looks
                 once a second; --every 100ms finds the port sooner.
  wait4x http http://localhost:8080 --expect-status-code 200
                 ev probe http://localhost:8080 --expect 200 --until up
                 Wait4x speaks the protocols of databases. For these, ev needs their own
                 programs: ev probe --cmd 'pg_isready -h db' --until up.
  watch -g ls    ev probe --cmd ls --change output --every 2s --once --if prev_state=up
                 Watch shows the output on the whole screen, with what has changed.

JOBS OF A CRONTAB

  echo '* * * * * date' >mycrontab
                 makes one to try this with.
  supercronic mycrontab
                 ev run --crontab mycrontab
                 -inotify is --watch, -test is --check, -overlapping is --overlapping,
                 -json is --log-format json, -prometheus-listen-address is --metrics.
                 Ev also has MAILTO, %, RANDOM_DELAY, user columns, and several files.
                 It takes five fields, and @every for less than a minute; supercronic
                 takes seconds and years as well, and reports to Sentry.
  cron -f (cronie, Debian's cron)
                 ev run --crontab /etc/crontab --crontab /etc/cron.d --system --watch
                 Jobs have ev's environment, where cron has almost none. There is no
                 'crontab -e', no cron.allow, no PAM and no SELinux. A run that is still
                 going on is not joined by a second one, unless --overlapping is given.
                 What was missed while the machine was off is missed, as with cron; a
                 line of an Evfile can make up for it: 'every --state'.

PROCESSES OF A PROCFILE

  echo 'web: ev on-http :$PORT --json' >Procfile
                 makes one to try this with.
  foreman start, hivemind
                 ev run --procfile Procfile
                 Foreman's -m web=2 is --formation web=2, -e FILE is --env-file FILE, and
                 -p 3000 is PORT=3000. As there, ports are 100 apart, the first process
                 that ends ends all, and its status is that of the whole; --respawn goes
                 on. Foreman exports to systemd; ev does not. Like hivemind, ev gives
                 each process a terminal to write to, so that it keeps its colours, if
                 its own output is one.

'ev run --print-evfile' with either file writes an Evfile that does the same, to go on from.`
