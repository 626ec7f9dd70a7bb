package every

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/internal/durable"
)

// A ledger is the state of a Watcher: a file that says which instants were dealt with. Its first
// line says up to when all were. Where a run goes on, or several ended in another order, a line for
// each follows, in the order of their instants:
//
//	ev every has dealt with all until 2026-11-28T03:00:00+01:00
//	begun 2026-11-29T03:00:00+01:00 attempt 1 process 1234:5678:BOOT
//	ended 2026-11-29T03:15:00+01:00
//
// A line is for all instants after the line before it; of two for one instant the later counts. What
// is due later than the last line is still to be dealt with. Changes are written for good, in their
// order, and no run begins before that is: a kill at any moment leaves what was true then, or a
// moment ago, and at worst an instant is run again. Which process a run is can be known only when it
// lives. That is added at the end of the file, of which a loss of power, that ends all processes
// anyway, may leave a part without the end of its line.
type ledger struct {
	file    *durable.File
	text    string    // what is in it, or will be
	reached time.Time // the instants up to here were dealt with, but for those of the entries
	entries []*entry  // in the order in which they came
}

// An entry is for the instants that one event stands for: those after since, up to due.
type entry struct {
	since, due time.Time
	attempt    int    // how many runs have begun for it
	trace      string // of the process of the last one, as process.Left takes it; or empty
	ended      bool
}

const (
	ledgerHead = "ev every has dealt with all until "
	maxLedger  = 1 << 20
)

// openLedger opens a state. One that does not exist is made, with the time given: a state that
// can't be saved is known at the start. An empty one is a new one. Nobody else has it until it is
// closed.
func openLedger(path string, first time.Time) (*ledger, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the state can't be opened: %w", err)
	}
	l, err := readLedger(f, path, first)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

func readLedger(f *durable.File, path string, first time.Time) (*ledger, error) {
	text, err := f.Read(maxLedger)
	switch {
	case len(text) > maxLedger:
		return nil, noLedger(path)
	case err != nil:
		return nil, fmt.Errorf("the state can't be read: %w", err)
	case len(text) == 0:
		l := &ledger{file: f}
		return l, l.save(first)
	}
	l, err := parseLedger(path, string(text))
	if err != nil {
		return nil, err
	}
	l.file = f
	return l, nil
}

func noLedger(path string) error {
	return fmt.Errorf("%s is no state of ev every: give --state a file of its own", path)
}

func parseLedger(path, text string) (*ledger, error) {
	rest, ours := strings.CutPrefix(text, ledgerHead)
	if !ours && (text == "" || !strings.HasPrefix(ledgerHead, text)) {
		return nil, noLedger(path)
	}
	damaged := fmt.Errorf("the state %s is damaged: remove it to begin anew, without what was missed", path)
	first, lines, whole := strings.Cut(rest, "\n")
	at, err := time.Parse(time.RFC3339Nano, first)
	if err != nil || !whole {
		return nil, damaged
	}
	l := &ledger{text: text, reached: at}
	for line := range strings.Lines(lines) {
		line, whole := strings.CutSuffix(line, "\n")
		x, ok := parseEntry(line)
		switch same := slices.IndexFunc(l.entries, func(other *entry) bool { return ok && other.due.Equal(x.due) }); {
		case !whole:
			l.text = "" // what a loss of power has left is to be written over
		case !ok:
			return nil, damaged
		case same >= 0:
			x.since = l.entries[same].since
			l.entries[same] = x
		default:
			x.since, l.reached = l.reached, x.due
			l.entries = append(l.entries, x)
		}
	}
	return l, nil
}

func parseEntry(line string) (*entry, bool) {
	x := &entry{}
	var due string
	switch words := strings.Split(line, " "); {
	case len(words) == 2 && words[0] == "ended":
		due, x.ended = words[1], true
	case (len(words) == 4 || len(words) == 6 && words[4] == "process") && words[0] == "begun" && words[2] == "attempt":
		due = words[1]
		x.trace = strings.Join(words[min(len(words), 5):], "")
		x.attempt, _ = strconv.Atoi(words[3])
	}
	var err error
	x.due, err = time.Parse(time.RFC3339Nano, due)
	return x, err == nil && x.ended != (x.attempt > 0)
}

// add makes the entry of an event that stands for all instants up to due.
func (l *ledger) add(since, due time.Time) *entry {
	x := &entry{since: since, due: due}
	l.entries = append(l.entries, x)
	return x
}

// fold adds entries to those of one event. What follows another without a gap is one with it.
func (l *ledger) fold(list []*entry, more ...*entry) []*entry {
	for _, x := range more {
		if n := len(list); n > 0 {
			last := list[n-1]
			if i := slices.Index(l.entries, last); i >= 0 && i+1 < len(l.entries) && l.entries[i+1] == x {
				x.since, x.attempt = last.since, max(x.attempt, last.attempt)
				l.entries = slices.Delete(l.entries, i, i+1)
				list = list[:n-1]
			}
		}
		list = append(list, x)
	}
	return list
}

// save makes true what the file says, if it does not say so already. It is for the start, when what
// can't be saved is an error.
func (l *ledger) save(reached time.Time) error {
	if text, news := l.update(reached); news {
		if err := l.file.Write(text); err != nil {
			return fmt.Errorf("the state can't be saved: %w", err)
		}
	}
	return nil
}

// update returns what the file is to say, and whether it does not say so already.
func (l *ledger) update(reached time.Time) (text []byte, news bool) {
	l.reached = reached
	text = l.append(nil)
	news = string(text) != l.text
	l.text = string(text)
	return text, news
}

// append appends what parseLedger reads.
func (l *ledger) append(text []byte) []byte {
	for len(l.entries) > 0 && l.entries[0].ended {
		l.entries = l.entries[1:]
	}
	settled := l.reached
	if len(l.entries) > 0 {
		settled = l.entries[0].since
	}
	text = append(settled.AppendFormat(append(text, ledgerHead...), time.RFC3339Nano), '\n')
	for _, x := range l.entries {
		if !x.ended && x.attempt == 0 {
			break // it waits, and nothing is said of what follows
		}
		text = x.append(text)
	}
	return text
}

// append appends the line that parseEntry reads.
func (x *entry) append(text []byte) []byte {
	due := x.due.Format(time.RFC3339Nano)
	if x.ended {
		return fmt.Appendf(text, "ended %s\n", due)
	}
	text = fmt.Appendf(text, "begun %s attempt %d", due, x.attempt)
	if x.trace != "" {
		text = append(append(text, " process "...), x.trace...)
	}
	return append(text, '\n')
}

// note returns what is to be added to the file of an entry that it has: what has come to be known of
// that.
func (l *ledger) note(x *entry) (line []byte) {
	line = x.append(nil)
	l.text += string(line)
	return line
}

// cutOff returns the entries whose runs have begun and not ended.
func (l *ledger) cutOff() (cut []*entry) {
	for _, x := range l.entries {
		if !x.ended {
			cut = append(cut, x)
		}
	}
	return cut
}
