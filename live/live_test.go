package live

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch"
)

// A toggle is a watcher that is on or off, and counts how often it is fed.
type toggle struct {
	watch.Watcher
	on  bool
	fed int
}

func (s *toggle) Start() error              { s.on = true; return nil }
func (s *toggle) Stop()                     { s.on = false }
func (s *toggle) Active() bool              { return s.on }
func (s *toggle) Pending() bool             { return false }
func (s *toggle) Feed()                     { s.fed++ }
func (s *toggle) SetPriority(loop.Priority) {}

// A desk is a table on no terminal, of a session whose watchers are toggles.
type desk struct {
	*Table
	t       *testing.T
	toggles map[string]*toggle
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	l, err := loop.New(loop.WithBackend(looptest.New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	getenv := func(string) string { return "" }
	s := session.New(l, session.Config{
		Stdout: os.Stdout, Stderr: os.Stderr, Getenv: getenv,
		Report: report.New(io.Discard, "ev", report.Plain, report.Notice),
	})
	d := &desk{t: t, toggles: map[string]*toggle{}, Table: &Table{options: Options{Getenv: getenv}, session: s, loop: l}}
	d.screen = &screen{scene: d, loop: l, fd: -1}
	d.screen.tick = loop.NewTimer(l, 0, 0, func() {})
	return d
}

// bind has the watchers be those of the names, all of them started.
func (d *desk) bind(names string) {
	d.t.Helper()
	var lines []session.Line
	for name := range strings.FieldsSeq(names) {
		lines = append(lines, session.Line{Key: name, Describe: func() (*session.Binding, error) {
			return &session.Binding{Kind: event.KindTimer, Name: name, Watch: func(*loop.Loop, watch.Emit) (watch.Watcher, error) {
				d.toggles[name] = &toggle{}
				return d.toggles[name], nil
			}}, nil
		}})
	}
	watchers, faults := d.session.Bind(lines)
	if faults != nil {
		d.t.Fatal(faults)
	}
	_ = d.session.Replace(watchers)
	for _, w := range watchers {
		if err := w.Start(); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *desk) keys(keys string) {
	for i := range len(keys) {
		d.press(keys[i])
	}
}

// shows checks which watcher is marked in the next picture.
func (d *desk) shows(want string) {
	d.t.Helper()
	lines, _ := d.picture(80, 24)
	for _, line := range lines {
		if marked, ok := strings.CutPrefix(line, "> "); ok {
			if got, _, _ := strings.Cut(marked, " "); got != want {
				d.t.Errorf("%s is selected, not %s", got, want)
			}
			return
		}
	}
	if want != "" {
		d.t.Errorf("nothing is selected in %q", lines)
	}
}

func TestTable_keysAreForTheSelected(t *testing.T) {
	d := newDesk(t)
	d.bind("a b c")
	d.shows("a")
	d.keys("k")
	d.shows("a")
	d.keys("j ")
	d.shows("b")
	d.keys("jjjs")
	d.shows("c")
	if d.toggles["a"].fed != 0 || d.toggles["b"].fed != 1 || d.toggles["c"].on {
		t.Errorf("a %+v, b %+v, c %+v", d.toggles["a"], d.toggles["b"], d.toggles["c"])
	}
	d.keys("s")
	if !d.toggles["c"].on {
		t.Error("c is not started again")
	}
	d.keys("p")
	if !d.session.Paused() {
		t.Error("it is not paused")
	}
	d.keys("pq")
	if d.session.Paused() || !d.session.Ending() {
		t.Error("it is paused, or not ending")
	}
}

// The list may be another one before that is seen.
func TestTable_keysAreForWhatWasSeen(t *testing.T) {
	d := newDesk(t)
	d.bind("a b c d e")
	d.shows("a")
	d.keys("jjj")
	d.shows("d")
	d.bind("d a e")
	d.keys(" ")
	d.shows("d") // though its place is another
	d.bind("a e f")
	d.keys(" sjk")
	if d.toggles["d"].fed != 1 || d.toggles["a"].fed+d.toggles["e"].fed+d.toggles["f"].fed != 0 || !d.toggles["a"].on {
		t.Error("a key was for another one than it was pressed for")
	}
	d.shows("a") // in its place
	d.bind("x y z")
	d.shows("x")
	d.keys("j")
	d.shows("y")
	d.bind("x new z")
	d.shows("new")
	d.keys("j")
	d.shows("z")
	d.bind("x")
	d.keys(" srjk")
	d.shows("x")
	d.bind("")
	d.keys(" srjk")
	d.shows("")
	d.keys(" srjk")
	d.bind("y")
	d.shows("y")
}

func TestTable_showsTheLastEvents(t *testing.T) {
	d := newDesk(t)
	d.bind("a")
	for range 2 * mostRecent {
		d.Happened(event.Event{Name: "a", Detail: event.Timer{}})
	}
	lines, _ := d.picture(80, 24)
	if n := strings.Count(strings.Join(lines, "\n"), "elapsed"); n != mostRecent || len(d.recent) != mostRecent {
		t.Errorf("%d events are shown and %d kept, not %d", n, len(d.recent), mostRecent)
	}
}
