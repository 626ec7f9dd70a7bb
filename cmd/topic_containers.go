package cmd

// containersHelp is what ev does as the first process of a container.
const containersHelp = `AS THE FIRST PROCESS

Ev can be the first process of a container, PID 1 (ENTRYPOINT, or CMD): it needs no
tini or dumb-init before it, and no --init of 'docker run' or 'podman run'. With one of
them it works as well, and is an ordinary process.

  ENTRYPOINT ["ev", "run", "/etc/Evfile"]
  ENTRYPOINT ["ev", "on-exit", "--child", "./server", "--respawn", "on-failure"]

Write it as a list of words, as here. Docker gives a single string to sh -c, and then the
shell may get the signals in ev's place.

TERM, INT, HUP and QUIT do what 'ev help signals' says. The kernel lets no signal from
within the container kill PID 1, so ev exits with status 128+n there: 143 for TERM. A
container that is stopped gets TERM, and KILL some time later (docker stop --time, and
terminationGracePeriodSeconds of a Kubernetes Pod; 10 and 30 seconds by default): that
time should be longer than --kill-after, by which the commands have to end.

If there is just one --child (on-exit), ev passes on to it, as tini and dumb-init do, the
signals that no watcher looks after and that mean nothing to ev: USR1, USR2, WINCH, ALRM,
VTALRM, IO, PWR, STKFLT, CONT, and the real-time signals, of which a burst may be merged.
INT, TERM, HUP and QUIT reach it as ev ends: it gets its --stop-signal. To have it reload
at HUP, watch that:

  server: on-exit --child ./server
  reload: on-signal HUP -- ev ctl signal server HUP

ORPHANS

A process whose parent ends becomes the child of PID 1. If nobody waits for it when it
ends, it stays as a zombie and keeps its PID; in the end no process can be started. As
PID 1 ev waits for all of them. They don't touch the statuses of the commands.

--subreaper has ev do so where it is not PID 1 (Linux, PR_SET_CHILD_SUBREAPER of
prctl(2)): what its commands leave behind becomes its child, and not the child of PID 1.

HEALTHCHECKS

'ev probe' looks whether a service answers, without curl or a shell. It is for HEALTHCHECK
of a Dockerfile and for an exec probe of Kubernetes: its status is 0 if the service is up,
and 124 if it is not within --timeout.

  HEALTHCHECK CMD ["ev", "probe", "http://localhost:8080/health", "--until", "up", "--timeout", "5s"]

For ev itself, 'ev on-http --health' answers GET /-/healthy as long as ev's loop turns.`
