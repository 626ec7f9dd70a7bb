package watchers

import (
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/internal/socket"
)

// socketFlags say who may connect to a socket by its file.
type socketFlags struct{ mode, group string }

func (f *socketFlags) add(fs *pflag.FlagSet, kind string) {
	fs.StringVar(&f.mode, "socket-mode", "", "permissions of a "+kind+" socket, in octal (default 600) `MODE`")
	fs.StringVar(&f.group, "socket-group", "", "group of a "+kind+" socket `GROUP`")
}

func (f *socketFlags) given() bool { return f.mode != "" || f.group != "" }

func (f *socketFlags) access() (a socket.Access, err error) {
	if f.mode != "" {
		n, err := strconv.ParseUint(f.mode, 8, 32)
		if err != nil || n == 0 || n > 0o777 {
			return a, usage.At(usage.Value("socket-mode"), "--socket-mode %s: write permissions in octal, as in 660", f.mode)
		}
		a.Mode = os.FileMode(n)
	}
	a.Group = f.group
	if _, err := strconv.ParseUint(f.group, 10, 31); err == nil || f.group == "" {
		return a, nil
	}
	g, err := user.LookupGroup(f.group)
	if err != nil {
		return a, usage.At(usage.Value("socket-group"), "--socket-group %s: there is no such group", f.group)
	}
	a.Group = g.Gid
	return a, nil
}
