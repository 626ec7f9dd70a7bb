package cmd

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/onhttp"
)

// onHTTPOptions are the flags of on-http.
type onHTTPOptions struct {
	options
	methods []string
	paths   []string
	hosts   []string
	health  bool

	tokenFile  string
	basicFile  string
	secretFile string
	hmacHeader string
	hmacFormat string
	tlsCert    string
	tlsKey     string

	maxBody        int
	maxHeader      int
	maxParallel    int
	maxConnections int
	readTimeout    time.Duration

	jsonBody    bool
	async       bool
	cgi         bool
	status      []string
	halfClose   string
	keepRunning bool
}

func (a *app) newOnHTTP(sink Sink) *cobra.Command {
	o := &onHTTPOptions{}
	c := &cobra.Command{
		Use:   "on-http ADDR [flags] [-- COMMAND [ARG...]]",
		Short: "wait for HTTP requests, and answer them",
		Long: `On-http fires when a request arrives. ADDR is HOST:PORT; :PORT, which is this host's
alone (0.0.0.0:PORT and [::]:PORT are open to all); unix:PATH, a socket that is only the
owner's; or fd:NAME, one that $LISTEN_FDNAMES calls so.

The COMMAND reads the body and writes the answer, which goes out as it comes. If it
fails before it has written anything, the answer is 500, and nothing of it goes out;
after that, the connection is cut, so that nobody takes a part for the whole. With
--status or --cgi the answer is the COMMAND's to choose: the former holds its output,
up to 1 MiB, until its exit status is known. Without a COMMAND the answer is 204. A
COMMAND that runs too long gives 504, one that is stopped 503, and an event that
--on-busy merges into another, 202.

When the client goes, that is known at once: the COMMAND is stopped, or not started.
At the end, what runs may go on for --kill-after.

Parameters are the same wherever they come from, the query or a form: {param.NAME},
$EV_PARAM_NAME; of several, the first, and all of them as $EV_PARAM_NAME_1, _2, …; a
list in JSON. A part of a form that is a file is one, as long as the COMMAND runs: its
parameter is its path, and $EV_FILES are the paths of all, which nobody can forge.
Headers are {header.NAME}, $EV_HEADER_NAME. No name sets another's variable: a request
with both a-b and a_b is refused, and a header with a _ in it is {header.NAME} only.

Only POST is answered, unless --method says so, for another site's page can have a
browser send any GET; what comes that way, or under a name that is not this host's,
is refused. Secrets are in files, one a line, each of them good.`,
		Example: `  # a webhook of GitHub's
  ev on-http :8080 --path /push --hmac-secret-file secret -- ./deploy
  # upload a file
  ev on-http unix:/run/up.sock --max-body 1g -- cp -- {files} /srv/incoming/
  # answer questions: curl 'localhost:8080/?name=root'
  ev on-http :8080 --method GET --status 2=404 -- getent passwd -- {param.name}
  # see what comes
  ev on-http :8080 --json`,
		RunE: func(c *cobra.Command, args []string) error { return o.run(a, c, args, sink) },
	}
	o.addTo(c)
	o.add(c)
	completeArgs(c, words("localhost:", ":", "unix:", "fd:"))
	completeFlag(c, "hmac-format", words(onhttp.SignatureFormats()...))
	completeFlag(c, "half-close", words(halfCloseGone+"\tit has gone", halfCloseWaits+"\tit still waits"))
	completeFlag(c, "method", words(onhttp.Methods()...))
	return c
}

// The values of --half-close.
const (
	halfCloseGone  = "gone"
	halfCloseWaits = "waits"
)

func (o *onHTTPOptions) addTo(c *cobra.Command) {
	fs := ownFlags(c)
	fs.StringSliceVar(&o.methods, "method", []string{"POST"}, "which methods there are `LIST`")
	fs.Var((*listValue)(&o.paths), "path", "which path there is, or /PREFIX/* for all below; can be repeated `PATH`")
	fs.Var((*listValue)(&o.hosts), "host", "a name under which this host is known, besides localhost and addresses; can be repeated `NAME`")
	fs.BoolVar(&o.health, "health", false, "answer GET /-/healthy, to anyone, without an event")

	fs.StringVar(&o.tokenFile, "token-file", "", "who has one of these tokens may (Authorization: Bearer) `FILE`")
	fs.StringVar(&o.basicFile, "basic-file", "", "who has one of these USER:PASSWORD may (Authorization: Basic) `FILE`")
	fs.StringVar(&o.secretFile, "hmac-secret-file", "", "the body must be signed with one of these secrets `FILE`")
	fs.StringVar(&o.hmacHeader, "hmac-header", "", "where the signature is (default: where the format has it) `NAME`")
	fs.StringVar(&o.hmacFormat, "hmac-format", "github", "how it is written: github, gitlab (the secret itself), stripe, hex, base64 `FORMAT`")
	fs.StringVar(&o.tlsCert, "tls-cert", "", "speak TLS, with this certificate and those it is signed with `FILE`")
	fs.StringVar(&o.tlsKey, "tls-key", "", "and its key `FILE`")

	sizeVar(fs, &o.maxBody, "max-body", 1<<20, "a longer body is refused: 413")
	sizeVar(fs, &o.maxHeader, "max-header", 64<<10, "and so is a longer header: 431")
	numberVar(fs, &o.maxParallel, "max-parallel", action.DefaultParallel, "so many requests at once: others are refused, 503 `N`")
	numberVar(fs, &o.maxConnections, "max-connections", 1000, "so many connections at once: others wait `N`")
	duration(fs, &o.readTimeout, "read-timeout", 30*time.Second, "how long a client may take to send a request, or to take a piece of the answer")

	fs.BoolVar(&o.jsonBody, "json-body", false, "the fields of a JSON object are parameters, too")
	fs.BoolVar(&o.async, "async", false, "answer 202 at once; the COMMAND's output is ev's")
	fs.BoolVar(&o.cgi, "cgi", false, "the COMMAND writes headers, and an empty line, before the body; Status: is one of them")
	fs.Var((*listValue)(&o.status), "status", "what an exit status is to HTTP; can be repeated `CODE=HTTP`")
	fs.StringVar(&o.halfClose, "half-close", halfCloseGone, "what a client that ends its sending has done: gone, or waits `WHAT`")
	fs.BoolVar(&o.keepRunning, "keep-running", false, "don't stop the COMMAND when its client has gone")
}

func (o *onHTTPOptions) run(a *app, c *cobra.Command, args []string, sink Sink) error {
	own, command := split(c, args)
	switch {
	case len(own) == 0:
		return usagef("give an address, as in: ev on-http :8080")
	case len(own) > 1:
		return usageAt(own[1], "%s", a.dashHint(own[1]))
	}
	w, err := o.describe(a, own[0])
	if err != nil {
		return err
	}
	b, err := o.bind(a, c, event.HTTP{}, action.Parallel, command)
	if err != nil {
		return err
	}
	if err := o.needCommand(c, b.Exec != nil); err != nil {
		return err
	}
	if b.Exec != nil {
		w.Handed = true
		b.Exec.Drain = o.killAfter
		if o.onBusy == "" {
			b.Exec.Busy.Limit = o.maxParallel
		}
	}
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		return onhttp.New(l, w, emit)
	}
	return sink(c.Context(), b)
}

// describe turns the flags into what the watcher wants to know.
func (o *onHTTPOptions) describe(a *app, addr string) (onhttp.Options, error) {
	w := onhttp.Options{
		Addr: addr, Methods: o.methods, Paths: o.paths, Hosts: o.hosts, Health: o.health,
		TokenFile: o.tokenFile, BasicFile: o.basicFile,
		Signature: onhttp.Signature{SecretFile: o.secretFile, Header: o.hmacHeader, Format: o.hmacFormat},
		CertFile:  o.tlsCert, KeyFile: o.tlsKey,
		MaxBody: o.maxBody, MaxHeader: o.maxHeader, MaxParallel: o.maxParallel, MaxConnections: o.maxConnections,
		ReadTimeout: o.readTimeout, JSONBody: o.jsonBody,
		Async: o.async, CGI: o.cgi, KeepRunning: o.keepRunning, HalfClose: o.halfClose == halfCloseWaits,
		Report: a.report,
	}
	var err error
	if w.Named, err = a.namedFDs([]string{addr}); err != nil {
		return w, err
	}
	if err := o.checkMethods(); err != nil {
		return w, err
	}
	switch {
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return w, usagef("--tls-cert and --tls-key go together: give both")
	case o.secretFile == "" && (o.hmacHeader != "" || o.hmacFormat != "github"):
		return w, usagef("--hmac-header and --hmac-format are about a signature: add --hmac-secret-file FILE")
	case o.readTimeout <= 0:
		return w, usagef("--read-timeout is to be more than 0")
	case o.halfClose != halfCloseGone && o.halfClose != halfCloseWaits:
		return w, usagef("--half-close is %s or %s, not %q", halfCloseGone, halfCloseWaits, o.halfClose)
	case o.cgi && len(o.status) > 0:
		return w, usagef("--cgi has the command say the status, --status its exit status: leave out one of the two")
	case o.async && (o.cgi || len(o.status) > 0 || o.keepRunning):
		return w, usagef("--async answers before the command has run: leave out --cgi, --status, --keep-running")
	case o.retry > 0 && !o.async:
		return w, usagef("--retry runs a command again, whose answer may be out already: add --async")
	}
	w.Status, err = o.statuses()
	return w, err
}

// needCommand refuses flags that are about a command when there is none.
func (o *onHTTPOptions) needCommand(c *cobra.Command, given bool) error {
	for _, name := range []string{"async", "cgi", "status", "half-close", "keep-running"} {
		if c.Flags().Changed(name) && !given {
			return usagef("--%s is about a command, and there is none: put -- and the command at the end", name)
		}
	}
	return nil
}

// checkMethods makes the methods upper case.
func (o *onHTTPOptions) checkMethods() error {
	if len(o.methods) == 0 {
		return usagef("--method: give a method, as in --method GET,POST")
	}
	for i, m := range o.methods {
		m = strings.ToUpper(m)
		if !slices.Contains(onhttp.Methods(), m) {
			if guess, ok := nearest.Of(m, slices.Values(onhttp.Methods())); ok {
				return usagef("--method: %q is no method: did you mean %s?", o.methods[i], guess)
			}
			return usagef("--method: %q is no method: there are %s", o.methods[i], strings.Join(onhttp.Methods(), ", "))
		}
		o.methods[i] = m
	}
	return nil
}

// statuses reads --status.
func (o *onHTTPOptions) statuses() (map[int]int, error) {
	statuses := map[int]int{}
	for _, s := range o.status {
		code, status, _ := strings.Cut(s, "=")
		n, err := strconv.ParseUint(code, 10, 8)
		if err != nil {
			return nil, usagef("--status %s: write CODE=HTTP, an exit status from 0 to 255 and a status from 200 to 599", s)
		}
		to, err := strconv.ParseUint(status, 10, 16)
		if err != nil || to < 200 || to > 599 {
			return nil, usagef("--status %s: write CODE=HTTP, an exit status from 0 to 255 and a status from 200 to 599", s)
		}
		statuses[int(n)] = int(to)
	}
	return statuses, nil
}
