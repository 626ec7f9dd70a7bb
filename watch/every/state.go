package every

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/durable"
)

// A stamp is a file of one line that says up to when the instants of a schedule were dealt with.
const stampHead = "ev every has dealt with all until "

// openStamp returns the time in a stamp. One that does not exist is made, with the time given: a state that can't be
// saved is known at the start. A FIFO is not waited for.
func openStamp(path string, first time.Time) (time.Time, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return first, writeStamp(path, first)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("the state can't be read: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return time.Time{}, fmt.Errorf("the state %s is no file: give --state a file of its own", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 128))
	if err != nil {
		return time.Time{}, fmt.Errorf("the state can't be read: %w", err)
	}
	return parseStamp(path, string(text))
}

func parseStamp(path, text string) (time.Time, error) {
	rest, ours := strings.CutPrefix(text, stampHead)
	if !ours && (text == "" || !strings.HasPrefix(stampHead, text)) {
		return time.Time{}, fmt.Errorf("%s is no state of ev every: give --state a file of its own", path)
	}
	line, whole := strings.CutSuffix(rest, "\n")
	at, err := time.Parse(time.RFC3339Nano, line)
	if err != nil || !whole {
		return time.Time{}, fmt.Errorf("the state %s is damaged: remove it to begin anew, without what was missed", path)
	}
	return at, nil
}

// writeStamp replaces a stamp, for good.
func writeStamp(path string, at time.Time) error {
	if err := durable.WriteFile(path, []byte(stampHead+at.Format(time.RFC3339Nano)+"\n")); err != nil {
		return fmt.Errorf("the state can't be saved: %w", err)
	}
	return nil
}
