package action

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile makes a file that is nowhere but in memory, see memfd_create(2).
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("ev", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("ev", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}
