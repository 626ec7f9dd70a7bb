package probe

import (
	"os"

	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// CommandTarget is a command that is run at each look: it is up if it ends with 0. Text is how it
// was given.
func CommandTarget(text string, argv []string) Target { return Target{command: argv, text: text} }

// A command asks by running one. It has nothing on its standard input, and its standard error is
// ev's.
type command struct {
	loop *loop.Loop
	o    *Options
}

func (c command) ask(done func(answer)) (cancel func()) {
	late, canceled, stop := false, false, func() {}
	kill := c.o.Starter.Output(c.loop, process.Spec{
		Argv: c.o.Target.command, Env: process.Environ(c.o.Env),
		Files: [3]*os.File{2: os.Stderr}, Report: c.o.Report,
	}, maxBody, func(out []byte, w process.Wait) {
		stop()
		if !canceled {
			done(c.answer(out, w, late))
		}
	})
	stop = c.loop.After(c.o.Timeout, func() { late = true; kill() })
	return func() {
		canceled = true
		stop()
		kill()
	}
}

// answer is what the end of the command says.
func (c command) answer(out []byte, w process.Wait, late bool) answer {
	switch {
	case late:
		return answer{output: kept(out), fault: noAnswer}
	case w.Err != nil:
		if why, later := process.Temporary(w.Err); later {
			return answer{unmade: why}
		}
		return answer{fault: w.Err.Error()}
	case len(out) > maxBody:
		return answer{output: kept(out), fault: "it prints more than 1 MiB"}
	case w.Status.Signaled():
		return answer{output: kept(out), fault: "killed by " + sig.Name(w.Status.Signal())}
	}
	return c.o.judge(w.Status.ExitStatus(), out, w.Status.ExitStatus() == 0)
}
