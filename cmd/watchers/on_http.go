package watchers

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/onhttp"
)

func (a *App) newOnHTTP(sink Sink) *cobra.Command {
	o := &onHTTPOptions{}
	c := &cobra.Command{
		Use:   "on-http ADDR [flags] [-- COMMAND [ARG...]]",
		Short: "wait for HTTP requests and answer them",
		Long:  onHTTPHelp,
		Example: `  # a webhook for GitHub, for pushes to main; the secret decides who may use it
  head -c 32 /dev/urandom | base64 | install -m 600 /dev/stdin secret
  ev on-http 0.0.0.0:8080 --path /push --hmac-secret-file secret --json-body --if json.ref=refs/heads/main --async -- tee -a pushes.json
  # answer a query: curl 'localhost:8080/?name=root'
  ev on-http :8080 --method GET --status 2=404 -- getent passwd -- {param.name}
  # accept uploaded files: curl -F file=@/etc/hostname localhost:8080
  mkdir -p incoming
  ev on-http :8080 --max-body 1g -c 'printf "%s\n" "$EV_FILES" | xargs -r -d "\n" mv -t incoming --'
  # serve git repositories for cloning: git clone http://localhost:8080/git/hello.git
  git init -q --bare repositories/hello.git
  ev on-http :8080 --method GET,POST --path '/git/*' --cgi --env GIT_PROJECT_ROOT=repositories --env GIT_HTTP_EXPORT_ALL=1 -- git http-backend
  # print each request
  ev on-http :8080 --json`,
	}
	o.addTo(c)
	o.add(c)
	CompleteArgs(c, Words("localhost:", ":", "0.0.0.0:", "unix:", "fd:"))
	CompleteFlag(c, "hmac-format", Words(onhttp.SignatureFormats()...))
	CompleteFlag(c, "half-close", Words(halfCloseGone+"\tit has gone", halfCloseWaits+"\tit still waits"))
	CompleteFlag(c, "method", Words(onhttp.Methods()...))
	CompleteFlag(c, "hmac-hash", Words("sha1", "sha256", "sha512"))
	return runs(a, c, o, sink)
}

func (o *onHTTPOptions) run(a *App, c *cobra.Command, args []string, sink Sink) error {
	own, command := Split(c, args)
	switch {
	case len(own) == 0:
		return usage.Errorf("give an address, as in: ev on-http :8080")
	case len(own) > 1:
		return a.tooMany(c, "one address is enough", own)
	}
	w, err := o.describe(a, c, own[0])
	if err != nil {
		return err
	}
	sample := event.HTTP{}
	if o.jsonBody {
		sample.JSON = &event.JSON{}
	}
	b, err := o.bind(a, c, sample, action.Parallel, command)
	if err != nil {
		return err
	}
	if err := o.needCommand(c, b.Exec != nil); err != nil {
		return err
	}
	if b.Exec != nil {
		w.Handed = true
		if !c.Flags().Changed("drain") {
			b.Exec.Drain = o.killAfter
		}
		o.limit(c, &w, b.Exec)
		w.Wanted = wantedFields(b.Exec.Argv)
	}
	if a.Listens != nil {
		a.Listens(&w)
	}
	b.Claim().Writes = o.accessLog == "-"
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		return onhttp.New(l, w, emit)
	}
	return sink(c.Context(), b)
}

// limit says how many requests may have a command, and how many may wait for one.
func (o *onHTTPOptions) limit(c *cobra.Command, w *onhttp.Options, x *action.Options) {
	switch {
	case o.onBusy == "":
		x.Busy.Limit = o.maxParallel
	case x.Busy.Policy == action.Parallel:
		if c.Flags().Changed("max-parallel") {
			x.Busy.Limit = min(x.Busy.Limit, o.maxParallel)
		}
		w.MaxParallel = x.Busy.Limit
	default:
		w.MaxParallel, w.MaxQueue = 1, o.maxQueue
	}
}

// wantedFields are the variables of fields of a JSON body that the words of a command name.
func wantedFields(argv []string) (names []string) {
	const prefix = "EV_JSON_"
	for _, word := range argv {
		for at := strings.Index(word, prefix); at >= 0; at = strings.Index(word, prefix) {
			word = word[at:]
			n := len(prefix)
			for n < len(word) && (word[n] == '_' || word[n] >= 'A' && word[n] <= 'Z' || word[n] >= '0' && word[n] <= '9') {
				n++
			}
			if name := word[:n]; n > len(prefix) && !slices.Contains(names, name) {
				names = append(names, name)
			}
			word = word[n:]
		}
	}
	return names
}

// describe turns the flags into what the watcher wants to know.
func (o *onHTTPOptions) describe(a *App, c *cobra.Command, addr string) (onhttp.Options, error) {
	if o.methods == nil {
		o.methods = []string{"POST"}
	}
	w := onhttp.Options{
		Listening: onhttp.Listening{
			Addr: addr, CertFile: o.tlsCert, KeyFile: o.tlsKey, ClientCA: o.clientCA,
			MaxHeader: o.maxHeader, MaxConnections: o.maxConnections, MaxPerClient: o.maxPerClient, MaxBodies: o.maxBodies,
			ReadTimeout: o.readTimeout,
		},
		Methods: o.methods, Paths: o.paths, Hosts: o.hosts, Origins: o.origins, Health: o.health,
		TokenFile: o.tokenFile, BasicFile: o.basicFile, Signature: o.signature,
		MaxBody: o.maxBody, MaxForm: maxForm, MaxJSON: maxJSON, MaxParallel: o.maxParallel, MinRate: o.minRate,
		JSONBody: o.jsonBody, Query: o.query,
		Async: o.async, CGI: o.cgi, KeepRunning: o.keepRunning, HalfClose: o.halfClose == halfCloseWaits,
		AccessLog: o.accessLog, AccessJSON: a.LogFormat == "json",
		Hub: a.http, Report: a.Report,
	}
	if c.Flags().Changed("max-body") {
		w.MaxForm, w.MaxJSON = min(maxForm, o.maxBody), min(maxJSON, o.maxBody)
	}
	if w.MaxConnections == 0 {
		w.MaxConnections = onhttp.MostConnections()
	}
	if w.MaxPerClient == 0 {
		w.MaxPerClient = max(w.MaxConnections/4, 1)
	}
	var err error
	if w.Named, err = a.namedFDs([]string{addr}); err != nil {
		return w, err
	}
	if err := o.checkMethods(); err != nil {
		return w, err
	}
	if err := o.place(&w); err != nil {
		return w, err
	}
	if err := o.contradiction(a, c, &w); err != nil {
		return w, err
	}
	if o.elseStatus != 0 && (o.elseStatus < 200 || o.elseStatus > 599 || len(o.tests) == 0) {
		return w, usage.At(usage.Flag("else-status"), "--else-status needs --if, and a status from 200 to 599")
	}
	w.ElseStatus = o.elseStatus
	w.Status, err = o.statuses()
	return w, err
}

// needCommand refuses flags that are about a command when there is none.
func (o *onHTTPOptions) needCommand(c *cobra.Command, given bool) error {
	for _, name := range []string{"async", "cgi", "status", "half-close", "keep-running", "max-parallel", "max-queue"} {
		if c.Flags().Changed(name) && !given {
			return usage.At(usage.Flag(name), "--%s needs a command: put -- and the command at the end", name)
		}
	}
	return nil
}

// checkMethods makes the methods upper case.
func (o *onHTTPOptions) checkMethods() error {
	if len(o.methods) == 0 {
		return usage.At(usage.Value("method"), "--method: give a method, as in --method GET,POST")
	}
	for i, m := range o.methods {
		m = strings.ToUpper(m)
		if !slices.Contains(onhttp.Methods(), m) {
			if guess, ok := nearest.Of(m, slices.Values(onhttp.Methods())); ok {
				return usage.At(usage.Item("method", o.methods[i]), "--method: %q is not a method: did you mean %s?", o.methods[i], guess)
			}
			return usage.At(usage.Item("method", o.methods[i]), "--method: %q is not a method: there are %s", o.methods[i], strings.Join(onhttp.Methods(), ", "))
		}
		o.methods[i] = m
	}
	return nil
}

// statuses reads --status.
func (o *onHTTPOptions) statuses() (map[int]int, error) {
	statuses := map[int]int{}
	for _, s := range o.status {
		code, status, given := strings.Cut(s, "=")
		n, err := strconv.ParseUint(code, 10, 8)
		at := usage.Item("status", s)
		if err == nil && given {
			at = at.From(len(code + "="))
		}
		to, wrong := strconv.ParseUint(status, 10, 16)
		if err != nil || wrong != nil || to < 200 || to > 599 {
			return nil, usage.At(at, "--status %s: write CODE=HTTP, an exit status from 0 to 255 and a status from 200 to 599", s)
		}
		statuses[int(n)] = int(to)
	}
	return statuses, nil
}
