package onhttp

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// bodyInMemory is how much of a body is held in memory: a larger one goes to a file.
const bodyInMemory = 64 << 10

// A body is a request's body, read to its end, and the files that were in it.
type body struct {
	data []byte
	path string // of the file that has it; "": data is all
	dir  string // that its files are in; "": there are none

	whole  bool    // it has been read
	size   int64   // of what has come
	server *server // whose limit on all bodies it counts against
}

// read reads all of src.
func (b *body) read(src io.Reader) error {
	var err error
	if b.data, err = io.ReadAll(io.LimitReader(src, bodyInMemory)); err != nil || len(b.data) < bodyInMemory {
		b.whole = err == nil
		return err
	}
	b.path, err = b.store("body", io.MultiReader(bytes.NewReader(b.data), src))
	b.data, b.whole = nil, err == nil
	return err
}

// store writes src to a file that is the request's own.
func (b *body) store(name string, src io.Reader) (path string, err error) {
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "ev-http-"); err != nil {
			return "", err
		}
	}
	path = filepath.Join(b.dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(f, src); err != nil {
		_ = f.Close()
		return "", err
	}
	return path, f.Close()
}

// remove removes the files.
func (b *body) remove() {
	if b.server != nil {
		b.server.bodies.Add(-b.size)
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
	b.server, b.dir = nil, ""
}

// takeBody hands the body to another exchange of the same request.
func (x *exchange) takeBody(s *server) body {
	if x == nil {
		return body{server: s}
	}
	b := x.body
	x.body = body{}
	return b
}

// A bodyReader reads a body from a client that may be slow, but not too slow, and that may have no
// more than its share of what all bodies may have.
type bodyReader struct {
	exchange *exchange
	src      io.Reader
	control  *http.ResponseController
	began    time.Time
	expected int64
}

func (r *bodyReader) Read(p []byte) (int, error) {
	b, s := &r.exchange.body, r.exchange.server
	if left := r.expected - b.size; left > 0 && s.bodies.Load()+left > int64(s.MaxBodies) {
		return 0, errManyBodies()
	}
	n, err := r.src.Read(p)
	b.size += int64(n)
	if s.bodies.Add(int64(n)) > int64(s.MaxBodies) {
		return n, errManyBodies()
	}
	if rate := r.exchange.watcher.opts.MinRate; n > 0 && rate > 0 {
		_ = r.control.SetReadDeadline(r.began.Add(s.ReadTimeout + spanOf(b.size, rate)))
	}
	return n, err
}

// spanOf is how long n bytes may take at a rate.
func spanOf(n int64, rate int) time.Duration {
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}

func errManyBodies() *refusal {
	return refuse(http.StatusServiceUnavailable, "try again later").by("--max-bodies")
}

// bodyLimit is how long the body of a request may be, and the flag that says so. What is taken
// apart in memory has limits of its own.
func (w *Watcher) bodyLimit(r *http.Request) (most int, flag string) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case w.opts.JSONBody:
		return w.opts.MaxJSON, "--max-body (of JSON at most 10 MiB)"
	case kind == typeOfForm:
		return w.opts.MaxForm, "--max-body (of a form at most 1 MiB)"
	}
	return w.opts.MaxBody, "--max-body"
}

// open opens the body once more.
func (b *body) open() (io.ReadCloser, error) {
	if b.path == "" {
		return io.NopCloser(bytes.NewReader(b.data)), nil
	}
	return os.Open(b.path)
}

// bytes returns the whole body.
func (b *body) bytes() ([]byte, error) {
	if b.path == "" {
		return b.data, nil
	}
	return os.ReadFile(b.path)
}
