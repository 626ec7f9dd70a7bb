package cmd

// recipesHelp is a line for each of the things that ev is often wanted for. A script has each of
// them read.
const recipesHelp = `What begins with ./ is a program of yours.

FILES

  # at each save, once, when the file is whole
  ev stat -r . --ext go -- go vet ./...
  # a server that is started anew
  ev stat -r src --on-busy restart -- ./server
  # a folder of what is to be done
  ev stat -r in --change created,moved --each -- ./take {}
  # also what changed while ev was down
  ev stat -r /srv --state /var/lib/ev/srv -- ./sync
  # lines of a log, through its rotation
  ev watch-fd tail:/var/log/app.log --match 'ERROR (.*)' -- ./page {1}

WHAT THE KERNEL TELLS OF ITSELF

  # something is mounted, or not any more
  ev watch-fd /proc/self/mountinfo --urgent -- ./remounted
  # 150 ms of waiting for a processor in a second; memory and io are beside it
  ev watch-fd /proc/pressure/cpu --urgent --say 'some 150000 1000000' -- ./shed-load
  # a control group has got its first process, or lost its last one
  ev watch-fd /sys/fs/cgroup/app.slice/cgroup.events --urgent -- ./used

TIME

  # working days, where they are
  ev every 'Mon..Fri 09:00' --tz Europe/Berlin -- ./report
  # on one of many machines, not on each
  ev every 1h --lock=backup --server nats://nats.example.org -- ./backup
  # a job that has said nothing for a while
  ev timer 10s --again-on fd:0 --pass -- ./alert 'job is silent'

PROCESSES AND SIGNALS

  # any process, child or not
  ev on-exit 1234 -- notify-send '{command} ended with {status}'
  # supervision
  ev on-exit --child ./server --respawn=on-failure
  # a script that tidies up
  ev on-signal INT TERM --once -- ./cleanup
  # a producer ends as soon as its reader has gone
  ev watch-fd 1 --hup -- kill $$

NETWORK

  # wait for a database
  ev probe tcp:localhost:5432 --until up --timeout 30s -- ./migrate
  # a webhook: one deployment at a time, and one more for all that came meanwhile
  ev on-http :8080 --hmac-secret-file key --async --on-busy merge -- ./deploy
  # an echo server
  ev watch-fd tcp-listen:localhost:7777 -- cat`
