package onhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
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
