package cmd

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/link"
)

// emitOptions are the flags of emit.
type emitOptions struct {
	watchers.LinkFlags
	data    string
	id      string
	noSpool bool
}

func (p *program) newEmit() *cobra.Command {
	o := &emitOptions{}
	c := &cobra.Command{
		Use:     "emit SUBJECT [NAME=VALUE...] [flags]",
		Short:   "store an event for on-message",
		GroupID: loopGroup,
		Long: `Emit stores one event under SUBJECT, which consists of words separated by dots. Every
'ev on-message' that waits for SUBJECT gets the event. The data of the event are the
fields NAME=VALUE, or the text of --data.

Subjects that begin with ev. work without preparation. For other subjects the server
needs a stream that accepts them.

While the server is away, the event is kept in a spool on this machine, and the next ev
here that uses the server sends it. With --no-spool, emit fails with status 75 instead.`,
		Example: `  # an event with two fields
  ev emit ev.jobs.invoice customer=4711 month=2026-11
  # a file as it is
  df -h >report.txt
  ev emit ev.report --data - <report.txt
  # the same event only once, however often this runs
  ev emit ev.jobs.month --id month-2026-11`,
		RunE: func(c *cobra.Command, args []string) error { return o.run(p, c, args) },
	}
	c.Flags().SortFlags = false
	o.AddServer(c.Flags())
	c.Flags().StringVar(&o.data, "data", "", "data of the event: a text, or - for standard input; JSON stays JSON `TEXT|-`")
	c.Flags().StringVar(&o.id, "id", "", "identifier of the event; one that was stored within the last hour is not stored again `ID`")
	c.Flags().BoolVar(&o.noSpool, "no-spool", false, "fail with status 75 if the server is away")
	o.AddSpool(c.Flags())
	p.CompleteServers(c)
	watchers.CompleteArgs(c, watchers.Words("ev."))
	return c
}

func (o *emitOptions) run(p *program, c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage.Errorf("give a subject, as in: ev emit ev.jobs.invoice")
	}
	if err := p.CheckSubjects(c, args[:1], false); err != nil {
		return err
	}
	lo, err := o.LinkOptions(&p.App)
	if err != nil {
		return err
	}
	m := link.Message{
		Subject: args[0], ID: o.id, Source: "/" + lo.Host + "/emit", Type: "ev.emit", Time: time.Now(), NoSpool: o.noSpool,
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	if err := o.fill(c, &m, args[1:]); err != nil {
		return err
	}
	shared, err := p.dialLink(lo)
	if err != nil {
		return err
	}
	defer shared.end()
	var where link.Stored
	err = shared.await(func(done func(error)) {
		shared.Publish(m, func(w link.Stored, err error) {
			where = w
			done(err)
		})
	})
	if err == nil && where == link.Spool {
		p.Report.Noticef("the server is away: the event is kept on this machine, and the next ev here that reaches the server sends it")
	}
	return err
}

// fill gives the message its data.
func (o *emitOptions) fill(c *cobra.Command, m *link.Message, fields []string) error {
	if c.Flags().Changed("data") {
		if len(fields) > 0 {
			return usage.At(usage.Arg(1), "%s and --data are both the event's data: leave out one of the two", fields[0])
		}
		data := []byte(o.data)
		if o.data == "-" {
			var err error
			if data, err = io.ReadAll(os.Stdin); err != nil {
				return fmt.Errorf("standard input: %w", err)
			}
		}
		m.Payload = data
		if json.Valid(data) && utf8.Valid(data) {
			m.Data = bytes.TrimSpace(data)
		}
		return nil
	}
	object := map[string]string{}
	for i, f := range fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return usage.At(usage.Arg(1+i), "%q is not a field: write NAME=VALUE", f)
		}
		if _, twice := object[name]; twice {
			return usage.At(usage.Arg(1+i), "%s is given twice: leave out one of the two", name)
		}
		object[name] = value
	}
	m.Data, _ = json.Marshal(object)
	return nil
}
