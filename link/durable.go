package link

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile opens a file, which is made if it is not there, and locks it (flock(2)). Without wait it
// returns unix.EWOULDBLOCK if another one has the lock, which ends with the last descriptor of it.
func lockFile(path string, wait bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	err = flock(f, how)
	// Where a shared lock can be had, somebody only looks who has it (isLocked).
	for errors.Is(err, unix.EWOULDBLOCK) && flock(f, unix.LOCK_SH|unix.LOCK_NB) == nil {
		err = flock(f, how)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// isLocked reports whether somebody has locked a file.
func isLocked(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// readFile is os.ReadFile, with nothing for a file that is not there.
func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// ebbs reports whether a failure of the disk is one that passes: it is full, or can't be had now.
func ebbs(err error) bool {
	for _, passes := range []error{
		unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.EROFS, unix.ESTALE, unix.ENOMEM, unix.EMFILE, unix.ENFILE,
	} {
		if errors.Is(err, passes) {
			return true
		}
	}
	return false
}
