package cmd

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/live"
)

// deadAction is what ctl does about dead letters.
const deadAction = "dead"

// deadWords completes what follows it.
func deadWords(args []string) func(string) []string {
	if len(args) > 1 {
		return watchers.Words()
	}
	return watchers.Words("list\tshow the dead letters of a group, or of all", "retry\tdeliver them to their group again", "drop\tremove them")
}

// dead lists dead letters, has them tried again, or drops them.
func (o *ctlOptions) dead(p *program, c *cobra.Command, args []string) error {
	lo, err := o.LinkOptions(&p.App)
	switch {
	case err != nil:
		return err
	case len(args) == 0 || !slices.Contains([]string{"list", "retry", "drop"}, args[0]):
		return usage.Errorf("say what to do with the dead letters: list [GROUP...], retry GROUP [NUMBER...], drop GROUP [NUMBER...]")
	case args[0] == "list":
		return o.listDead(p, c.OutOrStdout(), lo, args[1:])
	case len(args) == 1:
		return usage.Errorf("name the group, as in: ev ctl dead %s billing", args[0])
	}
	var numbers []uint64
	for i, text := range args[2:] {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return usage.At(usage.Arg(3+i), "%q is not the number of a dead letter: ev ctl dead list %s shows the numbers", text, args[1])
		}
		numbers = append(numbers, n)
	}
	shared, err := p.dialLink(lo)
	if err != nil {
		return err
	}
	defer shared.end()
	letters, err := shared.letters(args[1])
	if err != nil {
		return err
	}
	for i, n := range numbers {
		if !slices.ContainsFunc(letters, func(l link.Letter) bool { return l.Seq == n }) {
			return usage.At(usage.Arg(3+i), "the group %s has no dead letter %d: ev ctl dead list %[1]s shows those it has", args[1], n)
		}
	}
	done := 0
	for _, l := range letters {
		if len(numbers) > 0 && !slices.Contains(numbers, l.Seq) {
			continue
		}
		err := shared.await(func(done func(error)) { shared.Remove(l, args[0] == "retry", done) })
		if err != nil {
			return err
		}
		done++
	}
	p.Report.Noticef("%s: %d of %d dead letters", args[0], done, len(letters))
	return nil
}

// letters asks for the dead letters of a group, or of all.
func (d *dialed) letters(group string) (letters []link.Letter, err error) {
	err = d.await(func(done func(error)) {
		d.Letters(group, func(all []link.Letter, err error) {
			letters = all
			done(err)
		})
	})
	return letters, err
}

// A deadLetter is a line of ctl dead list --json.
type deadLetter struct {
	Number  uint64          `json:"number"`
	Group   string          `json:"group"`
	Subject string          `json:"subject"`
	ID      string          `json:"id"`
	Source  string          `json:"source"`
	Died    time.Time       `json:"died"`
	Status  int             `json:"status"`
	Attempt int             `json:"attempt"`
	Reason  string          `json:"reason"`
	Data    json.RawMessage `json:"data,omitempty"`
	Payload []byte          `json:"payload_b64,omitempty"` // where there are no data
}

func (o *ctlOptions) listDead(p *program, out io.Writer, lo link.Options, groups []string) error {
	shared, err := p.dialLink(lo)
	if err != nil {
		return err
	}
	defer shared.end()
	if len(groups) == 0 {
		groups = []string{""}
	}
	found := []deadLetter{}
	rows := [][]string{{"NUMBER", "GROUP", "SUBJECT", "ID", "TRIES", "DIED", "REASON"}}
	for _, group := range groups {
		letters, err := shared.letters(group)
		if err != nil {
			return err
		}
		for _, l := range letters {
			d := deadLetter{
				Number: l.Seq, Group: l.Group, Subject: l.Origin(), ID: l.ID, Source: l.Source, Died: l.Died,
				Status: l.Dead.Status, Attempt: l.Dead.Attempt, Reason: l.Dead.Reason, Data: l.Data,
			}
			if l.Data == nil {
				d.Payload = l.Payload
			}
			found = append(found, d)
			rows = append(rows, []string{
				strconv.FormatUint(d.Number, 10), live.Printable(d.Group), live.Printable(d.Subject), live.Printable(d.ID),
				strconv.Itoa(d.Attempt), live.Ago(d.Died, time.Now()), live.Printable(d.Reason),
			})
		}
	}
	if o.json {
		return json.NewEncoder(out).Encode(map[string]any{"ok": true, "letters": found})
	}
	return live.WriteTable(out, rows)
}
