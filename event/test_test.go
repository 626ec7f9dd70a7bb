package event

import (
	"testing"
	"time"

	"github.com/evshell/ev/internal/diag"
)

func TestTest(t *testing.T) {
	line, number := "a line of\ntext", "42"
	stat := Event{Name: "n", Detail: Stat{
		Path: "src/main.go", Paths: []string{"src/main.go", "a.c"}, Change: []string{"content", "mode"},
		Now: File{Exists: true, Type: "file", Size: 3 << 20},
	}}
	exited := Event{Detail: Exit{PID: 7, Known: true, Status: 3, Elapsed: 90 * time.Second}}
	killed := Event{Detail: Exit{PID: 7, Known: true, Signal: "TERM"}}
	stranger := Event{Detail: Exit{PID: 7}}
	for _, tt := range []struct {
		e    Event
		test string
		want bool
	}{
		{exited, "status=3", true},
		{exited, "status!=3", false},
		{exited, "status>=3", true},
		{exited, "status>3", false},
		{exited, "status<=2", false},
		{exited, "elapsed>1m", true},
		{exited, "elapsed>89.5", true}, // seconds
		{exited, "elapsed<1m30s", false},
		{exited, "elapsed<=1m30s", true},
		{exited, "elapsed<1MiB", false},
		{exited, "signal", false},
		{exited, "signal=", true},
		{exited, "signal!=TERM", false}, // it is unknown
		{killed, "status=143", true},
		{killed, "status>128", true},
		{killed, "signal=T*M", true},
		{killed, "signal=T?M", false},
		{killed, "signal~^(TERM|INT)$", true},
		{killed, "signal!~^TERM$", false},
		{stranger, "status=0", false},
		{stranger, "status!=0", false},
		{stranger, "status=", true},
		{stranger, "status<1", false},
		{stat, `path~\.go$`, true},
		{stat, "path=*", true},
		{stat, "path=src/*", true},
		{stat, "path=*.c", false},
		{stat, "paths=*.c", true},
		{stat, "paths!=*.c", true}, // of one of them
		{stat, "change=mode", true},
		{stat, "change=owner", false},
		{stat, "size>2M", true},
		{stat, "size>=3MiB", true},
		{stat, "size<1k", false},
		{stat, "type", true},
		{stat, "prev_size=", true},
		{stat, "name=n", true},
		{Event{Detail: FD{Line: &line}}, "line=a*text", true},
		{Event{Detail: FD{Line: &line}}, "line<3", false},
		{Event{Detail: FD{Line: &number}}, "line<43", true},
		{Event{Detail: FD{Line: &number}}, "line>1m", false}, // a megabyte
		{Event{Detail: FD{Line: &number}}, "partial=false", true},
	} {
		test, err := ParseTest(tt.test)
		if err != nil {
			t.Errorf("%s: %v", tt.test, err)
		} else if got := test.Holds(tt.e); got != tt.want {
			t.Errorf("%s of %+v is %t", tt.test, tt.e.Detail, got)
		}
	}
}

func TestParseTest_errors(t *testing.T) {
	for s, at := range map[string]int{"": 0, "=3": 0, "!=3": 0, "a!3": 1, "a~(": 2, "a!~(": 3, "a<": 2, "a<=x": 3, "a>1x": 2} {
		if _, err := ParseTest(s); err == nil || diag.Offset(err) != at {
			t.Errorf("%s: %v at %d, want one at %d", s, err, diag.Offset(err), at)
		}
	}
}

func FuzzParseTest(f *testing.F) {
	f.Add("status!=0", "a")
	f.Add("path=*?a*", "bca")
	f.Fuzz(func(_ *testing.T, s, line string) {
		if test, err := ParseTest(s); err == nil {
			test.Holds(Event{Detail: FD{Line: &line}})
		}
	})
}
