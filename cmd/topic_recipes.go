package cmd

// recipesHelp is what ev is wanted for most often, and after it for what else. A test types all of
// it.
const recipesHelp = `Type a line as it stands. Of two that belong together, the first makes what the second
needs.

THE TEN BEST

  # check each shell script when it is saved
  ev stat -r . --ext sh --each -- sh -n {}
  # start a server, and restart it when its source changes
  echo 'while date; do sleep 1; done' >server.sh
  ev stat server.sh --now --on-busy restart -- sh server.sh
  # every working day at nine, in Berlin
  ev every 'Mon..Fri 09:00' --tz Europe/Berlin -- df -h
  # wait until a database accepts connections, or give up
  ev probe tcp:localhost:5432 --until up --timeout 30s -- echo 'the database is up'
  # run a command until it succeeds, at most six times, with growing pauses
  ev timer 0 --once --retry 5 --retry-delay 2s -- curl -fsS https://example.com/
  # stop a job that takes longer than ten seconds
  ev on-exit --child 'sleep 60' --once --run-timeout 10s
  # act on the lines of a log, even when it is rotated
  ev watch-fd tail:app.log --match 'ERROR (.*)' -- echo 'alarm: {1}'
  # a webhook: one deployment at a time, and one more for all requests in between
  head -c 32 /dev/urandom | base64 | install -m 600 /dev/stdin secret
  ev on-http :8080 --hmac-secret-file secret --async --on-busy merge -c 'sleep 5; date >>deployed'
  # wait until nobody runs a certain program any more
  ev on-exit --command apt-get --exited -- echo 'apt-get has ended'
  # run several programs, and stop all of them when one fails; here after five seconds
  ev run --prefix -e 'web: on-exit --child "ev on-http :8080" --exit-on-error' -e 'worker: on-exit --child "sh -c \"date; sleep 5; exit 3\"" --exit-on-error'

MORE

  # handle each file that arrives in a directory, or is there already
  mkdir -p in done
  ev stat -r in --initial --each --if type=file --change created,moved -- mv {} done/
  # copy a directory, including what changed while ev was not running
  mkdir -p notes backup
  ev stat -r notes --state notes.state -- cp -R notes/. backup/
  # do something when the git branch changes
  git init -q
  ev stat .git/HEAD -- git branch --show-current
  # once, tomorrow at nine; with nohup and & it survives your logout
  nohup ev every --at 'tomorrow 09:00' -- df -h &
  # every hour, on one of many machines
  ev every 1h --lock=disks --server nats://nats.example.org -- df -h
  # restart a server that crashes; this one does so after three seconds
  echo 'date; sleep 3; exit 1' >server.sh
  ev on-exit --child 'sh server.sh' --respawn=on-failure
  # run the processes of a Procfile
  printf '%s\n' 'web: ev on-http :$PORT --json' 'worker: while date; do sleep 1; done' >Procfile
  ev run --procfile Procfile
  # raise an alarm when a job has printed nothing for five seconds
  sh -c 'date; sleep 20; date' | ev timer 5s --again-on fd:0 --pass -- echo 'the job is silent'
  # clean up at Ctrl-C, and when ev is told to end
  ev on-signal INT TERM --break -- rm -f lock
  # count the lines of a log, once a minute at most
  ev watch-fd tail:app.log --throttle 1m --on-busy merge -- wc -l
  # a user has logged in
  ev stat -r /run/user --depth 1 --type d --change created --each -- ls -ld {}
  # a disk was mounted; with 'ev watch-fd /proc/self/mountinfo --urgent', any
  ev probe --cmd 'mountpoint -q /mnt' --if state=up -- df -h /mnt
  # tasks waited 300 ms for a processor within two seconds; also for memory and io
  ev watch-fd /proc/pressure/cpu --urgent --say 'some 300000 2000000' -- cat /proc/loadavg`
