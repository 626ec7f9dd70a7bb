package watchers

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/onmessage"
)

// onMessageOptions are the flags of on-message.
type onMessageOptions struct {
	options
	group    string
	eachHost bool
	from     string
	ackWait  time.Duration
	ordered  bool
}

// groupRetries is how often a message comes again by default.
const groupRetries = 5

func (a *App) newOnMessage(sink Sink) *cobra.Command {
	o := &onMessageOptions{}
	c := &cobra.Command{
		Use:   "on-message SUBJECT... [flags] [-- COMMAND [ARG...]]",
		Short: "wait for events that another ev has stored",
		Long: `On-message fires when an event arrives that 'ev emit', or any other sender, has stored
under SUBJECT. In SUBJECT, * stands for one word, and > for all following words.

All ev with the same --server and the same --group share the work: each event goes to
one of them. All of them need the same SUBJECTs: an event that goes to one without a
SUBJECT for it is lost. Without --group, the --name is the group. With --each-host every
host gets each event, including those that were stored while the host was down. A new
group gets what is stored once ev is ready (--ready-fd, READY=1 of systemd), unless ev
has said that the server is away.

An event is done when its COMMAND has ended with status 0. Otherwise it is delivered
again, to any ev of the group, after a growing pause and up to --retry times. After that
it is dead, and is moved to the subject ev.dead.GROUP.SUBJECT; 'ev ctl dead' lists, retries
and drops such events. Status 65 makes an event dead at once. A run that ends with status 75 does not count as a try. If a signal stops
ev, its event goes to another ev at once; if ev or its machine dies, the event goes to
another ev after --ack-wait. So an event may arrive more than once, but none is lost.

The COMMAND reads the data of the event from its standard input. 'id', 'source', 'type'
and 'published' come from the sender, 'data.NAME' is a field of the data, and 'attempt'
counts deliveries. A message that is not a CloudEvent has only the field 'payload'.`,
		Example: `  # one host compresses each file; if it fails, another one does
  ev on-message ev.jobs.compress --name compress --retry 8 -- gzip -k -- {data.file}
  # keep the configuration on every host
  ev on-message ev.config --each-host --name config -- tee config.json
  # print all events
  ev on-message 'ev.>' --name show --json`,
	}
	fs := ownFlags(c)
	fs.StringVar(&o.group, "group", "", "name of the group that shares the work: one member gets each event (default: the --name) `NAME`")
	fs.BoolVar(&o.eachHost, "each-host", false, "deliver each event to every host")
	fs.StringVar(&o.from, "from", "", "where a new group begins: all (with all stored events) or a time (default: with new events) `all|TIME`")
	duration(fs, &o.ackWait, "ack-wait", 30*time.Second, "how long an ev may be silent before its event goes to another")
	fs.BoolVar(&o.ordered, "ordered", false, "deliver one event at a time to the whole group, in the order in which they were stored")
	o.add(c)
	if f := c.Flags().Lookup("retry"); f != nil {
		f.Usage = "have an event that fails come again up to `N` times"
		f.DefValue = "5"
	}
	o.retryMax = 5 * time.Minute
	for name, usage := range map[string]string{
		"retry-delay": "the pause before an event comes again, doubled each time",
		"retry-max":   "the longest pause before an event comes again",
	} {
		f := c.Flags().Lookup(name)
		f.Usage, f.DefValue = usage, f.Value.String()
	}
	a.CompleteServers(c)
	CompleteArgs(c, Words("ev.", "ev.>\tall events", "ev.dead.>\tdead letters"))
	return runs(a, c, o, sink)
}

func (o *onMessageOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	if len(own) == 0 {
		return usage.Errorf("give a subject, as in: ev on-message ev.jobs.invoice")
	}
	if err := a.CheckSubjects(c, own, true); err != nil {
		return err
	}
	b, err := o.bind(a, c, event.Message{}, action.Queue, command)
	if err != nil {
		return err
	}
	w := onmessage.Options{
		Consume: link.ConsumeOptions{Subjects: own, EachHost: o.eachHost, AckWait: o.ackWait, Ordered: o.ordered},
		Limit:   1,
		Retry:   o.retry, RetryDelay: o.retryDelay, RetryMax: o.retryMax, Report: a.Report,
	}
	switch {
	case o.nowait:
		return usage.At(usage.Flag("nowait"), "--nowait does not even wait for the server's answer: use --once --timeout 5s, which ends with status 124 if no event comes")
	case o.group == "" && o.name == "":
		return usage.Errorf("name the group: --group NAME, or --name NAME, or a label in an Evfile")
	case o.ackWait < time.Second:
		return usage.At(usage.Value("ack-wait"), "--ack-wait %s is too short: give at least 1s", span.Format(o.ackWait))
	}
	if w.Consume.Group = o.group; o.group == "" {
		w.Consume.Group = o.name
	}
	if !c.Flags().Changed("retry") {
		w.Retry = groupRetries
	}
	if b.Exec != nil {
		b.Exec.Retry = 0 // the group tries again, on any host
		switch b.Exec.Busy.Policy {
		case action.Parallel:
			w.Limit = b.Exec.Busy.Limit
		case action.Queue:
		default:
			w.Limit = 1000 // what it does while the command runs is for what comes meanwhile
		}
		if o.ordered && b.Exec.Busy.Policy != action.Queue {
			return usage.At(usage.Flag("ordered", "on-busy"), "--ordered handles one event after the other, and --on-busy %s does not: leave out one of the two", o.onBusy)
		}
	}
	if o.from != "" && o.from != "all" {
		if w.Consume.From.Time, err = schedule.ParseTime(o.from, time.Now(), a.localZone()); err != nil {
			return usage.Of(usage.Value("from"), "--from: ", err)
		}
	}
	w.Consume.From.All = o.from == "all"
	lo, err := o.LinkOptions(a)
	if err != nil {
		return err
	}
	// Each host's own group has no two members there, and any other has the same subjects everywhere.
	b.Claim().Group, b.Claim().Subjects = lo.Server+" "+w.Consume.Group, slices.Sorted(slices.Values(own))
	if o.eachHost {
		b.Claim().Subjects = nil
	}
	o.need.Subjects = append(o.need.Subjects, own...)
	o.check(b, func(l *loop.Loop) (link.Link, error) { return a.Link(lo, l) })
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		var err error
		if w.Link, err = a.Link(lo, l); err != nil {
			return nil, err
		}
		return onmessage.New(l, w, emit), nil
	}
	return sink(c.Context(), b)
}
