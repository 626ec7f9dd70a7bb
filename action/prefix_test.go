package action

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPrefix_labelsWholeLines(t *testing.T) {
	long := strings.Repeat("x", maxLine+10)
	for _, tt := range []struct{ script, want string }{
		{`printf 'a\nb\n'`, "L: a\nL: b\n"},
		{`printf 'a'; sleep 0.01; printf 'b\nc'`, "L: ab\nL: c\n"},
		{`echo`, "L: \n"},
		{`printf 'no end'`, "L: no end\n"},
		{`true`, ""},
		{`cat`, "L: " + long[:maxLine] + "\nL: " + long[maxLine:] + "\n"},
	} {
		th, _ := play(t, Options{Argv: shell(tt.script), Prefix: "L: ", Sep: '\n'}, lineRead(long))
		got := th.output()
		if tt.script == "cat" { // in pieces of about that size: as it was read
			if strings.Count(got, "L: ") < 2 || strings.NewReplacer("L: ", "", "\n", "").Replace(got) != long {
				t.Errorf("a long line comes as %d bytes with %d labels", len(got), strings.Count(got, "L: "))
			}
			continue
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.script, got, tt.want)
		}
	}
}

// Commands in parallel, that write in the middle of each other's lines.
func TestPrefix_linesOfSeveralDoNotMix(t *testing.T) {
	th := open(t, Options{
		Argv: append(shell(`for i in 1 2 3 4 5; do printf "$0"; sleep 0.001; printf "$0"; sleep 0.001; echo "$0" >&2; echo "$0"; done`), "{seq}"),
		Busy: Busy{Policy: Parallel, Limit: 4}, Prefix: "> ",
	})
	for i := range uint64(4) {
		th.Do(tick(i + 1))
	}
	th.run()
	lines := strings.Split(strings.TrimSuffix(th.output(), "\n"), "\n")
	slices.Sort(lines)
	want := []string{"> 1", "> 111", "> 2", "> 222", "> 3", "> 333", "> 4", "> 444"}
	if got := slices.Compact(lines); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A grandchild that keeps the pipe open does not keep the run, nor the loop.
func TestPrefix_doesNotWaitForAGrandchild(t *testing.T) {
	hold := newFIFO(t)
	th := open(t, Options{Argv: shell(`echo hi; printf 'and bye'; cat "$FIFO" >/dev/null &`), Env: []string{"FIFO=" + hold.path}, Prefix: "L: "})
	th.Do(tick(1))
	th.run()
	if got := th.output(); got != "L: hi\nL: and bye\n" {
		t.Errorf("got %q", got)
	}
	f, err := os.OpenFile(hold.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// One that never stops to write into it does not either.
func TestPrefix_doesNotDrainAGrandchildForEver(t *testing.T) {
	th := open(t, Options{Argv: shell(`yes & echo $!`), Prefix: "L: "})
	th.Do(tick(1))
	th.run()
	for line := range strings.Lines(th.output()) {
		if pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "L: "))); err == nil {
			_ = unix.Kill(pid, unix.SIGKILL)
			return
		}
	}
	t.Error("the command's own line is missing")
}

// While nobody reads, the command waits in write(2); nothing is lost.
func TestPrefix_commandWaitsForASlowReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const lines = 50_000
	th := open(t, Options{Argv: shell(`i=0; while [ $i -lt 50000 ]; do echo $i; i=$((i+1)); done`), Prefix: "L: "})
	th.o.Stdout = NewOutput(th.loop, w, nil)
	got := make(chan int)
	th.loop.After(50*time.Millisecond, func() { // by now the pipe is full
		if n := len(th.o.Stdout.pending); n > 1 {
			t.Errorf("%d records wait in memory", n)
		}
		go func() {
			b, _ := io.ReadAll(r)
			got <- strings.Count(string(b), "\n")
		}()
	})
	th.Do(tick(1))
	th.run()
	th.o.Stdout.Close()
	_ = w.Close()
	if n := <-got; n != lines {
		t.Errorf("%d lines, want %d", n, lines)
	}
}

// Nor does a command start while much waits to be read: what many of them leave in their pipes would
// fill the memory.
func TestPrefix_commandsWaitForASlowReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	reads := false
	th := open(t, Options{Argv: shell(`echo last`), Prefix: "L: "})
	th.o.Began = func(int) {
		if !reads {
			t.Error("it starts before anything is read")
		}
	}
	o := NewOutput(th.loop, w, nil)
	th.o.Stdout = o
	for o.backlog <= maxBacklog {
		o.write(make([]byte, 1<<16))
	}
	got := make(chan string)
	th.loop.After(50*time.Millisecond, func() { // by now it would have started
		reads = true
		go func() {
			b, _ := io.ReadAll(r)
			got <- strings.TrimLeft(string(b), "\x00")
		}()
	})
	th.Do(tick(1))
	th.run()
	o.Close()
	_ = w.Close()
	if text := <-got; text != "L: last\n" || o.backlog != 0 {
		t.Errorf("%q, and %d bytes wait", text, o.backlog)
	}
}

// A reader that takes nothing in the end is told of once, however many runs wrote for it.
func TestPrefix_tellsOnceWhatIsLost(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	th := open(t, Options{Argv: shell(`echo lost`), Prefix: "L: "})
	o := NewOutput(th.loop, w, nil)
	th.o.Stdout = o
	for !o.busy {
		o.write(make([]byte, 1<<12))
	}
	for i := range uint64(3) {
		th.Do(tick(i + 1))
	}
	o.Hurry()
	th.run()
	o.Close()
	_ = w.Close()
	if n := strings.Count(th.said.String(), "the reader has stopped to read: what it wrote is lost"); n != 1 {
		t.Errorf("%d times: %s", n, th.said.String())
	}
}
