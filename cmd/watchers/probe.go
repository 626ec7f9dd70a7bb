package watchers

import (
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/probe"
)

// probeOptions are the flags of probe.
type probeOptions struct {
	options
	cmd     string
	every   time.Duration
	timeout time.Duration
	backoff time.Duration
	rise    int
	fall    int
	change  string
	until   string

	expect   string
	match    string
	caCert   string
	insecure bool
	proxy    bool
}

func (a *App) newProbe(sink Sink) *cobra.Command {
	o := &probeOptions{}
	c := &cobra.Command{
		Use:   "probe TARGET|--cmd CMD [flags] [-- COMMAND [ARG...]]",
		Short: "wait for a port or a URL to come up or go down",
		Long: `Probe checks TARGET at once and then at the pace of --every. It fires when the state of
TARGET is first known, and then whenever the state changes. A TARGET is

  tcp:HOST:PORT        up if one of the addresses of HOST accepts a connection
  unix:PATH            up if the socket accepts a connection
  http://HOST/PATH     up if the status is 2xx or 3xx; redirects are not followed
  https://HOST/PATH    the same, with a certificate that the system trusts
  --cmd CMD            up if CMD ends with status 0

A check that takes longer than --look-timeout has failed. Checks never overlap, and they
do not delay other watchers. The name HOST is resolved again for each check. If ev itself is
short of processes, files or memory, there is no check: that is reported once, and the
state stays as it was.

'state' is up or down, 'prev_state' is the previous state, and 'since' says when the
state began. 'error' says why TARGET is down. 'status' is the HTTP status, or the exit
status of CMD. 'output' has the first 64 KiB of the body, or of what CMD printed; the
COMMAND reads it as its standard input. With --change, probe also fires when the status
or the output changes.

With --rise and --fall, a new state counts only after that many checks in a row.

With --until, only that state is an event, and ev ends after it. If there is a COMMAND,
ev ends with its status.

While events wait for the COMMAND, probe does not check.`,
		Example: `  # run a command once the database is up, or give up
  ev probe tcp:localhost:5432 --until up --timeout 30s -- echo 'the database is up'
  # act when a service has failed three checks in a row, and when it is back
  ev probe http://localhost:8080/healthz --fall 3 -- echo 'the service is {state}'
  # print each change of the status as JSON
  ev probe https://example.com/ --every 1m --change status --json
  # notice when a command prints something else, as watch -g does
  ev probe --cmd 'df -h /' --change output --every 1m -- cat
  # wait until a service is down
  ev probe unix:/run/app.sock --until down`,
	}
	fs := ownFlags(c)
	fs.Var((*onceValue)(&o.cmd), "cmd", "run this command to check the target; status 0 means up `CMD`")
	duration(fs, &o.every, "every", time.Second, "time between two checks")
	duration(fs, &o.timeout, "look-timeout", 5*time.Second, "longest time that a check may take")
	duration(fs, &o.backoff, "backoff", 0, "double the time between checks while the target is down, up to this")
	numberVar(fs, &o.rise, "rise", 1, "number of successful checks in a row before the target counts as up `N`")
	numberVar(fs, &o.fall, "fall", 1, "number of failed checks in a row before the target counts as down `N`")
	fs.StringVar(&o.change, "change", "", "also fire when this changes: status or output `WHAT`")
	fs.StringVar(&o.until, "until", "", "wait for this state, then end: up or down `STATE`")
	fs.StringVar(&o.expect, "expect", "", "accept only these HTTP statuses: 200, 2xx, 200-299, or several with commas `STATUS`")
	fs.StringVar(&o.match, "match", "", "accept only a body or output that matches this expression (the first MiB counts) `REGEXP`")
	fs.StringVar(&o.caCert, "cacert", "", "check the server's certificate against this PEM file instead of the system's certificates `FILE`")
	fs.BoolVar(&o.insecure, "insecure", false, "do not check the server's certificate")
	fs.BoolVar(&o.proxy, "proxy", false, "use the proxy named by HTTP_PROXY, HTTPS_PROXY and NO_PROXY")
	o.add(c)
	CompleteArgs(c, Words("tcp:", "unix:", "http://", "https://"))
	return runs(a, c, o, sink)
}

func (o *probeOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	p, err := o.describe(a, c, own)
	if err != nil {
		return err
	}
	b, err := o.bind(a, c, event.Probe{}, action.Queue, command)
	if err != nil {
		return err
	}
	if o.nowait {
		return usage.At(usage.Flag("nowait"), "--nowait does not even wait for the first check: use --until up --timeout 5s, which ends with status 124 if TARGET is not up by then")
	}
	if o.until != "" {
		if o.count > 1 {
			return usage.At(usage.Flag("until", "count"), "--until ends with its first event, and --count wants %d: leave out one of the two", o.count)
		}
		b.Count = 1
	}
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		return probe.New(l, p, emit)
	}
	return sink(c.Context(), b)
}

// describe turns the flags and the TARGET into what the watcher wants to know.
func (o *probeOptions) describe(a *App, c *cobra.Command, own []string) (probe.Options, error) {
	p := probe.Options{
		Every: o.every, Timeout: o.timeout, Backoff: o.backoff, Rise: o.rise, Fall: o.fall,
		Until: o.until, Insecure: o.insecure, Proxy: o.proxy, Report: a.Report,
	}
	switch {
	case len(own) > 0 && o.cmd != "":
		return p, usage.At(usage.Arg(0), "--cmd says what to look at, and there is %q as well: leave out one of the two", own[0])
	case c.Flags().Changed("cmd"):
	case len(own) == 0:
		return p, usage.Errorf("give a target, as in: ev probe tcp:localhost:5432")
	case len(own) > 1:
		return p, a.tooMany(c, "one target is enough", own)
	}
	switch {
	case o.every <= 0:
		return p, usage.At(usage.Value("every"), "--every must be more than 0")
	case o.timeout <= 0:
		return p, usage.At(usage.Value("look-timeout"), "--look-timeout must be more than 0")
	case o.backoff != 0 && o.backoff < o.every:
		return p, usage.At(usage.Value("backoff"), "--backoff %s is less than the first pause, --every %s: give more", span.Format(o.backoff), span.Format(o.every))
	case o.insecure && o.caCert != "":
		return p, usage.At(usage.Flag("insecure", "cacert"), "--insecure does not check the certificate, and --cacert does: leave out one of the two")
	}
	if err := o.target(a, c, own, &p); err != nil {
		return p, err
	}
	for _, f := range []struct {
		name string
		fits bool
		of   string
	}{
		{"expect", p.Target.Answers(), "the status of an HTTP answer or a command"},
		{"match", p.Target.Answers(), "the body of an HTTP answer, or what a command prints"},
		{"change", p.Target.Answers(), "an HTTP answer or a command"},
		{"proxy", p.Target.HTTP(), "an HTTP request"},
		{"cacert", p.Target.TLS(), "the certificate of an https target"},
		{"insecure", p.Target.TLS(), "the certificate of an https target"},
	} {
		if c.Flags().Changed(f.name) && !f.fits {
			return p, usage.At(usage.Flag(f.name), "--%s is about %s, and %s has none: leave it out", f.name, f.of, p.Target)
		}
	}
	return p, o.judge(&p)
}

// target reads the TARGET, or the command of --cmd.
func (o *probeOptions) target(a *App, c *cobra.Command, own []string, p *probe.Options) (err error) {
	if !c.Flags().Changed("cmd") {
		if p.Target, err = probe.ParseTarget(own[0]); err != nil {
			return usage.Of(usage.Arg(0), "", err)
		}
		return nil
	}
	argv, err := a.splitCommand("cmd", o.cmd, "", a.Env)
	p.Target, p.Env, p.Starter = probe.CommandTarget(o.cmd, argv), a.Env, a.Starter
	return err
}

// judge says what is up, and what is an event.
func (o *probeOptions) judge(p *probe.Options) (err error) {
	if o.until != "" {
		if _, err := choose("until", o.until, map[string]bool{event.Up: true, event.Down: true}); err != nil {
			return err
		}
	}
	if o.change != "" {
		if p.Change, err = choose("change", o.change, map[string]probe.Change{"status": probe.OfStatus, "output": probe.OfOutput}); err != nil {
			return err
		}
	}
	if o.expect != "" {
		if p.Expect, err = probe.ParseStatuses(o.expect); err != nil {
			return usage.Of(usage.Value("expect"), "--expect: ", err)
		}
	}
	if o.match != "" {
		if p.Match, err = regexp.Compile(o.match); err != nil {
			return usage.Of(usage.Value("match").From(regexpFault(o.match, err)), "--match: ", err)
		}
	}
	if o.caCert != "" {
		if p.CACert, err = os.ReadFile(o.caCert); err != nil {
			return usage.Of(usage.Value("cacert"), "--cacert: ", err)
		}
	}
	return nil
}
