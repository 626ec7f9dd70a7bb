package action

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// A starter starts the process of a run: a launcher, or a test. It calls r.started, and then, if
// that was with a child, r.ended; both later, on the loop's goroutine.
type starter interface {
	start(r *run)
}

// A child is a command's process, as its run sees it.
type child interface {
	// Signal sends a signal to the command's whole group.
	Signal(s syscall.Signal)
	// Stop tells it to end, and Kill ends it at once. Then r.ended is called when nothing is left
	// of it.
	Stop()
	Kill()
	// String is what a person can tell it by.
	String() string
}

// A launcher is a starter whose children are real.
type launcher struct {
	loop    *loop.Loop
	starter *process.Starter
}

func (x launcher) start(r *run) {
	c := r.exec.command
	c.Stdout.Flush() // what was printed comes before what the command writes
	// What a command leaves in its pipes is taken out at its end, whether or not anybody reads it: so
	// commands that write little would fill the memory.
	c.Stdout.withRoom(func() { c.Stderr.withRoom(func() { x.launch(r) }) })
}

func (x launcher) launch(r *run) {
	c := r.exec.command
	var outputs []*pump
	stopped := r.stopped
	if c.Foreground {
		stopped = nil // it has the terminal
	}
	spilled := &spill{command: c, event: r.part}
	x.starter.Start(x.loop, process.Spec{
		Dir: c.Dir, User: c.User, Foreground: c.Foreground, Whole: c.Whole, Cgroup: c.Cgroup,
		StopSignal: c.StopSignal, KillAfter: c.KillAfter, Report: c.Report, Stopped: stopped,
		Prepare: func(sp *process.Spec) (err error) {
			if r.cancelled.Load() {
				return errCancelled
			}
			outputs, err = c.prepare(sp, r, spilled)
			return err
		},
	}, func(p *process.Process, err error) {
		if err != nil {
			for _, out := range outputs {
				_ = unix.Close(out.fd)
			}
			spilled.remove()
			r.started(nil, err)
			return
		}
		r.outcome.PID, r.outputs = p.PID, outputs
		r.resize() // it may be another size by now
		r.started(p, nil)
		for _, out := range outputs {
			out.start(x.loop)
		}
	}, func(w process.Wait) {
		for _, out := range outputs {
			out.drain()
		}
		spilled.remove()
		r.ended(w)
	})
}

// prepare makes what the event of r decides of its process. It returns the pumps for what the
// process writes, also with an error.
func (c *command) prepare(sp *process.Spec, r *run, s *spill) (outputs []*pump, err error) {
	if sp.Argv, err = c.argv(r.part); err != nil {
		return nil, err
	}
	own, err := s.environ()
	if err != nil {
		return nil, err
	}
	if d, ok := r.part.Detail.(event.HTTP); ok {
		for _, f := range d.Files {
			if err := c.User.Own(f, filepath.Dir(f)); err != nil {
				return nil, err
			}
		}
	}
	sp.Env = c.environ(r.part, own)
	in, ours, err := c.input(r.payload)
	if in != nil && ours {
		sp.Owned = append(sp.Owned, in)
	}
	if err != nil {
		return nil, err
	}
	sp.Files = [3]*os.File{in, c.Stdout.file, c.Stderr.file}
	if lock := r.event.Lock; lock != nil {
		sp.Lock = lock.File
	}
	if c.LogDir != "" && !c.Foreground && r.log == nil {
		r.log = openLog(c.LogDir, c.LogKeep, c.Report)
	}
	if c.Prefix != "" || r.tail != nil || r.log != nil {
		if outputs, err = newPumps(c, sp, r); err != nil {
			return outputs, err
		}
	}
	if r.payload.Out != nil {
		sp.Files[1] = r.payload.Out
	}
	return outputs, nil
}

// input opens what a command reads as its standard input, and says whether it is ours to close; nil
// is nothing. A descriptor is given as it is. One in the foreground has the terminal. Bytes come as
// a file in memory, or one without a name: no pipe that somebody has to feed, and that hangs when
// the command does not read it.
func (c *command) input(p event.Payload) (f *os.File, ours bool, err error) {
	if p.File != nil {
		return p.File, false, nil
	}
	if c.Foreground {
		if term.IsTerminal(0) {
			return os.Stdin, false, nil
		}
		if f, err = os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
			return f, true, nil
		}
	}
	switch {
	case p.Path != "":
		f, err = os.Open(p.Path)
		return f, true, err
	case len(p.Data) == 0:
		return nil, false, nil
	}
	f, err = memoryFile()
	if err != nil {
		if f, err = os.CreateTemp("", "ev-"); err != nil {
			return nil, false, err
		}
		_ = os.Remove(f.Name())
	}
	_, err = f.WriteAt(p.Data, 0) // which leaves it at its beginning
	return f, true, err
}
