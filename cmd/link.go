package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/link"
)

// linkFlags say which server several ev share.
type linkFlags struct {
	server   string
	creds    string
	spoolMax int
}

// addServer adds the flags that name the server.
func (f *linkFlags) addServer(fs *pflag.FlagSet) {
	fs.StringVar(&f.server, "server", "", "what is shared: nats://HOST, tls://HOST, nats:CONTEXT, file:DIR; or EV_SERVER `URL`")
	fs.StringVar(&f.creds, "creds", "", "credentials of NATS; or EV_CREDS `FILE`")
}

// addSpool adds what is about a server that is away.
func (f *linkFlags) addSpool(fs *pflag.FlagSet) {
	sizeVar(fs, &f.spoolMax, "spool-max", link.DefaultSpoolMax, "how much waits on this machine while the server is away")
}

// links are the links of one loop, which all lines of an Evfile share.
type links struct {
	mu   sync.Mutex
	open map[[2]string]link.Link // by server and credentials
}

// linkOptions are what the flags and the environment say of the link.
func (f *linkFlags) linkOptions(a *app) (link.Options, error) {
	o := link.Options{
		Server: cmp.Or(f.server, a.getenv("EV_SERVER"), "file:"), Creds: cmp.Or(f.creds, a.getenv("EV_CREDS")),
		StateDir: link.StateDir(a.getenv), SpoolMax: int64(f.spoolMax),
	}
	s, err := link.ParseServer(o.Server, a.getenv)
	if err != nil {
		return o, usageOf(valueWord("server"), "--server: ", err)
	}
	if s.Dir != "" && f.creds != "" {
		return o, usageAt(flagWord("creds"), "--creds is for a server of NATS, and %s is none: leave it out", o.Server)
	}
	o.Host, err = os.Hostname()
	return o, err
}

// link opens a link, or returns the one that is open already. What it has to tell goes through
// post.
func (a *app) link(o link.Options, post func(func())) (link.Link, error) {
	a.links.mu.Lock()
	defer a.links.mu.Unlock()
	key := [2]string{o.Server, o.Creds}
	if l := a.links.open[key]; l != nil {
		return l, nil
	}
	full := o
	full.Post, full.Report, full.Getenv = post, a.report, a.getenv
	l, err := link.Open(full)
	if err != nil {
		return nil, usageOf(valueWord("server"), "--server: ", err)
	}
	if a.links.open == nil {
		a.links.open = map[[2]string]link.Link{}
	}
	a.links.open[key] = l
	return l, nil
}

// close gives back what the links hold.
func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var closing sync.WaitGroup
	for _, open := range l.open {
		closing.Add(1)
		open.Close(closing.Done)
	}
	closing.Wait()
	l.open = nil
}

// checkSubjects reports what can't be a subject. A word too many is likely the COMMAND.
func (a *app) checkSubjects(c *cobra.Command, subjects []string, filter bool) error {
	for i, s := range subjects {
		err := link.CheckSubject(s, filter)
		if err == nil {
			continue
		}
		if hint := a.dashHint(c, i); i > 0 && hint != "" {
			err = fmt.Errorf("%w (if %s is the command, %s)", err, s, hint)
		}
		return usageOf(argWord(i), "", err)
	}
	return nil
}

// linkError is the error of a link as ev's own: what no waiting mends is one of usage.
func linkError(err error) error {
	if _, ok := errors.AsType[*link.FaultError](err); ok {
		return usageBy(err)
	}
	return err
}

// completeServers completes --server.
func (a *app) completeServers(c *cobra.Command) {
	_ = c.RegisterFlagCompletionFunc("server", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		all := []string{"file:", "nats://", "tls://"}
		for _, name := range link.Contexts(a.getenv) {
			all = append(all, "nats:"+name)
		}
		return all, cobra.ShellCompDirectiveNoSpace
	})
}
