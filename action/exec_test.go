package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// The test binary is also what it starts: TestMain runs the actors instead of the tests if this
// names one.
const actorVariable = "ACTION_TEST_ACTOR"

func TestMain(m *testing.M) {
	if status, ok := sigmask.Unwrap(); ok { // on a machine that starts the tests with signals blocked
		os.Exit(status)
	}
	if name := os.Getenv(actorVariable); name != "" {
		os.Exit(actors()[name]())
	}
	os.Exit(m.Run())
}

func actors() map[string]func() int {
	return map[string]func() int{
		"group":      func() int { fmt.Println(unix.Getpgrp(), os.Getpid()); return 0 },
		"supervisor": supervise,
		"terminal":   useTerminal,
	}
}

// A theatre runs real commands on a real loop.
type theatre struct {
	*Exec
	t        *testing.T
	loop     *loop.Loop
	out      *os.File
	said     bytes.Buffer
	outcomes []Outcome
}

func open(t *testing.T, o Options) *theatre {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	s := &process.Starter{}
	th := &theatre{t: t, loop: l, out: out}
	output := NewOutput(l, out, nil)
	th.Exec = NewExec(l, s, &o, Setting{
		Stdout: output, Stderr: output, Report: report.New(&th.said, "ev", report.Plain, report.Debug),
		Done: func(_ event.Event, out Outcome) { th.outcomes = append(th.outcomes, out) },
	})
	t.Cleanup(func() {
		s.Close()
		_ = out.Close()
		_ = l.Close()
	})
	return th
}

// shell is a script as -c has it.
func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

// self is the test binary as an actor.
func self(t *testing.T, o Options, actor string) Options {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Argv = []string{exe}
	o.Env = append(o.Env, actorVariable+"="+actor)
	return o
}

// run runs the loop until nothing keeps it alive.
func (th *theatre) run() {
	th.t.Helper()
	ctx, cancel := context.WithTimeoutCause(th.t.Context(), looptest.Patience, errors.New("the loop did not end"))
	defer cancel()
	if err := th.loop.Run(ctx, loop.RunDefault); err != nil {
		th.t.Fatalf("Run: %v\nsaid: %s", err, th.said.String())
	}
}

// output is what the commands have written.
func (th *theatre) output() string {
	th.t.Helper()
	b, err := os.ReadFile(th.out.Name())
	if err != nil {
		th.t.Fatal(err)
	}
	return string(b)
}

// play runs one command for one event.
func play(t *testing.T, o Options, e event.Event) (*theatre, Outcome) {
	t.Helper()
	th := open(t, o)
	th.Do(e)
	th.run()
	if len(th.outcomes) != 1 {
		t.Fatalf("%d outcomes, want 1; said: %s", len(th.outcomes), th.said.String())
	}
	return th, th.outcomes[0]
}

func changed(paths ...string) event.Event {
	return event.Event{Seq: 1, Name: "src", Time: time.Unix(0, 0), Detail: event.Stat{
		Path: paths[0], Paths: paths, Change: []string{"content"}, Count: int64(len(paths)),
	}}
}

func lineRead(s string) event.Event {
	return event.Event{Seq: 1, Name: "in", Detail: event.FD{Source: "0", Ready: []string{"read"}, Line: &s}}
}

// A fifo is how a command tells the test that it has come to some point.
type fifo struct {
	path string
	t    *testing.T
}

func newFIFO(t *testing.T) fifo {
	t.Helper()
	f := fifo{filepath.Join(t.TempDir(), "fifo"), t}
	if err := unix.Mkfifo(f.path, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestExec_givesWordsEnvironmentAndPayload(t *testing.T) {
	script := `printf '%s|' "$0" "$@"; echo "$EV_PATH,$EV_COUNT,$GREETING,$PWD"; cat`
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	argv := append(shell(script), "{path}", "{}", "a {count} b", "{nothing}", "${path}", "", "{paths}")
	th, out := play(t, Options{Argv: argv, Dir: dir, Env: []string{"GREETING=hi", "GREETING=hello"}, Sep: '\n'}, changed("x y", "z"))
	want := "x y|x y|a 2 b|{nothing}|${path}||x y\nz|x y,2,hello," + dir + "\nx y\nz\n"
	if got := th.output(); got != want || out.Status != 0 {
		t.Errorf("got %q, %v; want %q", got, out, want)
	}
}

func TestExec_withoutPayloadInputIsEmpty(t *testing.T) {
	th, _ := play(t, Options{Argv: shell(`cat; echo end`)}, tick(1))
	if got := th.output(); got != "end\n" {
		t.Errorf("got %q", got)
	}
}

func TestExec_recordsEndInNULIfAsked(t *testing.T) {
	th, _ := play(t, Options{Argv: shell(`cat`), Sep: 0}, changed("a\nb", "c"))
	if got := th.output(); got != "a\nb\x00c\x00" {
		t.Errorf("got %q", got)
	}
}

// A command that does not read a payload larger than any pipe holds nobody up.
func TestExec_largePayloadNeedNotBeRead(t *testing.T) {
	_, out := play(t, Options{Argv: shell(`exit 5`)}, lineRead(strings.Repeat("x", 8<<20)))
	if out.Status != 5 {
		t.Errorf("got %v", out)
	}
}

func TestExec_givesTheDescriptorItself(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	th, _ := play(t, Options{Argv: shell(`cat`)}, event.Event{Detail: event.FD{Ready: []string{"read"}, File: r}})
	if got := th.output(); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestExec_connectionIsInputAndOutput(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	if _, err := ours.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	play(t, Options{Argv: shell(`read x; echo "got $x"`)}, event.Event{Detail: event.FD{Peer: "peer", File: theirs}})
	_ = theirs.Close()
	if got, err := io.ReadAll(ours); err != nil || string(got) != "got hello\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestExec_outcomes(t *testing.T) {
	for script, want := range map[string]Outcome{
		"exit 0":        {},
		"exit 3":        {Status: 3},
		"kill -TERM $$": {Status: 143, Signal: unix.SIGTERM},
		"kill -KILL $$": {Status: 137, Signal: unix.SIGKILL},
	} {
		_, got := play(t, Options{Argv: shell(script)}, tick(1))
		if got.PID == 0 || got.Elapsed <= 0 || got.Elapsed != got.Wait.Elapsed {
			t.Errorf("%s: process %d, %v", script, got.PID, got.Elapsed)
		}
		got.PID, got.Elapsed, got.Wait = 0, 0, process.Wait{}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", script, got, want)
		}
	}
}

func TestExec_vanishedCommandIs127AndTheLoopGoesOn(t *testing.T) {
	prog := filepath.Join(t.TempDir(), "prog")
	script := []byte("#!/bin/sh\nexit 4\n")
	write := func() {
		if err := os.WriteFile(prog, script, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write()
	th := open(t, Options{Argv: []string{prog}})
	th.Do(tick(1))
	th.run()
	if err := os.Remove(prog); err != nil {
		t.Fatal(err)
	}
	th.Do(tick(2))
	th.run()
	write()
	th.Do(tick(3))
	th.run()
	var got []int
	for _, o := range th.outcomes {
		got = append(got, o.Status)
	}
	if want := []int{4, 127, 4}; !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	if err := th.outcomes[1].Err; err == nil || !strings.Contains(th.said.String(), prog+": no such file") {
		t.Errorf("error %v, said %q", err, th.said.String())
	}
}

func TestExec_whatCantBeExecutedIs126(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, tt := range []struct{ prog, want string }{
		{dir, "is a directory"},
		{write("data", "x", 0o644), "chmod +x"},
		{write("lost", "#!/nonexistent/sh\n", 0o755), "interpreter in its first line does not exist"},
		{write("text", "hello\n", 0o755), "which begins with #!"},
	} {
		th, out := play(t, Options{Argv: []string{tt.prog}}, tick(1))
		if out.Status != 126 || out.Err == nil || !strings.Contains(th.said.String(), tt.want) {
			t.Errorf("%s: %+v, said %q; want %q", tt.prog, out, th.said.String(), tt.want)
		}
	}
}

// What is on its way into a string of its own that is too long is an error in an argument, and in a
// file in place of the environment; the payload has it whole.
func TestExec_overlongStrings(t *testing.T) {
	long := strings.Repeat("y", maxString)
	th, out := play(t, Options{Argv: append(shell(`true`), "{line}")}, lineRead(long))
	if out.Status != 126 || !strings.Contains(th.said.String(), `argument 3, "{line}", has 131072 bytes, and the kernel takes 131071`) {
		t.Errorf("argument: %+v, said %q", out, th.said.String())
	}
	th, out = play(t, Options{Argv: shell(`echo "${EV_LINE-unset}"; wc -c`), Sep: '\n'}, lineRead(long))
	if got := strings.Fields(th.output()); out.Status != 0 || !slices.Equal(got, []string{"unset", "131073"}) {
		t.Errorf("environment: %v, %q", out, got)
	}
	if want := "EV_LINE is not a variable: it has 131080 bytes"; !strings.Contains(th.said.String(), want) {
		t.Errorf("said %q, want %q", th.said.String(), want)
	}
	// One byte less with "EV_LINE=" and the NUL, and it fits.
	th, _ = play(t, Options{Argv: shell(`echo "${#EV_LINE}"`)}, lineRead(long[:maxString-len("EV_LINE=")-1]))
	if got := strings.TrimSpace(th.output()); got != strconv.Itoa(maxString-9) {
		t.Errorf("the longest that fits: %s", got)
	}
}

func TestExec_allTooLongTogetherIsAnError(t *testing.T) {
	argv := shell("true")
	for range 400 { // 48 MiB: no system takes that
		argv = append(argv, "{line}")
	}
	th, out := play(t, Options{Argv: argv}, lineRead(strings.Repeat("y", 120<<10)))
	if out.Status != 126 || !strings.Contains(th.said.String(), "ARG_MAX") {
		t.Errorf("%+v, said %q", out, th.said.String())
	}
}

func TestExec_NULBytes(t *testing.T) {
	th, out := play(t, Options{Argv: append(shell(`true`), "{line}")}, lineRead("a\x00b"))
	if out.Status != 126 || !strings.Contains(th.said.String(), "NUL byte") {
		t.Errorf("argument: %+v, said %q", out, th.said.String())
	}
	th, _ = play(t, Options{Argv: shell(`echo "${EV_LINE-unset} $EV_SOURCE"`)}, lineRead("a\x00b"))
	if got := th.output(); got != "unset 0\n" || !strings.Contains(th.said.String(), "EV_LINE is not a variable: it has a NUL byte") {
		t.Errorf("environment: %q, said %q", got, th.said.String())
	}
}

// A file that is still being written can't be executed (ETXTBSY); it is tried until it can.
func TestExec_waitsForAFileThatIsBeingWritten(t *testing.T) {
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	prog := filepath.Join(t.TempDir(), "prog")
	f, err := os.OpenFile(prog, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(sh); err != nil {
		t.Fatal(err)
	}
	th := open(t, Options{Argv: []string{prog, "-c", "exit 6"}})
	th.Do(tick(1))
	th.loop.After(50*time.Millisecond, func() { _ = f.Close() })
	th.run()
	if got := th.outcomes[0]; got.Status != 6 {
		t.Errorf("got %+v, said %q", got, th.said.String())
	}
}

// Without a descriptor to be had nothing can be started. The event is not lost.
func TestExec_triesAgainWhenDescriptorsAreShort(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	th := open(t, Options{Argv: shell("exit 6")})
	th.Do(tick(0))
	th.run() // whatever the runtime opens on first use is open now
	none := old
	none.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	th.loop.After(50*time.Millisecond, func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	})
	th.Do(tick(1))
	th.run()
	if got := th.outcomes; len(got) != 2 || got[1].Status != 6 || !strings.Contains(th.said.String(), "ulimit -n") {
		t.Errorf("got %+v, said %q", got, th.said.String())
	}
}
