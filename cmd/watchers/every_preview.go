package watchers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch/every"
)

// previewTitle is the heading of the flags that show a schedule.
const previewTitle = "Show the schedule, and end"

// preview are the flags that show a schedule instead of waiting for it.
type preview struct {
	next     int
	after    string
	explain  bool
	calendar bool
	timeline bool
}

func (p *preview) add(fs *pflag.FlagSet) {
	defer BeginGroup(fs, previewTitle)()
	numberVar(fs, &p.next, "next", 0, "print the next `N` instants and the time until each")
	fs.StringVar(&p.after, "after", "", "show the instants after this time instead of now `TIME`")
	fs.BoolVar(&p.explain, "explain", false, "explain how the schedule was read and what is unusual about it")
	fs.BoolVar(&p.calendar, "calendar", false, "draw the next four weeks, with a row for each day and a column for each hour")
	fs.BoolVar(&p.timeline, "timeline", false, "draw the next 24 hours")
}

func (p *preview) asked(c *cobra.Command) bool {
	return c.Flags().Changed("next") || p.after != "" || p.explain || p.calendar || p.timeline
}

// alone refuses what says nothing of a schedule that is only shown. A COMMAND may stay where it is:
// --next is added to a command line to look at it.
func (p *preview) alone(c *cobra.Command, command []string) (err error) {
	explain := p.explain
	c.Flags().Visit(func(f *pflag.Flag) {
		group := OwnTitle
		if g := f.Annotations[GroupAnnotation]; g != nil {
			group = g[0]
		}
		switch f.Name {
		case "name", "json", "script": // a name is what H and --fixed-jitter are a hash of
			return
		case "jitter", "fixed-jitter":
			if explain {
				return
			}
		case "state", "catch-up":
		default:
			if group == OwnTitle || group == previewTitle || c.Root().PersistentFlags().Lookup(f.Name) != nil {
				return
			}
			if group == commandGroup && (len(command) > 0 || c.Flags().Changed("script")) {
				return
			}
		}
		if err == nil {
			err = usage.At(usage.Flag(f.Name), "--%s has no effect on a schedule that is only shown: leave it out", f.Name)
			if strings.HasSuffix(f.Name, "jitter") {
				err = usage.At(usage.Flag(f.Name), "--%s does not change what is shown: leave it out, or add --explain, which mentions it", f.Name)
			}
		}
	})
	return err
}

// explained is how many instants --explain shows if --next says nothing else.
const explained = 5

func (p *preview) write(a *App, c *cobra.Command, w every.Options, asJSON bool) error {
	now := time.Now()
	s := shown{Options: w, now: now, after: now}
	switch {
	case (p.calendar || p.timeline) && w.Schedule == nil:
		return usage.At(usage.Flag("calendar", "timeline"), "a --schedule-command can't be drawn: --next N asks it for instants")
	case (p.calendar || p.timeline) && asJSON:
		return usage.At(usage.Flag("json"), "a picture is not JSON: --next N --json gives the instants")
	case p.after != "" && p.next == 0 && !p.explain && !p.calendar && !p.timeline:
		return usage.At(usage.Flag("after"), "--after needs something to show: add --next N, --explain, --calendar or --timeline")
	}
	if p.after != "" {
		var err error
		if s.after, err = schedule.ParseTime(p.after, now, s.zone()); err != nil {
			return usage.Of(usage.Value("after"), "--after: ", err)
		}
	}
	count := p.next
	if count == 0 && p.explain {
		count = explained
	}
	out := bufio.NewWriter(c.OutOrStdout())
	if p.explain && !asJSON {
		s.writeReading(out)
	}
	if err := s.writeInstants(out, count, p.explain, asJSON); err != nil {
		return errors.Join(out.Flush(), err)
	}
	size := pictureSize{width: usage.Width, utf8: showsUTF8(a.Getenv)}
	if columns, _, ok := term.Size(StdoutFD); ok {
		size.width = columns
	}
	if p.calendar {
		_, _ = io.WriteString(out, drawCalendar(w.Schedule, s.after, size))
	}
	if p.timeline {
		_, _ = io.WriteString(out, drawTimeline(w.Schedule, s.after, size))
	}
	return out.Flush()
}

// shown is a schedule that is looked at.
type shown struct {
	every.Options
	now   time.Time
	after time.Time
}

func (s *shown) zone() *time.Location {
	if s.Schedule != nil {
		return s.Schedule.Zone()
	}
	return s.Rule.Zone
}

// instants yields those after s.after. The error is the rule's.
func (s *shown) instants() iter.Seq2[time.Time, error] {
	return func(yield func(time.Time, error) bool) {
		for at := s.after; ; {
			var ok bool
			var err error
			if s.Schedule != nil {
				at, ok = s.Schedule.Next(at)
			} else {
				at, ok, err = s.Rule.Next(at)
			}
			if !ok && err == nil || !yield(at, err) || err != nil {
				return
			}
		}
	}
}

// writeReading tells how the text was understood.
func (s *shown) writeReading(w io.Writer) {
	if s.Schedule == nil {
		fmt.Fprintf(w, "read as:\ta command\nnormal form:\t%s\n", strings.Join(s.Rule.Command, " "))
	} else {
		fmt.Fprintf(w, "read as:\t%s\nnormal form:\t%s\n", reading(s.Schedule.Kind()), s.Schedule)
	}
	fmt.Fprintf(w, "zone:\t%s\n", s.zone())
	if s.Jitter > 0 && s.Seed != "" {
		fmt.Fprintf(w, "jitter:\t%s, always\n", span.Format(schedule.Spread(s.Seed, s.Jitter).Round(time.Millisecond)))
	} else if s.Jitter > 0 {
		fmt.Fprintf(w, "jitter:\tup to %s\n", span.Format(s.Jitter))
	}
	for _, note := range s.notes() {
		fmt.Fprintf(w, "note:\t%s\n", note)
	}
}

func (s *shown) notes() []string {
	if s.Schedule == nil {
		return nil
	}
	return s.Schedule.Notes()
}

// instantJSON is one instant of --next --json. What comes after Away is told by --explain.
type instantJSON struct {
	Due    string   `json:"due"`
	Away   float64  `json:"away"` // seconds
	Kind   string   `json:"kind,omitempty"`
	Normal string   `json:"normal,omitempty"`
	Zone   string   `json:"zone,omitempty"`
	Notes  []string `json:"notes,omitempty"`
	Why    string   `json:"why,omitempty"`
}

func (s *shown) writeInstants(w io.Writer, count int, explain, asJSON bool) error {
	if count == 0 {
		return nil
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	n := 0
	before := s.after
	for at, err := range s.instants() {
		if err != nil {
			return err
		}
		due, away, why := at.Format(time.RFC3339Nano), at.Sub(s.now), ""
		if explain && s.Schedule != nil {
			why = s.Schedule.Why(at)
			for _, left := range s.Schedule.Skipped(before, at) {
				why = strings.TrimSuffix(left+"; "+why, "; ")
			}
		}
		before = at
		switch {
		case asJSON && explain && s.Schedule != nil:
			err = enc.Encode(instantJSON{
				due, away.Seconds(), s.Schedule.Kind().String(),
				s.Schedule.String(), s.zone().String(), s.notes(), why,
			})
		case asJSON:
			err = enc.Encode(instantJSON{Due: due, Away: away.Seconds()})
		case why != "":
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\n", due, distance(away), why)
		default:
			_, err = fmt.Fprintf(w, "%s\t%s\n", due, distance(away))
		}
		if err != nil {
			return err
		}
		if n++; n == count {
			return nil
		}
	}
	if n == 0 {
		return usage.At(usage.Value("after"), "there is no instant after %s", s.after.In(s.zone()).Format(time.RFC3339))
	}
	return nil
}

// distance writes how far away an instant is, to a second if that is far.
func distance(d time.Duration) string {
	if d.Abs() >= time.Minute {
		d = d.Round(time.Second)
	}
	return span.Format(d.Round(time.Millisecond))
}
