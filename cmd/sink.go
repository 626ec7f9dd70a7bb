package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/session"
	"github.com/evshell/ev/watch"
)

// run is the Sink of the command line: a session with one binding.
func (p *program) run(ctx context.Context, b *session.Binding) error {
	if err := blockSignals(b.Claims().Blocked, b.Claims().Queued); err != nil {
		return err
	}
	l, err := p.newLoop()
	if err != nil {
		return err
	}
	defer l.Close()
	config := session.Config{NoWait: b.NoWait}
	if b.Timeout == session.AtOnce {
		config.Timeout, b.Timeout = b.Timeout, 0 // it is the only watcher
	}
	if term.IsTerminal(watchers.StderrFD) {
		config.Tell, config.Greet = session.TellAll, true
	}
	s := session.New(l, p.config(config))
	defer s.Close()
	make := b.Watch
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		w, err := make(l, emit)
		if err != nil {
			return nil, usage.By(err)
		}
		return w, nil
	}
	watchers, faults := s.Bind([]session.Line{{Describe: func() (*session.Binding, error) { return b, nil }}})
	if faults != nil {
		return faults
	}
	_ = s.Replace(watchers) // nothing is started before Run, so nothing can fail
	return ended(s, s.Run(ctx))
}

func (p *program) newLoop() (*loop.Loop, error) {
	backend, err := p.newBackend()
	if err != nil {
		return nil, err
	}
	if t, ok := backend.(loop.Troubled); ok {
		t.OnTrouble(func(trouble error) {
			if trouble == nil {
				p.Report.Noticef("the kernel has room again for all that ev waits for")
			} else {
				p.Report.Errorf("%v", trouble)
			}
		})
	}
	l, err := loop.New(loop.WithBackend(backend), loop.WithOwnDescriptors(), loop.WithStopTime())
	if err != nil {
		return nil, err
	}
	p.Report.Verbosef("the backend is %s", backend.Name())
	if err := process.ReapOrphans(p.subreaper); err != nil {
		_ = l.Close()
		return nil, usage.Of(usage.Flag("subreaper"), "--subreaper: ", err)
	}
	return l, nil
}

// config adds to what is asked of a session what it has to know of the process.
func (p *program) config(c session.Config) session.Config {
	c.Stdout, c.Stderr, c.Getenv, c.Report = p.stdout, p.stderr, p.Getenv, p.Report
	c.Starter = p.Starter
	if p.readyFD >= 0 {
		c.Ready = p.ready
	}
	c.Cgroup = func() (*process.Cgroup, error) {
		g, err := process.NewCgroup()
		if err != nil {
			return nil, fmt.Errorf("--cgroup: %w", err)
		}
		return g, nil
	}
	return c
}

// ready tells whoever reads --ready-fd that everything is watched.
func (p *program) ready() error {
	if _, err := unix.Write(p.readyFD, []byte("\n")); err != nil {
		return fmt.Errorf("--ready-fd %d: %w", p.readyFD, err)
	}
	if p.readyFD > watchers.StderrFD {
		return unix.Close(p.readyFD)
	}
	return nil
}

// ended is what a command returns whose session has ended.
func ended(s *session.Session, e session.End) error {
	switch e.Why {
	case session.TimedOut:
		return &usage.ExitError{Status: usage.ExitTimeout}
	case session.NothingHappened:
		return &usage.ExitError{Status: usage.ExitFailure}
	case session.CommandEnded:
		if e.Status != usage.ExitOK {
			return &usage.ExitError{Status: e.Status}
		}
	case session.Signalled:
		return &usage.ExitError{Status: usage.ExitSignal + int(e.Signal), Signal: e.Signal}
	case session.NotStarted:
		if lines := lineFaults(e.Err); lines != nil {
			return &usage.ExitError{Status: usage.ExitFailure, Err: lines}
		}
		return e.Err
	case session.Refused:
		if lines := lineFaults(e.Err); lines != nil {
			return lines
		}
		return usage.By(e.Err)
	case session.Failed:
		status := usage.ExitFailure
		if slices.ContainsFunc(s.Watchers(), (*session.Watcher).HasCommand) {
			status = usage.ExitInternal
		}
		return &usage.ExitError{Status: status, Err: e.Err}
	case session.Over:
	}
	return nil
}

// lineFaults are those of a session's faults that are about lines.
func lineFaults(err error) (errs evfile.Errors) {
	faults, _ := errors.AsType[session.Faults](err)
	for _, f := range faults {
		if e, ok := errors.AsType[*evfile.Error](f); ok {
			errs = append(errs, e)
		}
	}
	return errs
}

// blockSignals has signals blocked in all of ev: those that must be, and those that are not lost
// then. For that ev is executed anew, unless they are: nothing may have been done before that can't
// be done twice.
func blockSignals(blocked, queued []syscall.Signal) error {
	if len(blocked)+len(queued) == 0 {
		return nil
	}
	if err := sigmask.Block(slices.Concat(blocked, queued)); err != nil && len(blocked) > 0 {
		return usage.Of(usage.Flag("siginfo"), "--siginfo: ", err)
	}
	return nil // who watches the others tells that they may be merged
}
