// Soak runs one ev with 40 mixed watchers, keeps all of them busy, and counts what they tell against
// the truth: go run ./soak [-faults] [MINUTES], in bench/. With -faults system calls of ev fail at
// random (internal/inject) until the end, when all that has happened must have been told.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/evshell/ev/bench/tool"
	"github.com/evshell/ev/internal/inject"
)

func main() {
	if os.Args[0] == "inject" {
		inject.Main()
	}
	faulty := flag.Bool("faults", false, "have system calls of ev fail at random")
	flag.Parse()
	minutes, err := 1.0, error(nil)
	if flag.NArg() > 0 {
		minutes, err = strconv.ParseFloat(flag.Arg(0), 64)
	}
	if err != nil || flag.NArg() > 1 {
		tool.Must(fmt.Errorf("usage: soak [-faults] [MINUTES]"))
	}
	if *faulty && !inject.Available() {
		fmt.Println("soak: skipped: -faults needs seccomp(2) of Linux 5.5")
		return
	}
	dir, err := os.MkdirTemp("", "ev-soak-")
	tool.Must(err)
	ok := soak(dir, *faulty, time.Duration(minutes*float64(time.Minute)))
	tool.Must(os.RemoveAll(dir))
	if !ok {
		os.Exit(1)
	}
}

// A run is one ev, those who keep it busy, and what both say.
type run struct {
	dir    string
	faulty bool
	ev     *exec.Cmd
	over   context.Context // done: nobody begins anything more
	told   *tally

	all sync.WaitGroup
	// quiet is locked for a measurement, and for reading by whoever keeps ev busy.
	quiet sync.RWMutex

	mu       sync.Mutex
	counts   map[string]int // what was done
	failures []string
}

func (r *run) path(name string) string { return filepath.Join(r.dir, name) }

func (r *run) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

func (r *run) failf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
	fmt.Println("WRONG:", r.failures[len(r.failures)-1])
}

// busy has fn called again and again, after each pause of up to max, until it is over.
func (r *run) busy(most time.Duration, fn func()) {
	r.all.Go(func() {
		for pause(r.over, most); r.over.Err() == nil; pause(r.over, most) {
			r.quiet.RLock()
			fn()
			r.quiet.RUnlock()
		}
	})
}

// eventually waits until something is so, and reports whether it came to be in time.
func eventually(within time.Duration, is func() bool) bool {
	for end := time.Now().Add(within); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func soak(dir string, faulty bool, long time.Duration) bool {
	tool.Build(dir)
	over, stop := context.WithTimeout(context.Background(), long)
	defer stop()
	r := &run{dir: dir, faulty: faulty, over: over, told: newTally(), counts: map[string]int{}}
	ended := r.start()
	defer func() { _ = r.ev.Process.Kill() }()
	tool.Must(os.WriteFile(r.path("armed"), nil, 0o600))
	r.keepBusy()

	var used [3]usage
	for i, at := range []time.Duration{long / 10, long * 4 / 10, long * 4 / 10} {
		select {
		case <-time.After(at):
			used[i] = r.measure()
		case <-ended:
			fmt.Printf("WRONG: ev has ended: %v\n%s", r.ev.ProcessState, r.messages())
			return false
		}
	}
	r.all.Wait()
	tool.Must(os.WriteFile(r.path("over"), nil, 0o600)) // calls fail no more
	r.settle()
	status := r.end(ended)

	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.told.summary(r.counts) {
		fmt.Println(line)
	}
	for i, when := range []string{"start", "middle", "end"} {
		fmt.Printf("%-7s %s\n", when+":", used[i])
	}
	if faulty {
		fmt.Println("faults:", injected(r.path("faults")))
	}
	if status != 0 {
		r.failures = append(r.failures, fmt.Sprintf("ev ended with %d", status))
	}
	r.failures = append(append(r.failures, grown(used)...), broken(r.messages())...)
	for _, f := range r.failures {
		fmt.Println("WRONG:", f)
	}
	return len(r.failures) == 0
}

// broken returns the messages that say that ev itself is at fault.
func broken(messages string) (wrong []string) {
	for line := range strings.Lines(messages) {
		if strings.Contains(line, "panic") || strings.Contains(line, "fatal error") || strings.Contains(line, "goroutine ") {
			wrong = append(wrong, strings.TrimSpace(line))
		}
	}
	return wrong
}

// start starts ev, and returns once it is armed; the channel is closed with its end.
func (r *run) start() <-chan struct{} {
	r.prepare()
	program, args := r.path("ev"), []string{"run", "-v", "--json", "--control", "control", "--ready-fd", "3"}
	r.ev = exec.Command(program, args...)
	if r.faulty {
		self, err := os.Executable()
		tool.Must(err)
		r.ev = exec.Command(self, slices.Concat(faults(), []string{"--", program}, args)...)
		r.ev.Args[0] = "inject"
	}
	r.ev.Dir = r.dir
	r.ev.Env = append(os.Environ(), "XDG_STATE_HOME="+r.dir)
	messages, err := os.Create(r.path("messages"))
	tool.Must(err)
	r.ev.Stderr = messages
	out, err := r.ev.StdoutPipe()
	tool.Must(err)
	ready, theirs, err := os.Pipe()
	tool.Must(err)
	r.ev.ExtraFiles = []*os.File{theirs}
	tool.Must(r.ev.Start())
	_ = theirs.Close()
	if n, _ := ready.Read(make([]byte, 1)); n != 1 {
		tool.Must(fmt.Errorf("ev does not begin: %s", r.messages()))
	}
	ended := make(chan struct{})
	go func() {
		r.told.read(out)
		_ = r.ev.Wait()
		close(ended)
	}()
	return ended
}

// end has ev end, and returns its status.
func (r *run) end(ended <-chan struct{}) int {
	_ = r.ctl("break")
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		r.failf("ev hangs at its end")
		_ = r.ev.Process.Signal(syscall.SIGQUIT)
		<-ended
	}
	if os.Getenv("SOAK_VERBOSE") != "" {
		fmt.Print(r.messages())
	}
	return r.ev.ProcessState.ExitCode()
}

// messages are what ev has written to its standard error.
func (r *run) messages() string {
	text, err := os.ReadFile(r.path("messages"))
	tool.Must(err)
	return string(text)
}

func (r *run) ctl(args ...string) error {
	c := exec.Command(r.path("ev"), append([]string{"ctl", "--control", "control"}, args...)...)
	c.Dir = r.dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("ev ctl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
