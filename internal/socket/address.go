package socket

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/diag"
)

// ParseTCP reads HOST:PORT. Without a HOST it is the loopback's address. A name is not looked up:
// only localhost is known. An error knows its place in s ([diag.Offset]).
func ParseTCP(s string) (netip.AddrPort, error) {
	host, port := "", ""
	i := strings.LastIndexByte(s, ':')
	if i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, diag.At(i+1, fmt.Errorf("%q is not HOST:PORT with a port of 0 to 65535, as in 127.0.0.1:8080", s))
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	} else if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return netip.AddrPort{}, fmt.Errorf("an IPv6 address is written in brackets: [%s]:%d", host, n)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address: names other than localhost are not looked up", host)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// TCP returns the address as the system calls have it.
func TCP(a netip.AddrPort) unix.Sockaddr {
	if addr := a.Addr(); addr.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// Address returns the internet address that a socket has been bound to.
func Address(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	return AddrPort(sa), err
}

// AddrPort returns an internet address out of the system calls' form; none if it is of another
// kind.
func AddrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// HostName reads the Host of an HTTP request: its name in lower case, without a port. Own is
// whether that can't be made to stand for another host: it is an address, localhost, or nothing. A
// page on the web can have its own name stand for this host's address, and is of the same origin
// then as what listens here.
func HostName(s string) (name string, own bool) {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	} else if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		s = strings.TrimSuffix(inner, "]")
	}
	s = strings.TrimSuffix(strings.ToLower(s), ".")
	_, err := netip.ParseAddr(s)
	return s, err == nil || s == "" || s == "localhost" || strings.HasSuffix(s, ".localhost")
}
