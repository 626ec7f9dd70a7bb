package cmd

// containersHelp is what ev does as the first process of a container.
const containersHelp = `AS THE FIRST PROCESS

Ev can be the first process of a container, PID 1. It needs neither tini or dumb-init
nor the --init option of 'docker run' or 'podman run'. With one of them ev works as an
ordinary process.

  ENTRYPOINT ["ev", "run", "/etc/Evfile"]
  ENTRYPOINT ["ev", "on-exit", "--child", "python3 -m http.server", "--respawn", "on-failure"]

Write the command as a list of words, as shown here. Docker passes a single string to
sh -c, and then the shell may receive the signals instead of ev.

For TERM, INT, HUP and QUIT see 'ev help signals'. Inside the container, the kernel lets
no signal kill PID 1; therefore ev exits with status 128+n, such as 143 for TERM. A
container that is stopped gets TERM, and KILL some time later: after 10 seconds by
default with docker stop (--time), and after 30 seconds in a Kubernetes Pod
(terminationGracePeriodSeconds). This time should be longer than --kill-after, which is
the time that commands have to end.

If there is exactly one --child (on-exit), ev passes on signals to it, as tini and
dumb-init do: USR1, USR2, WINCH, ALRM, VTALRM, IO, PWR, STKFLT, CONT and the real-time
signals, unless a watcher waits for them. A burst of real-time signals may be merged.
INT, TERM, HUP and QUIT end ev, and the child gets its --stop-signal. To make the child
reload at HUP instead, watch that signal:

  server: on-exit --child "python3 -m http.server"
  reload: on-signal HUP -- ev ctl signal server HUP

ORPHANS

A process whose parent has ended becomes a child of PID 1. If nobody waits for it when it
ends, it remains as a zombie and keeps its PID, until no further process can be started.
As PID 1, ev waits for all such processes. The statuses of its commands stay exact.

With --subreaper, ev does this even if it is not PID 1 (Linux, PR_SET_CHILD_SUBREAPER in
prctl(2)): the orphans of its commands become children of ev.

HEALTHCHECKS

'ev probe' checks whether a service answers, without curl or a shell. Use it as the
HEALTHCHECK of a Dockerfile or as an exec probe of Kubernetes. It exits with status 0 if
the service is up, and with 124 if it is not up within --timeout.

  HEALTHCHECK CMD ["ev", "probe", "http://localhost:8080/health", "--until", "up", "--timeout", "5s"]

To check ev itself, 'ev on-http --health' answers GET /-/healthy while the loop runs.

THE IMAGE

The image ghcr.io/evshell/ev has /ev and nothing else, and runs it as user 65534. That is
enough for lines without a COMMAND. For others, copy /ev into an image of your own:

  COPY --from=ghcr.io/evshell/ev /ev /usr/local/bin/ev

The directory examples, which comes with ev, has a Dockerfile, a file for Compose, and two
for Kubernetes: jobs in the place of a CronJob, and a sidecar.`
