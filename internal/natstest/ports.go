package natstest

import "net"

// FreePorts returns ports of the loopback's that nobody listened on a moment ago, for real servers.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of the loopback's
		if err != nil {
			return nil, err
		}
		defer ln.Close() // only then, so that no two are the same
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
