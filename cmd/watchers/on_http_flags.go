package watchers

import (
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/watch/onhttp"
)

// onHTTPOptions are the flags of on-http.
type onHTTPOptions struct {
	options
	methods []string
	paths   []string
	hosts   []string
	origins []string
	health  bool

	tokenFile string
	basicFile string
	signature onhttp.Signature
	query     bool
	allow     []string
	proxies   []string
	tlsCert   string
	tlsKey    string
	clientCA  string

	access socketFlags

	maxBody        int
	maxBodies      int
	maxHeader      int
	maxParallel    int
	maxQueue       int
	maxConnections int
	maxPerClient   int
	minRate        int
	readTimeout    time.Duration

	jsonBody    bool
	async       bool
	cgi         bool
	status      []string
	elseStatus  int
	halfClose   string
	keepRunning bool
	accessLog   string
}

const (
	maxForm = 1 << 20  // what is held in memory of a form
	maxJSON = 10 << 20 // and of JSON

	// The values of --half-close.
	halfCloseGone  = "gone"
	halfCloseWaits = "waits"
)

const onHTTPHelp = `On-http fires when an HTTP request arrives. ADDR is one of

  HOST:PORT   an address; 0.0.0.0:PORT and [::]:PORT are open to every machine
  :PORT       reachable from this machine only
  unix:PATH   a socket for the owner only, unless --socket-mode says otherwise
  fd:NAME     the socket with this name in $LISTEN_FDNAMES; or fd:N

Several lines of an Evfile may use the same ADDR. A request goes to the first line whose
--host, --method and --path fit. Each line has its own secrets, limits and COMMAND. The
flags of the listener must be the same in all of these lines: --tls-*, --client-ca,
--socket-*, --trust-proxy, --max-header, --max-connections, --max-per-client,
--max-bodies, --read-timeout.

The COMMAND reads the body as its standard input and writes the answer to its standard
output. The answer is sent as it is written. If the COMMAND fails before it has written
anything, the answer is 500. If it fails later, ev cuts the connection, so that nobody
takes a part for the whole. With --status or --cgi the COMMAND chooses the status;
--status therefore holds the output, up to 1 MiB, until the exit status is known. Without
a COMMAND the answer is 204. A COMMAND that exceeds --run-timeout gives 504, one that is
stopped gives 503, and an event that --on-busy merges into another gives 202.

When the client disconnects, ev stops the COMMAND at once, or does not start it. When ev
ends, running commands may continue for --kill-after.

Parameters come from the query or from a form: {param.NAME} and $EV_PARAM_NAME. If a
parameter is repeated, this is its first value, and $EV_PARAM_NAME_1, _2, … have all. An
uploaded file is stored while the COMMAND runs. Its parameter is the path of that file,
{filename.NAME} and {type.NAME} are its name and type as sent by the client, and
$EV_FILES lists the paths of all uploads, which a client cannot forge. If the body is
signed, parameters of the query are used only with --query. Headers are {header.NAME}
and $EV_HEADER_NAME. Two names that would give the same variable, such as a-b and a_b,
are never mixed up: such a request is refused, and a header with a _ in its name is
{header.NAME} only. Values that no variable can hold (128 KiB, or too many) are refused
with 413.

With --json-body the body is read as JSON, whatever its type is. The fields of an object
are parameters, and a list is a parameter with several values; of a list with objects or
lists in it, only the first element is a variable. Any field is {json.a.b.0.c} in the
COMMAND, --env and --if, and $EV_JSON_A_B_0_C in a script that uses that name.

By default only POST is accepted, because the page of any web site can make a browser
send a GET. Requests that a browser sends for another site are refused, unless --origin
allows that site. Requests for a host name that is not this machine's are refused as
well; --host, addresses and localhost are accepted. With --token-file or
--hmac-secret-file a line needs no --origin, and on an open address no --host, because
no page knows the secret.

A file of secrets has one secret on each line, and each of them is accepted. It has no
comments and no empty lines. Ev reads secrets and certificates again when they change.
While a file of secrets is missing or invalid, every request is refused.

How services sign their requests (add --hmac-secret-file FILE to each):

  Bitbucket          --hmac-header X-Hub-Signature
  CircleCI           --hmac-format hex --hmac-header Circleci-Signature --hmac-prefix v1=
  Discord            --hmac-format discord, its public key in FILE
  GitHub             (the default)
  Gitea, Forgejo     --hmac-format hex --hmac-header X-Gitea-Signature
  GitLab             --hmac-format gitlab
  Intercom           --hmac-header X-Hub-Signature --hmac-hash sha1 --hmac-prefix sha1=
  Paddle             --hmac-format paddle
  PagerDuty          --hmac-format hex --hmac-header X-PagerDuty-Signature --hmac-prefix v1=
  Shopify            --hmac-format base64 --hmac-header X-Shopify-Hmac-Sha256
  Slack              --hmac-format slack
  Standard Webhooks  --hmac-format standard
  Stripe             --hmac-format stripe
  Svix               --hmac-format svix
  Twilio             --hmac-format twilio --public-url https://hooks.example
  Typeform           --hmac-format base64 --hmac-header Typeform-Signature --hmac-prefix sha256=
  Vercel             --hmac-format hex --hmac-header X-Vercel-Signature --hmac-hash sha1
  Zoom               --hmac-format zoom

For any other scheme, say what is signed: --hmac-signed '{header.X-Time}.{body}' --hmac-time X-Time.`

func (o *onHTTPOptions) addTo(c *cobra.Command) {
	fs := ownFlags(c)
	fs.Var((*wordsValue)(&o.methods), "method", "accept requests with these methods `LIST`")
	fs.Lookup("method").DefValue = "POST"
	fs.Var((*ListValue)(&o.paths), "path", "accept requests for this path, or for all paths below /PREFIX/*; can be repeated `PATH`")
	fs.Var((*ListValue)(&o.hosts), "host", "accept requests for this host name; can be repeated `NAME`")
	fs.Var((*wordsValue)(&o.origins), "origin", "allow pages from these origins to send requests (CORS); * allows all `LIST`")
	fs.BoolVar(&o.health, "health", false, "answer GET /-/healthy for anyone, without an event")

	fs.StringVar(&o.tokenFile, "token-file", "", "accept requests with one of the tokens in this file (Authorization: Bearer) `FILE`")
	fs.StringVar(&o.basicFile, "basic-file", "", "accept users in this file of USER:PASSWORD lines (HTTP basic authentication); hashes of htpasswd -B are understood `FILE`")
	fs.StringVar(&o.signature.SecretFile, "hmac-secret-file", "", "accept requests that are signed with one of the secrets in this file `FILE`")
	fs.StringVar(&o.signature.Format, "hmac-format", "github", "signature scheme of --hmac-secret-file: "+strings.Join(onhttp.SignatureFormats(), ", ")+" `FORMAT`")
	fs.StringVar(&o.signature.Header, "hmac-header", "", "header that carries the signature (default: that of --hmac-format) `NAME`")
	fs.StringVar(&o.signature.Signed, "hmac-signed", "", "text that is signed, made of {body}, {header.NAME}, {url}, {method} and {path} `TEMPLATE`")
	fs.StringVar(&o.signature.Hash, "hmac-hash", "", "hash of the signature: sha1, sha256 or sha512 (default: that of --hmac-format) `HASH`")
	fs.StringVar(&o.signature.Prefix, "hmac-prefix", "", "text in front of each signature `TEXT`")
	fs.StringVar(&o.signature.Time, "hmac-time", "", "header with the time of signing, in seconds `NAME`")
	duration(fs, &o.signature.Tolerance, "hmac-tolerance", 5*time.Minute, "oldest time of signing that is accepted")
	fs.StringVar(&o.signature.PublicURL, "public-url", "", "URL under which clients know this server, for {url} `URL`")
	fs.BoolVar(&o.query, "query", false, "use parameters of the query even if only the body is signed")
	fs.Var((*wordsValue)(&o.allow), "allow", "accept only clients with these addresses `CIDR`")
	fs.Var((*wordsValue)(&o.proxies), "trust-proxy", "take the client's address from these proxies' Forwarded or X-Forwarded-For header; unix means whoever connects to a unix: socket `CIDR`")
	fs.StringVar(&o.tlsCert, "tls-cert", "", "serve TLS with this certificate, followed by its chain (PEM) `FILE`")
	fs.StringVar(&o.tlsKey, "tls-key", "", "private key of --tls-cert (PEM) `FILE`")
	fs.StringVar(&o.clientCA, "client-ca", "", "accept only clients with a certificate signed by one of these (PEM) `FILE`")
	o.access.add(fs, "unix:")

	sizeVar(fs, &o.maxBody, "max-body", 1<<20, "longest body that is accepted; a longer one gets 413 (for JSON the default is 10 MiB)")
	sizeVar(fs, &o.maxBodies, "max-bodies", 256<<20, "most memory that all bodies may take together; more get 503")
	sizeVar(fs, &o.maxHeader, "max-header", 64<<10, "longest header that is accepted; a longer one gets 431")
	numberVar(fs, &o.maxParallel, "max-parallel", action.DefaultParallel, "run at most `N` commands at once; other requests get 503")
	numberVar(fs, &o.maxQueue, "max-queue", 1000, "let at most `N` requests wait with --on-busy queue; others get 503")
	numberVar(fs, &o.maxConnections, "max-connections", 0, "accept at most `N` connections at once (default: ulimit -n, less 100)")
	numberVar(fs, &o.maxPerClient, "max-per-client", 0, "accept at most `N` connections from one address (default: a quarter of all)")
	duration(fs, &o.readTimeout, "read-timeout", 30*time.Second, "longest time that a client may take to send a request or to read an answer")
	sizeVar(fs, &o.minRate, "min-rate", 1<<10, "allow longer than --read-timeout for transfers of at least this many bytes per second")

	fs.BoolVar(&o.jsonBody, "json-body", false, "read the body as JSON; its fields become {json.NAME} and parameters")
	fs.BoolVar(&o.async, "async", false, "answer 202 at once and print the command's output instead of sending it")
	fs.BoolVar(&o.cgi, "cgi", false, "run the command as a CGI script, which writes headers and an empty line before the body")
	fs.Var((*ListValue)(&o.status), "status", "answer with this HTTP status when the command exits with CODE; can be repeated `CODE=HTTP`")
	numberVar(fs, &o.elseStatus, "else-status", 0, "answer with this HTTP status when --if does not hold (default: 204) `HTTP`")
	fs.StringVar(&o.halfClose, "half-close", halfCloseGone, "how to treat a client that closes its sending side: gone, or waits (for the answer) `WHAT`")
	fs.BoolVar(&o.keepRunning, "keep-running", false, "let the command continue when its client disconnects")
	fs.StringVar(&o.accessLog, "access-log", "", "log each request to this file; - is standard output `FILE`")
}

// place reads what is written about addresses and about the socket.
func (o *onHTTPOptions) place(w *onhttp.Options) (err error) {
	for _, s := range o.proxies {
		if s == "unix" {
			w.TrustUnix = true
			continue
		}
		p, err := parsePrefix("--trust-proxy", s)
		if err != nil {
			return err
		}
		w.TrustProxy = append(w.TrustProxy, p)
	}
	for _, s := range o.allow {
		p, err := parsePrefix("--allow", s)
		if err != nil {
			return err
		}
		w.Allow = append(w.Allow, p)
	}
	w.Access, err = o.access.access()
	return err
}

// parsePrefix reads a network, or one address.
func parsePrefix(flag, s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, usage.At(usage.Item(strings.TrimPrefix(flag, "--"), s), "%s %s: write addresses, as in 10.0.0.0/8 or ::1", flag, s)
	}
	return p.Masked(), nil
}

// contradiction refuses flags that say nothing, or two things, together.
func (o *onHTTPOptions) contradiction(a *App, c *cobra.Command, w *onhttp.Options) error {
	unix := strings.HasPrefix(w.Addr, "unix:")
	for _, name := range []string{"hmac-format", "hmac-header", "hmac-signed", "hmac-hash", "hmac-prefix", "hmac-time", "hmac-tolerance", "public-url", "query"} {
		if c.Flags().Changed(name) && o.signature.SecretFile == "" {
			return usage.At(usage.Flag(name), "--%s needs a signature: add --hmac-secret-file FILE", name)
		}
	}
	switch {
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return usage.At(usage.Flag("tls-cert", "tls-key"), "--tls-cert and --tls-key go together: give both")
	case o.clientCA != "" && o.tlsCert == "":
		return usage.At(usage.Flag("client-ca"), "--client-ca needs TLS: add --tls-cert and --tls-key")
	case o.access.given() && !unix:
		return usage.At(usage.Flag("socket-mode", "socket-group"), "--socket-mode and --socket-group are for unix:PATH, and %s is not that: leave them out", w.Addr)
	case o.readTimeout <= 0:
		return usage.At(usage.Value("read-timeout"), "--read-timeout must be more than 0")
	case o.halfClose != halfCloseGone && o.halfClose != halfCloseWaits:
		return usage.At(usage.Value("half-close"), "--half-close is %s or %s, not %q", halfCloseGone, halfCloseWaits, o.halfClose)
	case o.cgi && len(o.status) > 0:
		return usage.At(usage.Flag("cgi", "status"), "with --cgi the command writes the status, with --status its exit status decides: leave out one of the two")
	case o.async && (o.cgi || len(o.status) > 0 || o.keepRunning):
		return usage.At(usage.Flag("cgi", "status", "keep-running"), "--async answers before the command has run: leave out --cgi, --status, --keep-running")
	case o.retry > 0 && !o.async:
		return usage.At(usage.Flag("retry"), "--retry may run the command again after its answer was sent: add --async")
	case o.accessLog == "-" && (o.print || o.script == "" && c.ArgsLenAtDash() < 0 && !a.Quiet):
		return usage.At(usage.Value("access-log"), "--access-log -: events are printed there, too: name a file")
	}
	return nil
}
