package onhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStream_shortCommand checks that what a command has written that has ended by now is one answer:
// nothing of it goes out beforehand.
func TestStream_shortCommand(t *testing.T) {
	out, err := newOutput()
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	for _, piece := range []string{"Content-Type: text/x\nStatus: 201 Made\n\n", "one ", "two"} {
		if _, err := io.WriteString(out.end, piece); err != nil {
			t.Fatal(err)
		}
	}
	w := &Watcher{opts: Options{CGI: true}}
	x := &exchange{watcher: w, output: out, done: make(chan struct{}), reply: answer{status: 200, output: true}}
	close(x.done)
	client := httptest.NewRecorder()
	a := &reply{ResponseWriter: client, control: http.NewResponseController(client), watcher: w}
	if !x.stream(a, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)) {
		t.Fatal("there is no answer")
	}
	if client.Flushed {
		t.Error("a part of it went out by itself")
	}
	if got := client.Body.String(); got != "one two" || client.Code != 201 || a.bytes != 7 {
		t.Errorf("%d %q, %d bytes", client.Code, got, a.bytes)
	}
}

// A pipe that can't be waited for is looked at again and again.
func TestOutput_withoutAPoller(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "pipe") // it blocks, so Go's poller does not have it
	defer f.Close()
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	pieces, over := make(chan string), make(chan struct{})
	go func() {
		defer close(over)
		readAsItComes(f, nil, func(p []byte) { pieces <- string(p) })
	}()
	for _, want := range []string{"one", "two"} {
		if _, err := unix.Write(fds[1], []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := <-pieces; got != want {
			t.Errorf("got %q, not %q", got, want)
		}
	}
	_ = unix.Close(fds[1])
	<-over
}
