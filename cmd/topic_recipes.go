package cmd

// recipesHelp is a line for each of the things that ev is often wanted for. A script has each of
// them read.
const recipesHelp = `Names that begin with ./ stand for your own programs.

FILES

  # check the code at each save, once the file is complete
  ev stat -r . --ext go -- go vet ./...
  # start a server, and restart it when its source changes
  ev stat -r src --now --on-busy restart -- ./server
  # handle each file that arrives in a directory, or is there already
  ev stat -r in --initial --change created,moved --each -- ./take {}
  # synchronise, including what changed while ev was not running
  ev stat -r /srv --state /var/lib/ev/srv -- ./sync
  # do something when the git branch changes
  ev stat .git/HEAD -- git branch --show-current

TIME

  # every working day at nine, in Berlin
  ev every 'Mon..Fri 09:00' --tz Europe/Berlin -- ./report
  # once, tomorrow at nine; with nohup and & it survives your logout
  nohup ev every --at 'tomorrow 09:00' -- ./report &
  # every hour, on one of many machines
  ev every 1h --lock=backup --server nats://nats.example.org -- ./backup
  # run a command until it succeeds, at most six times
  ev timer 0 --once --retry 5 --retry-delay 2s -- ./fetch

PROCESSES AND SIGNALS

  # wait for any process, child or not
  ev on-exit 1234 -- notify-send '{command} ended with {status}'
  # restart a server that crashes
  ev on-exit --child ./server --respawn=on-failure
  # stop a job that takes too long
  ev on-exit --child ./job --once --run-timeout 10m
  # raise an alarm when a job has printed nothing for a while
  ./job 2>&1 | ev timer 10m --again-on fd:0 --pass -- ./alert 'job is silent'
  # clean up when a script is interrupted
  ev on-signal INT TERM --once -- ./cleanup

NETWORK AND LOGS

  # wait until a database accepts connections
  ev probe tcp:localhost:5432 --until up --timeout 30s -- ./migrate
  # a webhook: one deployment at a time, and one more for all requests in between
  ev on-http :8080 --hmac-secret-file key --async --on-busy merge -- ./deploy
  # act on the lines of a log, even when it is rotated
  ev watch-fd tail:/var/log/app.log --match 'ERROR (.*)' -- ./page {1}
  # send one message a minute, with all lines that came in between
  ev watch-fd tail:/var/log/app.log --throttle 1m --on-busy merge -- ./page

THE MACHINE

  # a user has logged in
  ev stat -r /run/user --depth 1 --type d --change created --each -- ./greet {}
  # a disk was mounted; with 'ev watch-fd /proc/self/mountinfo --urgent', any
  ev probe --cmd 'mountpoint -q /mnt/backup' --if state=up -- ./backup
  # tasks waited 150 ms for a processor within a second; also for memory and io
  ev watch-fd /proc/pressure/cpu --urgent --say 'some 150000 1000000' -- ./shed-load`
