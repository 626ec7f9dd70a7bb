package watchers

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
)

// LinkFlags say which server several ev share.
type LinkFlags struct {
	server   string
	creds    string
	spoolMax int
}

// AddServer adds the flags that name the server.
func (f *LinkFlags) AddServer(fs *pflag.FlagSet) {
	fs.StringVar(&f.server, "server", "", "server that the ev of several machines share: nats://HOST, tls://HOST, nats:CONTEXT, or file:DIR on one machine (default: $EV_SERVER) `URL`")
	fs.StringVar(&f.creds, "creds", "", "file with NATS credentials (default: $EV_CREDS) `FILE`")
}

// AddSpool adds what is about a server that is away.
func (f *LinkFlags) AddSpool(fs *pflag.FlagSet) {
	sizeVar(fs, &f.spoolMax, "spool-max", link.DefaultSpoolMax, "how much may wait on this machine while the server is away")
}

// links are the links of one loop, which all lines of an Evfile share.
type links struct {
	// Opened, if not nil, is told of each that is opened.
	Opened func(l link.Link, host string)

	mu    sync.Mutex
	open  map[[2]string]link.Link // by server and credentials
	order [][2]string
}

// LinkOptions are what the flags and the environment say of the link.
func (f *LinkFlags) LinkOptions(a *App) (link.Options, error) {
	o := link.Options{
		Server: cmp.Or(f.server, a.Getenv("EV_SERVER"), "file:"), Creds: cmp.Or(f.creds, a.Getenv("EV_CREDS")),
		StateDir: link.StateDir(a.Getenv), SpoolMax: int64(f.spoolMax),
	}
	s, err := link.ParseServer(o.Server, a.Getenv)
	if err != nil {
		return o, usage.Of(usage.Value("server"), "--server: ", err)
	}
	if s.Dir != "" && f.creds != "" {
		return o, usage.At(usage.Flag("creds"), "--creds is for a NATS server, and %s is not one: leave it out", o.Server)
	}
	o.Host, err = os.Hostname()
	return o, err
}

// Link opens a link, or returns the one that is open already. It tells by way of the loop; without
// one, as o says.
func (a *App) Link(o link.Options, on *loop.Loop) (link.Link, error) {
	a.Links.mu.Lock()
	defer a.Links.mu.Unlock()
	key := [2]string{o.Server, o.Creds}
	if l := a.Links.open[key]; l != nil {
		return l, nil
	}
	full := o
	full.Report, full.Getenv = a.Report, a.Getenv
	if on != nil {
		full.Post, full.After = on.Post, on.After
	}
	l, err := link.Open(full)
	if err != nil {
		return nil, usage.Of(usage.Value("server"), "--server: ", err)
	}
	if a.Links.open == nil {
		a.Links.open = map[[2]string]link.Link{}
	}
	a.Links.open[key] = l
	a.Links.order = append(a.Links.order, key)
	if a.Links.Opened != nil {
		a.Links.Opened(l, o.Host)
	}
	return l, nil
}

// States are how the links are, in the order in which they were opened.
func (l *links) States() (all []link.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range l.order {
		all = append(all, l.open[key].State())
	}
	return all
}

// Close gives back what the links hold.
func (l *links) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var closing sync.WaitGroup
	for _, open := range l.open {
		closing.Add(1)
		open.Close(closing.Done)
	}
	closing.Wait()
	l.open, l.order = nil, nil
}

// CheckSubjects reports what can't be a subject. A word too many is likely the COMMAND.
func (a *App) CheckSubjects(c *cobra.Command, subjects []string, filter bool) error {
	for i, s := range subjects {
		err := link.CheckSubject(s, filter)
		if err == nil {
			continue
		}
		if hint := a.DashHint(c, i); i > 0 && hint != "" {
			err = fmt.Errorf("%w (if %s is the command, %s)", err, s, hint)
		}
		return usage.Of(usage.Arg(i), "", err)
	}
	return nil
}

// LinkError is the error of a link as ev's own: what no waiting mends is one of usage.
func LinkError(err error) error {
	if _, ok := errors.AsType[*link.FaultError](err); ok {
		return usage.By(err)
	}
	return err
}

// CompleteServers completes --server.
func (a *App) CompleteServers(c *cobra.Command) {
	_ = c.RegisterFlagCompletionFunc("server", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		all := []string{"file:", "nats://", "tls://"}
		for _, name := range link.Contexts(a.Getenv) {
			all = append(all, "nats:"+name)
		}
		return all, cobra.ShellCompDirectiveNoSpace
	})
}
