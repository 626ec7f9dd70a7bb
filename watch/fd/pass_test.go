package fd

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// startPass starts a Pass between two files on a real loop. The returned function runs it to its
// end.
func startPass(t *testing.T, in, out *os.File) (p *Pass, words *[]string, messages *bytes.Buffer, run func()) {
	t.Helper()
	l := looptest.NewLoop(t)
	words, messages = &[]string{}, &bytes.Buffer{}
	o := PassOptions{In: int(in.Fd()), Out: -1, Inherited: map[int]bool{int(in.Fd()): true}}
	o.Report = report.New(messages, "ev", report.Plain, report.Notice)
	if out != nil {
		o.Out = int(out.Fd())
	}
	p = NewPass(l, o, func(d event.Detail) { *words = append(*words, d.What()) })
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p, words, messages, func() {
		t.Helper()
		looptest.Run(t, l)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

// blocking returns a file's descriptor with O_NONBLOCK cleared, as a shell's is.
func blocking(t *testing.T, f *os.File) *os.File {
	t.Helper()
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPassCopiesAllOfIt(t *testing.T) {
	want := make([]byte, 3<<20+17)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	file := func(t *testing.T, flag int) *os.File {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE|flag, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	socket := func(t *testing.T) (a, b *os.File) {
		t.Helper()
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
		t.Cleanup(func() {
			_ = a.Close()
			_ = b.Close()
		})
		return a, b
	}
	tests := []struct {
		name    string
		in, out func(*testing.T) (r, w *os.File)
	}{
		{"from pipe to pipe", pipe, pipe},
		{"from pipe to socket", pipe, socket},
		{"from socket to pipe", socket, pipe},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, feed := tt.in(t)
			result, out := tt.out(t)
			go func() {
				_, _ = feed.Write(want)
				_ = feed.Close()
			}()
			_, words, messages, run := startPass(t, blocking(t, in), blocking(t, out))
			got := make(chan []byte)
			go func() {
				b, _ := io.ReadAll(result)
				got <- b
			}()
			run()
			_ = out.Close()
			if b := <-got; !bytes.Equal(b, want) {
				t.Errorf("%d bytes came, want the %d that were written", len(b), len(want))
			}
			if n := len(*words); n < 2 || (*words)[0] != "read" || (*words)[n-1] != "eof" || messages.Len() > 0 {
				t.Errorf("events %q, messages %q", *words, messages)
			}
			if mode, _ := unix.FcntlInt(in.Fd(), unix.F_GETFL, 0); mode&unix.O_NONBLOCK != 0 {
				t.Error("the input was made non-blocking")
			}
		})
	}
	t.Run("from file to file", func(t *testing.T) {
		in, out := file(t, 0), file(t, os.O_APPEND)
		if _, err := in.WriteAt(want, 0); err != nil {
			t.Fatal(err)
		}
		_, _, _, run := startPass(t, in, out)
		run()
		if b, err := os.ReadFile(out.Name()); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

func TestPassReadsNoMoreThanCanBeWritten(t *testing.T) {
	in, feed := pipe(t)
	result, out := pipe(t)
	p, _, _, run := startPass(t, blocking(t, in), blocking(t, out))
	fd := int(feed.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	const enough = 1 << 20 // for both pipes, and what Pass holds
	chunk := make([]byte, 4096)
	taken := 0
	for refused := 0; refused < 10 && taken < enough; refused++ {
		if n, err := unix.Write(fd, chunk); err == nil {
			taken += n
			refused = 0
		}
		if err := p.loop.Run(t.Context(), loop.RunNoWait); err != nil {
			t.Fatal(err)
		}
	}
	if taken >= enough {
		t.Fatalf("%d bytes were taken though nobody reads", taken)
	}
	_ = feed.Close()
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(result)
		got <- b
	}()
	run()
	_ = out.Close()
	if n := len(<-got); n != taken {
		t.Errorf("%d bytes came out, want %d", n, taken)
	}
}

func TestPassDiscardsWithoutAnOutput(t *testing.T) {
	in, feed := pipe(t)
	go func() {
		_, _ = io.Copy(feed, strings.NewReader(strings.Repeat("x", 300<<10)))
		_ = feed.Close()
	}()
	p, words, _, run := startPass(t, blocking(t, in), nil)
	run()
	if n := len(*words); n < 5 || (*words)[n-1] != "eof" || p.Active() {
		t.Errorf("events %q, active %t", *words, p.Active())
	}
}

func TestPassStandsStillWhenTheReaderHasGone(t *testing.T) {
	in, feed := pipe(t)
	result, out := pipe(t)
	p, words, messages, run := startPass(t, blocking(t, in), blocking(t, out))
	_ = result.Close()
	if _, err := feed.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	p.loop.After(10*time.Millisecond, p.loop.Break)
	if err := p.loop.Run(t.Context(), loop.RunDefault); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(*words, "eof") || messages.Len() > 0 || !p.Active() {
		t.Errorf("events %q, messages %q, active %t", *words, messages, p.Active())
	}
	p.Stop()
	run()
}

func TestPassRefusesWhatCannotBeRead(t *testing.T) {
	_, w := pipe(t)
	l := looptest.NewLoop(t)
	inherited := map[int]bool{int(w.Fd()): true, 999: true}
	for fd, want := range map[int]string{
		999:         "descriptor 999 is not open",
		int(w.Fd()): "open for writing only",
	} {
		p := NewPass(l, PassOptions{In: fd, Out: -1, Inherited: inherited}, func(event.Detail) {})
		if err := p.Start(); err == nil || !strings.Contains(err.Error(), want) || p.Active() {
			t.Errorf("descriptor %d: %v, want %q", fd, err, want)
		}
	}
}
