package stat

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Many tests change a file's mode, or hide files from another user: they take the usual one for granted.
func TestMain(m *testing.M) {
	unix.Umask(0o022)
	os.Exit(m.Run())
}
