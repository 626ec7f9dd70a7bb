package fdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func pipe(t *testing.T, flags int) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	if err := unix.SetNonblock(int(w.Fd()), flags&unix.O_NONBLOCK != 0); err != nil {
		t.Fatal(err)
	}
	return r, w
}

func TestPoll(t *testing.T) {
	r, w := pipe(t, 0)
	in, out := int(r.Fd()), int(w.Fd())
	for _, tt := range []struct {
		what   string
		do     func()
		fd     int
		events int16
		want   int16
	}{
		{"nothing has come", func() {}, in, unix.POLLIN, 0},
		{"there is room", func() {}, out, unix.POLLOUT, unix.POLLOUT},
		{"a byte has come", func() { _, _ = w.WriteString("x") }, in, unix.POLLIN, unix.POLLIN},
		{"it was not asked for", func() {}, in, 0, 0},
		{"the writer has gone", func() { _ = w.Close() }, in, 0, unix.POLLHUP},
		{"it is closed", func() {}, 1 << 20, 0, unix.POLLNVAL},
	} {
		if tt.do(); Poll(tt.fd, tt.events) != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.what, Poll(tt.fd, tt.events), tt.want)
		}
	}
}

// TestWriteAll: whatever the descriptor's mode is, all comes.
func TestWriteAll(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10) // more than a pipe holds
	for _, flags := range []int{0, unix.O_NONBLOCK} {
		r, w := pipe(t, flags)
		over := make(chan error)
		go func() {
			err := WriteAll(int(w.Fd()), want)
			_ = w.Close()
			over <- err
		}()
		got, _ := io.ReadAll(r)
		if err := <-over; err != nil || !bytes.Equal(got, want) {
			t.Errorf("flags %#x: %d bytes, %v", flags, len(got), err)
		}
	}
}

func TestWriteAll_nobodyReads(t *testing.T) {
	r, w := pipe(t, 0)
	_ = r.Close()
	if err := WriteAll(int(w.Fd()), []byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
	if err := WriteAll(int(w.Fd()), nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
}
