package cmd

// clusterHelp is the topic of what several ev share.
const clusterHelp = `Several ev can share locks and events through a server, which --server or EV_SERVER
names:

  file:DIR              files in DIR, shared on this machine only. The default is
                        file:$XDG_STATE_HOME/ev, and file:/var/lib/ev for root
  nats://HOST[,HOST]    nats-server 2.10 or later with JetStream; tls:// uses TLS
  nats:NAME             the context NAME of nats(1); nats: is the selected context

  EV_SERVER=nats:prod
  backup:  every 03:00 --tz Europe/Berlin --lock -- tar -czf /var/backups/srv.tgz /srv
  invoice: every '0 6 1 * *' --emit ev.jobs.invoice
  billing: on-message ev.jobs.invoice --retry 8 -- tee -a invoices.json
  config:  stat /etc/crontab --emit ev.config.changed
  reload:  on-message ev.config.changed --each-host -c 'kill -HUP 1'
  list:    stat -r /srv --lock=list -c 'find /srv >/tmp/list'

With this Evfile on fifty hosts, one host makes the backup, one host sends the invoices
(and another one if it fails), and all hosts reload when the file changes on one of them.

What is guaranteed in which failure:

  failure                --lock                 --emit             on-message
  a command fails        its run is over        -                  comes again
  ev or its host dies    the next instant runs  what was accepted  comes again, to
                         after --lease; this    is in the spool    another, after
                         one only by --rerun    or stored          --ack-wait
  the server is away     instants wait, then    spooled, sent in   waits
                         --catch-up decides; a  order later
                         run goes on for three
                         quarters of the lease
  the disk of file:DIR   instants wait          waits, if the      waits
  or the spool is full                          source can, else
                                                dropped, counted
  one of three servers   instants wait some     spooled until      may come up to
  dies                   seconds                another leads      90 s later
  ev or its host stands  another may run too,   -                  another may run
  still past the lease   by a higher {fence}                       it too
  a host's clock is off  no instant runs twice; -                  -
                         5m ahead: none runs
  the server loses what  instants of the last   lost               lost
  it has acknowledged    seconds may run again
  the server lets ev in  at the start ev ends with status 2 or 125, later the watcher
  no more, is too old    ends, and the others go on; what is in the spool stays there

To guard against the loss of what was acknowledged, set sync_interval: always. This is a
whole configuration for nats-server -c on one machine. Replace the directories, names,
addresses, ports and passwords by your own:

  server_name: nats1
  listen: 0.0.0.0:4222
  jetstream { store_dir: /var/lib/nats, max_mem: 64M, max_file: 4G, sync_interval: always }
  tls { cert_file: /etc/nats/cert.pem, key_file: /etc/nats/key.pem }
  authorization {
    HOST: {
      publish: [ "ev.>", "_EV.>", "$JS.API.>", "$JS.ACK.>" ]
      subscribe: [ "ev.>", "_EV.>", "_INBOX.>" ]
    }
    users: [
      { user: web07, password: change-me-7, permissions: $HOST }
      { user: web08, password: change-me-8, permissions: $HOST }
    ]
  }

With three machines, the same file is on each, with a server_name of its own, and with
this at its end:

  cluster {
    name: ev
    listen: 0.0.0.0:6222
    routes: [ nats://nats1:6222, nats://nats2:6222, nats://nats3:6222 ]
    tls { cert_file: /etc/nats/cert.pem, key_file: /etc/nats/key.pem, ca_file: /etc/nats/ca.pem }
  }

Ev creates the streams ev (7 days, 1 GB) and ev-locks, with three replicas if there are
three servers. Whoever may publish below ev. can start the commands of on-message.`
