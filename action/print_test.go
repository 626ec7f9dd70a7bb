package action

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

func TestRender(t *testing.T) {
	at := time.Date(2026, 12, 24, 18, 0, 5, 0, time.UTC)
	e := event.Event{Seq: 1, Name: "src", Time: at, Detail: event.Stat{Path: "a\tb\n", Paths: []string{"a\tb\n"}, Change: []string{"content"}}}
	for _, tt := range []struct {
		name   string
		render Render
		want   string
	}{
		{"text", Text('\n'), "a\\tb\\n\tcontent\n"},
		{"text with NUL", Text(0), "a\\tb\\n\tcontent\x00"},
		{"terminal", Terminal('\n', false), "18:00:05 a\\tb\\n\tcontent\n"},
		{"terminal in colour", Terminal('\n', true), "\x1b[2m18:00:05\x1b[0m \x1b[1ma\\tb\\n\x1b[0m\tcontent\n"},
		{"format", Format("{seq} {}", '\n'), "1 a\tb\n\n"},
		{"format with its end", Format("{seq}\n", '\n'), "1\n"},
		{"format with NUL", Format("{path}", 0), "a\tb\n\x00"},
	} {
		if got := string(tt.render(nil, e)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	line := JSON('\n')(nil, e)
	if !json.Valid(line) || !bytes.HasSuffix(line, []byte("}\n")) || bytes.Count(line, []byte("\n")) != 1 {
		t.Errorf("json: %q", line)
	}
}

// What printing an event allocates does not grow with it; as text it is next to nothing. The race
// detector has allocations of its own.
func TestPrintingAllocatesNoMoreForMore(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, tt := range map[string]struct {
		render Render
		most   float64
	}{
		"text":   {Text('\n'), 4},
		"json":   {JSON('\n'), 20},
		"format": {Format("{seq} {} {path} {line}", '\n'), 32},
	} {
		p := NewPrint(NewOutput(l, null, nil), tt.render, nil, nil)
		for _, e := range []event.Event{
			changed("a"), changed(slices.Repeat([]string{strings.Repeat("path", 50)}, 100)...),
			lineRead("a"), lineRead(strings.Repeat("a line", 500)),
		} {
			if n := testing.AllocsPerRun(100, func() { p.Do(e) }); n > tt.most {
				t.Errorf("%s of a %s: %v allocations, want at most %v", name, e.Detail.Kind(), n, tt.most)
			}
		}
	}
}

// A press is a Print to one end of a pipe, on a real loop.
type press struct {
	*Print
	t      *testing.T
	loop   *loop.Loop
	reader *os.File
	said   bytes.Buffer
	failed []error
	held   []bool
}

func newPress(t *testing.T, prepare func(fd int)) *press {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	prepare(fds[1])
	p := &press{t: t, loop: l, reader: os.NewFile(uintptr(fds[0]), "reader")}
	w := os.NewFile(uintptr(fds[1]), "writer")
	out := NewOutput(l, w, func(err error) { p.failed = append(p.failed, err) })
	p.Print = NewPrint(out, Format("{seq}", '\n'), func(full bool) { p.held = append(p.held, full) },
		report.New(&p.said, "ev", report.Plain, report.Debug))
	t.Cleanup(func() {
		_ = p.reader.Close()
		out.Close()
		_ = w.Close()
		_ = l.Close()
	})
	return p
}

func (p *press) run() {
	p.t.Helper()
	if err := p.loop.Run(p.t.Context(), loop.RunDefault); err != nil {
		p.t.Fatal(err)
	}
}

// fill makes the pipe take nothing more, not a byte.
func (p *press) fill() {
	fd := int(p.out.file.Fd())
	was, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = unix.SetNonblock(fd, true)
	for err == nil {
		_, err = unix.Write(fd, []byte{'.'})
	}
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFL, was)
}

// rest reads what was printed, without what filled the pipe, when all is written.
func (p *press) rest() (wait func() string) {
	got := make(chan string)
	go func() {
		b, err := io.ReadAll(p.reader)
		if err != nil {
			p.t.Error(err)
		}
		got <- strings.TrimLeft(string(b), ".")
	}()
	return func() string {
		p.out.Close()
		_ = p.out.file.Close()
		return <-got
	}
}

func numbers(from, to uint64) string {
	var b []byte
	for n := from; n < to; n++ {
		b = append(strconv.AppendUint(b, n, 10), '\n')
	}
	return string(b)
}

func shared(int) {}

func nonblocking(fd int) { _ = unix.SetNonblock(fd, true) }

// What comes in a turn shares a write, which a pipe takes whole.
func TestPrint_writesTheEventsOfATurnTogether(t *testing.T) {
	p := newPress(t, shared)
	buf := make([]byte, 2*pipeBuf())
	for n := range uint64(3) {
		p.Do(tick(n))
	}
	if n, _ := socket.Unread(int(p.reader.Fd())); n != 0 {
		t.Errorf("%d bytes were written before the end of the turn", n)
	}
	p.run()
	if n, err := p.reader.Read(buf); err != nil || string(buf[:n]) != numbers(0, 3) {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	const many = 2000 // more than PIPE_BUF takes
	for n := range uint64(many) {
		p.Do(tick(n))
	}
	rest := p.rest()
	p.run()
	if got := rest(); got != numbers(0, many) {
		t.Errorf("read %q", got)
	}
}

func TestOutput_gathersWholeRecordsOfPipeBufAtMost(t *testing.T) {
	p := newPress(t, shared)
	record := bytes.Repeat([]byte("x"), pipeBuf()/2-1)
	buf := make([]byte, 2*pipeBuf())
	for range 3 {
		p.out.gather(record)
	}
	if n, err := p.reader.Read(buf); err != nil || n != 2*len(record) {
		t.Errorf("read %d bytes, %v, want two records of %d", n, err, len(record))
	}
	p.run()
	if n, err := p.reader.Read(buf); err != nil || n != len(record) {
		t.Errorf("read %d bytes, %v, want the third record", n, err)
	}
}

// An event that somebody waits for the end of is written before they are told, one for a terminal or
// among messages of ev's before the next of these.
func TestPrint_writesAtOnceWhatCantWait(t *testing.T) {
	buf := make([]byte, 100)
	for name, tt := range map[string]struct {
		prepare func(*press)
		event   event.Event
	}{
		"awaited":       {func(*press) {}, event.Event{Seq: 1, Detail: event.HTTP{}}},
		"with others":   {func(p *press) { p.out.AtOnce = true }, tick(1)},
		"to a terminal": {func(p *press) { p.out.terminal = true }, tick(1)},
	} {
		p := newPress(t, shared)
		tt.prepare(p)
		p.Do(tick(0))
		p.Do(tt.event)
		if n, err := io.ReadFull(p.reader, buf[:4]); err != nil || string(buf[:n]) != numbers(0, 2) {
			t.Errorf("%s: read %q, %v", name, buf[:n], err)
		}
	}
}

// However slowly it is read, every event comes out, in order, whether the descriptor blocks or not,
// and whether the pipe can be opened anew; and the loop is never blocked.
func TestPrint_losesNothingToASlowReader(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(int)
		opened  bool
	}{
		{"blocking", shared, false},
		{"non-blocking", nonblocking, false},
		{"blocking, not opened anew", shared, true},
		{"non-blocking, not opened anew", nonblocking, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPress(t, tt.prepare)
			p.out.opened = tt.opened
			p.fill()
			for n := uint64(1); n < 100; n++ {
				p.Do(tick(n))
				p.out.Flush()
			}
			rest := p.rest()
			p.run()
			if got := rest(); got != numbers(1, 100) {
				t.Errorf("read %q", got)
			}
			if len(p.held) != 2 || !p.held[0] || p.held[1] {
				t.Errorf("the source was held %v, want [true false]", p.held)
			}
		})
	}
}

// A pipe is shared, and so are its flags.
func TestPrint_leavesTheFlagsOfThePipeAlone(t *testing.T) {
	p := newPress(t, shared)
	p.Do(tick(1))
	p.out.Flush()
	if flags, err := unix.FcntlInt(p.out.file.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

func TestPrint_largeRecordIsWhole(t *testing.T) {
	p := newPress(t, shared)
	p.render = Format("{line}", '\n')
	text := strings.Repeat("x", 1<<20)
	p.Do(event.Event{Detail: event.FD{Line: &text}})
	rest := p.rest()
	p.run()
	if got := rest(); got != text+"\n" {
		t.Errorf("read %d bytes", len(got))
	}
}

// A source that can't wait, and a reader that stopped: the memory is bounded, and what is merged is
// counted.
func TestPrint_mergesWhatNobodyReads(t *testing.T) {
	p := newPress(t, shared)
	p.render = Format("{seq} {missed}", '\n')
	p.fill()
	const events = 50_000
	for n := range uint64(events) {
		p.Do(tick(n + 1))
		p.out.Flush()
	}
	if n := len(p.waiting); n != maxWaiting {
		t.Errorf("%d events wait, want %d", n, maxWaiting)
	}
	rest := p.rest()
	p.run()
	got, merged := strings.Fields(rest()), strconv.Itoa(events-1-maxWaiting)
	if last := got[len(got)-2:]; !slices.Equal(last, []string{strconv.Itoa(events), merged}) || len(got) != 2*(1+maxWaiting) {
		t.Errorf("%d lines, the last is %q", len(got)/2, last)
	}
	if want := merged + " events were merged"; !strings.Contains(p.said.String(), want) {
		t.Errorf("said %q, want %q", p.said.String(), want)
	}
}

func TestPrint_tellsThatTheReaderHasGone(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		p := newPress(t, shared)
		_ = p.reader.Close()
		p.Do(tick(1))
		p.Do(tick(2))
		p.run()
		if len(p.failed) != 1 || !errors.Is(p.failed[0], unix.EPIPE) {
			t.Errorf("told %v, want EPIPE once", p.failed)
		}
	})
	t.Run("while it is waited for", func(t *testing.T) {
		p := newPress(t, shared)
		p.fill()
		p.Do(tick(1))
		p.out.Flush()
		p.Do(tick(2))
		_ = p.reader.Close()
		p.run()
		if len(p.failed) != 1 || !errors.Is(p.failed[0], unix.EPIPE) {
			t.Errorf("told %v, want EPIPE once", p.failed)
		}
	})
}

func TestPrint_closeWaitsForAReaderThatReads(t *testing.T) {
	p := newPress(t, shared)
	p.fill()
	p.Do(tick(1))
	p.Do(tick(2))
	closed := false
	p.Close(func() { closed = true })
	if closed {
		t.Error("closed before all was written")
	}
	rest := p.rest()
	p.run()
	if got := rest(); !closed || got != numbers(1, 3) {
		t.Errorf("closed %v, read %q", closed, got)
	}
}

// The loop ends, though a goroutine still is in write(2).
func TestPrint_closeGivesUpOnAReaderThatDoesNot(t *testing.T) {
	p := newPress(t, shared)
	p.fill()
	for n := range uint64(3) {
		p.Do(tick(n))
	}
	closed := false
	p.out.Hurry()
	p.Close(func() { closed = true })
	p.run()
	if want := "3 events are lost"; !closed || !strings.Contains(p.said.String(), want) {
		t.Errorf("closed %v, said %q, want %q", closed, p.said.String(), want)
	}
}

// What was written is not among what is lost, whether it was written at once or with others.
func TestPrint_countsWhatIsLostAlone(t *testing.T) {
	for name, prepare := range map[string]func(*press){
		"at once":     func(p *press) { p.out.AtOnce = true },
		"with others": func(*press) {},
	} {
		p := newPress(t, shared)
		prepare(p)
		for n := range uint64(5) {
			p.Do(tick(n))
		}
		p.out.Flush()
		p.fill()
		for n := range uint64(3) {
			p.Do(tick(n))
		}
		p.out.Hurry()
		p.Close(func() {})
		p.run()
		if want := "the reader has stopped to read: 3 events are lost"; !strings.Contains(p.said.String(), want) {
			t.Errorf("%s: said %q, want %q", name, p.said.String(), want)
		}
	}
}

func TestPrint_closeOfAnIdleOneIsAtOnce(t *testing.T) {
	p := newPress(t, shared)
	closed := false
	p.Close(func() { closed = true })
	if !closed {
		t.Error("not closed")
	}
}

func TestOutput_keepsTheOrderOfWhatWaits(t *testing.T) {
	p := newPress(t, shared)
	p.fill()
	p.out.Hurry() // which does not matter as long as somebody reads
	for n := range uint64(20) {
		p.out.write([]byte(numbers(n, n+1)))
	}
	rest := p.rest()
	p.run()
	if got := rest(); got != numbers(0, 20) {
		t.Errorf("read %q", got)
	}
}

// An event without a command is dealt with once it is written, and not if it never is.
func TestPrint_settles(t *testing.T) {
	p := newPress(t, shared)
	p.Settle()
	s := &stage{}
	say := func(n uint64) { p.Do(event.Event{Seq: n, Detail: &caller{stage: s, seq: n}}) }
	expect := func(want string) {
		t.Helper()
		if got := strings.Join(s.log, ", "); got != want {
			t.Errorf("answers %q, want %q", got, want)
		}
		s.log = nil
	}
	say(1)
	expect("1 ran 0")
	p.fill()
	say(2)
	say(3)
	expect("")
	rest := p.rest()
	p.run()
	expect("2 ran 0, 3 ran 0")
	if got := rest(); !strings.HasSuffix(got, numbers(2, 4)) {
		t.Errorf("printed %q", got)
	}
}

func TestPrint_settlesNothingThatIsLost(t *testing.T) {
	p := newPress(t, shared)
	p.Settle()
	s := &stage{}
	p.fill()
	for n := range uint64(3) {
		p.Do(event.Event{Seq: n, Detail: &caller{stage: s, seq: n}})
	}
	_ = p.reader.Close()
	p.run()
	if got := strings.Join(s.log, ", "); got != "0 refused 0, 1 refused 0, 2 refused 0" {
		t.Errorf("answers %q", got)
	}
}
