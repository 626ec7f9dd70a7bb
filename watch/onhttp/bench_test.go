package onhttp

import (
	"io"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// BenchmarkHTTP_idle keeps connections open that have each had an answer: 10,000, or as many as the
// limit of descriptors lets one process have both ends of. It tells the bytes of memory that each
// costs, and how long a request takes among them.
func BenchmarkHTTP_idle(b *testing.B) {
	n := 10000
	if testing.Short() {
		n = 1000
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	n = min(n, (int(limit.Cur)-100)/2)
	l, err := loop.New()
	if err != nil {
		b.Fatal(err)
	}
	o := defaults()
	path := filepath.Join(b.TempDir(), "s")
	o.Addr, o.Handed, o.MaxConnections = "unix:"+path, false, n+1
	o.Report = report.New(io.Discard, "ev", report.Plain, report.Error)
	w, err := New(l, o, func(event.Detail) {})
	if err == nil {
		err = w.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	over := make(chan error)
	go func() { over <- l.Run(b.Context(), loop.RunDefault) }()
	before := memory()
	clients := make([]int, n) // bare descriptors: a net.Conn would count
	answer := make([]byte, 1024)
	ask := func(fd int) {
		if _, err := unix.Write(fd, []byte(get)); err != nil {
			b.Fatal(err)
		}
		if got, err := unix.Read(fd, answer); err != nil || got < 12 || string(answer[9:12]) != "204" {
			b.Fatalf("%q, %v", answer[:got], err)
		}
	}
	for i := range clients {
		if clients[i], err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); err != nil {
			b.Fatal(err)
		}
		if err := unix.Connect(clients[i], &unix.SockaddrUnix{Name: path}); err != nil {
			b.Fatal(err)
		}
		ask(clients[i])
	}
	each := float64(memory()-before) / float64(n)
	i := 0
	for b.Loop() {
		ask(clients[i%n])
		i++
	}
	b.ReportMetric(float64(n), "connections")
	b.ReportMetric(each, "bytes/connection")
	for _, fd := range clients {
		_ = unix.Close(fd)
	}
	l.Post(w.Stop)
	if err := <-over; err != nil {
		b.Fatal(err)
	}
	_ = l.Close()
}

// memory is what the heap and the stacks take.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
