package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/live"
)

// runAll asks all ev run of the hosts that are meant.
func (o *ctlOptions) runAll(p *program, out io.Writer, q control.Request) error {
	remote := append([]string{control.List}, control.Remote()...)
	if !slices.Contains(remote, q.Command) {
		return usage.At(usage.Arg(0), "--all works with %s, not with %s", strings.Join(remote, ", "), q.Command)
	}
	if o.path != "" {
		return usage.At(usage.Flag("control", "all"), "--control names one ev run, and --all means several: leave out one of the two")
	}
	if _, err := path.Match(o.all, ""); err != nil {
		return usage.At(usage.Value("all"), "--all=%s is not a pattern of host names: %v", o.all, err)
	}
	lo, err := o.LinkOptions(&p.App)
	if err != nil {
		return err
	}
	if strings.HasPrefix(lo.Server, "file:") {
		return o.askHere(p, out, lo.Host, q)
	}
	shared, err := p.dialLink(lo)
	if err != nil {
		return err
	}
	defer shared.end()
	data, _ := json.Marshal(remoteRequest{Hosts: o.all, Names: q.Names})
	var replies []remoteReply
	var again time.Duration
	if q.Command == control.Events {
		again = eventsAskedEvery
	}
	err = shared.await(func(done func(error)) {
		shared.Ask(allSubjects+q.Command, data, again, func(text []byte) {
			var r remoteReply
			switch {
			case json.Unmarshal(text, &r) != nil:
			case r.Event == nil:
				replies = append(replies, r)
			default:
				if err := writeEvent(out, r); err != nil {
					done(err)
				}
			}
		}, func(err error) {
			if err != nil {
				done(err)
				return
			}
			time.AfterFunc(o.wait, func() {
				shared.posts <- func() {
					if q.Command != control.Events || !slices.ContainsFunc(replies, func(r remoteReply) bool { return r.OK }) {
						done(nil)
					}
				}
			})
		})
	})
	if err != nil {
		return err
	}
	return o.writeReplies(p, out, q.Command, replies)
}

// writeEvent writes an event of another host as an event of this one is, with its host first.
func writeEvent(out io.Writer, r remoteReply) error {
	host, _ := json.Marshal(r.Host)
	line := fmt.Appendf(nil, `{"host":%s,%s`, host, strings.TrimPrefix(string(r.Event), "{"))
	_, err := out.Write(control.Printable(append(line, '\n')))
	return err
}

// askHere asks all ev run of this machine whose sockets are where they are by default.
func (o *ctlOptions) askHere(p *program, out io.Writer, host string, q control.Request) error {
	if q.Command == control.Events {
		return usage.At(usage.Arg(0), "events --all needs a NATS server: add --server nats://HOST, or name one ev run with --control")
	}
	_, sockets, err := p.sockets()
	if err != nil {
		return err
	}
	var replies []remoteReply
	if meant, _ := path.Match(o.all, host); !meant {
		sockets = nil
	}
	for _, at := range sockets {
		client, err := control.Dial(at)
		if err != nil {
			p.Report.Verbosef("%v", err) // what an ev that was killed has left
			continue
		}
		reply, _, err := client.Do(q)
		client.Close()
		if err != nil {
			reply.Error = err.Error()
		}
		replies = append(replies, remoteReply{Host: host, Reply: reply})
	}
	return o.writeReplies(p, out, q.Command, replies)
}

// writeReplies writes what the hosts have said, in the order of their names.
func (o *ctlOptions) writeReplies(p *program, out io.Writer, command string, replies []remoteReply) error {
	if len(replies) == 0 {
		return fmt.Errorf("no ev run on a host %s has answered: start one there with --control and this --server", o.all)
	}
	by := map[string][]remoteReply{}
	for _, r := range replies {
		by[r.Host] = append(by[r.Host], r)
	}
	replies = nil
	for _, host := range slices.Sorted(maps.Keys(by)) {
		replies = append(replies, by[host]...)
	}
	failed := false
	var hosts []string
	var ws []control.Watcher
	for _, r := range replies {
		if o.json {
			line, err := json.Marshal(r)
			if err == nil {
				_, err = out.Write(control.Printable(append(line, '\n')))
			}
			if err != nil {
				return err
			}
		} else if r.Error != "" {
			p.Report.Errorf("%s: %s", live.Printable(r.Host), live.Printable(r.Error))
		}
		failed = failed || r.Error != ""
		for _, w := range r.Watchers {
			hosts, ws = append(hosts, r.Host), append(ws, w)
		}
	}
	var err error
	switch {
	case o.json:
	case command == control.List && ws != nil:
		err = live.WriteHosts(out, hosts, ws, time.Now())
	case !failed:
		p.Report.Noticef("%s: %d ev run have answered", command, len(replies))
	}
	if err == nil && failed {
		err = &usage.ExitError{Status: usage.ExitFailure}
	}
	return err
}
