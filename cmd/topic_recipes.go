package cmd

// recipesHelp is a line for each of the things that ev is often wanted for. A script has each of
// them read.
const recipesHelp = `Names that begin with ./ stand for your own programs.

FILES

  # check the code at each save, once the file is complete
  ev stat -r . --ext go -- go vet ./...
  # restart a server when its source changes
  ev stat -r src --on-busy restart -- ./server
  # handle each file that arrives in a directory
  ev stat -r in --change created,moved --each -- ./take {}
  # synchronise, including what changed while ev was not running
  ev stat -r /srv --state /var/lib/ev/srv -- ./sync
  # act on the lines of a log, even when it is rotated
  ev watch-fd tail:/var/log/app.log --match 'ERROR (.*)' -- ./page {1}

KERNEL

  # a file system was mounted or unmounted
  ev watch-fd /proc/self/mountinfo --urgent -- ./remounted
  # tasks waited 150 ms for a processor within a second; also for memory and io
  ev watch-fd /proc/pressure/cpu --urgent --say 'some 150000 1000000' -- ./shed-load
  # a control group got its first process, or lost its last one
  ev watch-fd /sys/fs/cgroup/app.slice/cgroup.events --urgent -- ./used

TIME

  # every working day at nine, in Berlin
  ev every 'Mon..Fri 09:00' --tz Europe/Berlin -- ./report
  # every hour, on one of many machines
  ev every 1h --lock=backup --server nats://nats.example.org -- ./backup
  # raise an alarm when a job has printed nothing for a while
  ev timer 10m --again-on fd:0 --pass -- ./alert 'job is silent'

PROCESSES AND SIGNALS

  # wait for any process, child or not
  ev on-exit 1234 -- notify-send '{command} ended with {status}'
  # restart a server that crashes
  ev on-exit --child ./server --respawn=on-failure
  # clean up when a script is interrupted
  ev on-signal INT TERM --once -- ./cleanup
  # end a producer when its reader has gone
  ev watch-fd 1 --hup -- kill $$

NETWORK

  # wait until a database accepts connections
  ev probe tcp:localhost:5432 --until up --timeout 30s -- ./migrate
  # a webhook: one deployment at a time, and one more for all requests in between
  ev on-http :8080 --hmac-secret-file key --async --on-busy merge -- ./deploy
  # an echo server
  ev watch-fd tcp-listen:localhost:7777 -- cat`
