package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFormats(t *testing.T) {
	say := map[Level]func(r *Reporter){
		Error:   func(r *Reporter) { r.Errorf("%s: %v", "f", errors.New("gone")) },
		Notice:  func(r *Reporter) { r.Noticef("%d left", 3) },
		Verbose: func(r *Reporter) { r.Verbosef("chosen") },
		Debug:   func(r *Reporter) { r.Debugf("read") },
	}
	tests := []struct {
		format Format
		level  Level
		want   string
	}{
		{Plain, Error, "ev stat: f: gone\n"},
		{Plain, Notice, "ev stat: 3 left\n"},
		{Plain, Verbose, "ev stat: chosen\n"},
		{Plain, Debug, "ev stat: read\n"},
		{Coloured, Error, "\x1b[31mev stat:\x1b[0m f: gone\n"},
		{Coloured, Notice, "\x1b[33mev stat:\x1b[0m 3 left\n"},
		{Coloured, Verbose, "\x1b[2mev stat:\x1b[0m chosen\n"},
		{Coloured, Debug, "\x1b[2mev stat:\x1b[0m read\n"},
		{Journal, Notice, "<5>ev stat: 3 left\n"},
		{Journal, Verbose, "<6>ev stat: chosen\n"},
		{Journal, Debug, "<7>ev stat: read\n"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		say[tt.level](New(&b, "ev stat", tt.format, Debug))
		if b.String() != tt.want {
			t.Errorf("format %d, %v: got %q, want %q", tt.format, tt.level, b.String(), tt.want)
		}
	}
}

func TestEnded_isGreenOrRed(t *testing.T) {
	for format, want := range map[Format]string{
		Plain:    "ev: a\nev: b\n",
		Coloured: "\x1b[32mev: a\x1b[0m\n\x1b[31mev: b\x1b[0m\n",
	} {
		var b bytes.Buffer
		r := New(&b, "ev", format, Notice)
		r.Endedf(true, "a")
		r.Endedf(false, "b")
		r.Limited(Error).Endedf(false, "c")
		if b.String() != want {
			t.Errorf("format %d: got %q, want %q", format, b.String(), want)
		}
	}
}

func TestExcerpt_caretIsRed(t *testing.T) {
	for format, want := range map[Format]string{Plain: "a^b\n ^\n", Coloured: "a^b\n \x1b[31m^\x1b[0m\n"} {
		var b bytes.Buffer
		New(&b, "ev", format, Error).Excerpt("a^b\n ^")
		if b.String() != want {
			t.Errorf("format %d: got %q, want %q", format, b.String(), want)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	r := New(&b, "ev stat", JSON, Notice)
	r.Errorf("two\nlines \x1b \\ \xff")
	var got struct {
		Time                 time.Time
		Level, From, Message string
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%q: %v", b.String(), err)
	}
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%q is not one line", b.String())
	}
	if got.Time.IsZero() || got.Level != "error" || got.From != "ev stat" || got.Message != "two\nlines \x1b \\ \ufffd" {
		t.Errorf("got %+v", got)
	}
}

func TestMessageIsOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		`a \ stays`:           `a \ stays`,
		"a\nb\r\tc":           `a\nb\r\tc`,
		"\x1b[31mred\x7f\x00": `\x1b[31mred\x7f\x00`,
		"ä\u0085é":            `ä\u0085é`,
	} {
		for prefix, format := range map[string]Format{"ev: ": Plain, "<3>ev: ": Journal} {
			var b bytes.Buffer
			New(&b, "ev", format, Error).Errorf("%s", text)
			if got := b.String(); got != prefix+want+"\n" {
				t.Errorf("%q: got %q, want %q", text, got, prefix+want+"\n")
			}
		}
	}
}

func TestLevels(t *testing.T) {
	for limit := Error; limit <= Debug; limit++ {
		var b bytes.Buffer
		r := New(&b, "ev", Plain, limit)
		r.Errorf("error")
		r.Noticef("notice")
		r.Verbosef("verbose")
		r.Debugf("debug")
		if got := strings.Count(b.String(), "\n"); got != int(limit)+1 {
			t.Errorf("up to %v, %d messages are written", limit, got)
		}
		for l := Error; l <= Debug; l++ {
			if r.Enabled(l) != (l <= limit) {
				t.Errorf("up to %v, %v is enabled: %v", limit, l, r.Enabled(l))
			}
		}
	}
}

func TestLimitedNeverSaysMore(t *testing.T) {
	var b bytes.Buffer
	r := New(&b, "ev", Plain, Notice)
	if r.Limited(Debug).Enabled(Verbose) || r.Limited(Error).Enabled(Notice) || !r.Enabled(Notice) {
		t.Error("the limits are wrong")
	}
	if r.Limited(Error).Named("x").Enabled(Notice) {
		t.Error("a name lifts the limit")
	}
}

func TestNamedWritesToTheSamePlace(t *testing.T) {
	var b bytes.Buffer
	r := New(&b, "ev run", Plain, Notice)
	r.Named("ev timer").Noticef("x")
	r.Noticef("y")
	if got := b.String(); got != "ev timer: x\nev run: y\n" {
		t.Errorf("got %q", got)
	}
	if r.Name() != "ev run" || r.Named("ev timer").Name() != "ev timer" {
		t.Error("the names are wrong")
	}
}

func TestNilReporterIsSilent(t *testing.T) {
	var r *Reporter
	r.Errorf("x")
	r.Named("ev").Limited(Debug).Noticef("x")
	if r.Enabled(Error) || r.Name() != "" {
		t.Error("it is enabled, or has a name")
	}
}

// lines counts whole lines, one a write.
type lines struct{ whole, other int }

func (l *lines) Write(b []byte) (int, error) {
	if bytes.Count(b, []byte("\n")) == 1 && bytes.HasSuffix(b, []byte("\n")) {
		l.whole++
	} else {
		l.other++
	}
	return len(b), nil
}

func TestEachMessageIsOneWrite(t *testing.T) {
	var l lines
	r := New(&l, "ev", Plain, Notice)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 100 {
				r.Named("ev x").Noticef("a\nb")
			}
		})
	}
	writers.Wait()
	if l.whole != 400 || l.other != 0 {
		t.Errorf("%d whole lines, %d other writes", l.whole, l.other)
	}
}

func TestFacts_areFieldsInJSON(t *testing.T) {
	for format, want := range map[Format]string{
		Plain: "ev stat: POST /x\n",
		JSON:  `,"level":"verbose","from":"ev stat","message":"POST /x","path":"/\"x","status":200}` + "\n",
	} {
		var b bytes.Buffer
		New(&b, "ev stat", format, Verbose).Facts(Verbose, "POST /x", Fact{"path", `/"x`}, Fact{"status", 200})
		if !strings.HasSuffix(b.String(), want) {
			t.Errorf("got %q, want …%q", b.String(), want)
		}
	}
}
