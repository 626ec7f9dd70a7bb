package watch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/evshell/ev/internal/durable"
	"github.com/evshell/ev/internal/looptest"
)

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	file, err := durable.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	l := looptest.NewLoop(t)
	wrong := errors.New("wrong")
	var results []error
	r := NewRecord(l, file, func(err error) { results = append(results, err) })
	says := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("it says %q, %v, want %q", text, err, want)
		}
	}

	var log string
	did := func(what string) func() { return func() { log += what } }
	r.Wait(did("at once "))
	free := make(chan struct{})
	r.ask(func(*durable.File, []byte) error { <-free; return wrong }, nil)
	r.Wait(did("first "))
	r.Write([]byte("gives way"))
	r.Wait(did("second "))
	r.Replace([]byte("whole"))
	r.Append([]byte(", more"))
	r.Wait(func() { did("third")(); l.Break() })
	if says(""); log != "at once " || results != nil {
		t.Errorf("%q, %v", log, results)
	}
	close(free)
	looptest.Run(t, l)
	says("whole, more")
	if log != "at once first second third" || len(results) != 2 || !errors.Is(results[0], wrong) || results[1] != nil {
		t.Errorf("%q, %v", log, results)
	}

	r.Append([]byte("\n"))
	r.Write([]byte("the end"))
	r.Wait(did("!"))
	r.Close()
	says("the end")
	if _, err := durable.Open(path); err != nil || log[len(log)-1] != '!' {
		t.Errorf("%q, %v", log, err)
	}
	looptest.Run(t, l) // and it holds nothing up any more
}
