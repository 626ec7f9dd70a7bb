package every

import (
	"fmt"
	"strings"
	"time"

	"github.com/evshell/ev/internal/durable"
)

// A stamp is a file of one line that says up to when the instants of a schedule were dealt with.
const stampHead = "ev every has dealt with all until "

// openStamp opens a stamp, and returns the time in it. One that does not exist is made, with the
// time given: a state that can't be saved is known at the start. An empty one is a new one. Nobody
// else has it until it is closed.
func openStamp(path string, first time.Time) (*durable.File, time.Time, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the state can't be opened: %w", err)
	}
	at, err := readStamp(f, path, first)
	if err != nil {
		_ = f.Close()
		return nil, time.Time{}, err
	}
	return f, at, nil
}

func readStamp(f *durable.File, path string, first time.Time) (time.Time, error) {
	text, err := f.Read(128)
	switch {
	case len(text) > 128:
		return time.Time{}, noStamp(path)
	case err != nil:
		return time.Time{}, fmt.Errorf("the state can't be read: %w", err)
	case len(text) == 0:
		return first, writeStamp(f, first)
	}
	return parseStamp(path, string(text))
}

func noStamp(path string) error {
	return fmt.Errorf("%s is no state of ev every: give --state a file of its own", path)
}

func parseStamp(path, text string) (time.Time, error) {
	rest, ours := strings.CutPrefix(text, stampHead)
	if !ours && (text == "" || !strings.HasPrefix(stampHead, text)) {
		return time.Time{}, noStamp(path)
	}
	line, whole := strings.CutSuffix(rest, "\n")
	at, err := time.Parse(time.RFC3339Nano, line)
	if err != nil || !whole {
		return time.Time{}, fmt.Errorf("the state %s is damaged: remove it to begin anew, without what was missed", path)
	}
	return at, nil
}

// writeStamp replaces what is in a stamp, for good.
func writeStamp(f *durable.File, at time.Time) error {
	if err := f.Write([]byte(stampHead + at.Format(time.RFC3339Nano) + "\n")); err != nil {
		return fmt.Errorf("the state can't be saved: %w", err)
	}
	return nil
}
