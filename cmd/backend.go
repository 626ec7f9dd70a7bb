package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/loop"
)

// A libevFlag is a backend's bit in libev's flags.
type libevFlag struct {
	bit  uint64
	name string
}

// libevFlags returns those of the backends that libev knows, the one it prefers first (ev(3),
// EVBACKEND_*).
func libevFlags() []libevFlag {
	return []libevFlag{
		{128, "io_uring"}, {64, "linuxaio"}, {4, "epoll"}, {8, "kqueue"}, {32, "port"}, {16, "devpoll"}, {2, "poll"}, {1, "select"},
	}
}

// newBackend makes the backend that --backend, EV_BACKEND or LIBEV_FLAGS names, in this order.
func (p *program) newBackend() (loop.Backend, error) {
	from, name := "--backend", p.backend
	if name == "" {
		from, name = "EV_BACKEND", p.Getenv("EV_BACKEND")
	}
	if flags := p.Getenv("LIBEV_FLAGS"); name == "" && flags != "" {
		var err error
		from = "LIBEV_FLAGS"
		if name, err = libevBackend(flags); err != nil {
			return nil, usage.Of(usage.Word{}, from+": ", err)
		}
	}
	b, err := loop.NewBackend(name)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, usage.Of(usage.Value("backend"), from+": ", err)
	}
	return b, err
}

// libevBackend returns the backend that libev's decimal mask asks for, the best that is here of
// several; "" if it asks for none.
func libevBackend(flags string) (string, error) {
	mask, err := strconv.ParseUint(flags, 10, 32)
	if err != nil {
		return "", fmt.Errorf("%q is not a decimal number: 2 is poll, 4 is epoll", flags)
	}
	asked := ""
	for _, b := range libevFlags() {
		if mask&b.bit == 0 {
			continue
		}
		if slices.Contains(loop.Backends(), b.name) {
			return b.name, nil
		}
		asked = b.name
	}
	return asked, nil
}
