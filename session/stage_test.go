package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A stage is a session on fake time. Its watchers are props, which the test moves, its commands are
// actors, which end when the test says so, and nothing happens to the process.
type stage struct {
	*Session
	t       *testing.T
	loop    *loop.Loop
	backend *looptest.Backend
	stop    context.CancelFunc
	dropped bool             // a stop is
	over    chan End         // Run has returned
	signals chan<- os.Signal // to the session
	said    bytes.Buffer     // messages
	log     []string         // what happened, in words
	props   map[string]*prop // by the watcher's name, the last one made
	actors  map[string]*actor
}

// perform runs play in a bubble. What of the Config is not given is the stage's.
func perform(t *testing.T, c Config, play func(*stage)) {
	t.Helper()
	defer time.AfterFunc(looptest.Patience, func() { panic(t.Name() + " does not come to its end") }).Stop() // in real time
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, backend: looptest.New(), over: make(chan End, 1), props: map[string]*prop{}, actors: map[string]*actor{}}
		var err error
		if s.loop, err = loop.New(loop.WithBackend(s.backend)); err != nil {
			t.Fatal(err)
		}
		if c.Stdout == nil {
			if c.Stdout, err = os.Create(filepath.Join(t.TempDir(), "output")); err != nil {
				t.Fatal(err)
			}
			defer c.Stdout.Close()
		}
		c.Stderr, c.Report = c.Stdout, report.New(&s.said, "ev", report.Plain, report.Notice)
		if c.Getenv == nil {
			c.Getenv = func(string) string { return "" }
		}
		s.Session = New(s.loop, c)
		s.host = host{
			notify: func(to chan<- os.Signal, _ ...os.Signal) { s.signals = to },
			die:    func(by syscall.Signal) { s.logf("die of %s", sig.Name(by)) },
			stop:   func() bool { s.logf("stand still"); return s.dropped },
		}
		s.exec = func(o *action.Options, in action.Setting) command {
			a := &actor{stage: s, name: o.Argv[0], foreground: o.Foreground, Setting: in}
			s.actors[a.name] = a
			return a
		}
		s.Observe(listener{s})
		defer s.close()
		play(s)
	})
}

func (s *stage) close() {
	if s.stop != nil {
		s.stop()
		synctest.Wait()
		close(s.signals)
	}
	s.Close()
	if err := s.loop.Close(); err != nil {
		s.t.Error(err)
	}
}

// bind makes the watchers of lines, and has them take the place of those there are.
func (s *stage) bind(lines ...Line) Faults {
	s.t.Helper()
	watchers, faults := s.Bind(lines)
	if faults != nil {
		s.t.Fatal(faults)
	}
	return s.Replace(watchers)
}

// run runs the session with the watchers of lines.
func (s *stage) run(lines ...Line) {
	s.t.Helper()
	_ = s.bind(lines...)
	var ctx context.Context
	ctx, s.stop = context.WithCancel(s.t.Context())
	go func() { s.over <- s.Run(ctx) }()
	synctest.Wait()
}

// on has fn called by the loop, and waits until all is quiet.
func (s *stage) on(fn func()) {
	s.loop.Post(fn)
	synctest.Wait()
}

// emit has watchers emit an event each, in one turn.
func (s *stage) emit(names ...string) {
	s.on(func() {
		for _, name := range names {
			s.props[name].Feed()
		}
	})
}

// end has the command of a watcher end that began first.
func (s *stage) end(name string, o action.Outcome) {
	s.t.Helper()
	a := s.actors[name]
	if len(a.events) == 0 {
		s.t.Fatalf("%s does not run: %q", name, s.log)
	}
	s.on(func() { a.finish(o) })
}

func (s *stage) signal(sig syscall.Signal) {
	s.signals <- sig
	synctest.Wait()
}

// pass lets time pass. What the test has done until now comes before.
func (s *stage) pass(d time.Duration) {
	s.on(func() {})
	<-time.After(d)
	synctest.Wait()
}

// ended checks why the session has ended, and that it has.
func (s *stage) ended(want End) {
	s.t.Helper()
	synctest.Wait()
	select {
	case got := <-s.over:
		if got.Why != want.Why || got.Status != want.Status || got.Signal != want.Signal || !errors.Is(got.Err, want.Err) {
			s.t.Errorf("it ended with %+v, not %+v", got, want)
		}
	default:
		s.t.Fatalf("it has not ended: %q", s.log)
	}
}

// lives checks that the session has not ended.
func (s *stage) lives() {
	s.t.Helper()
	synctest.Wait()
	select {
	case got := <-s.over:
		s.t.Fatalf("it ended with %+v: %q", got, s.log)
	default:
	}
}

func (s *stage) logf(format string, args ...any) { s.log = append(s.log, fmt.Sprintf(format, args...)) }

// saw checks what has happened since the last call.
func (s *stage) saw(want string) {
	s.t.Helper()
	if got := strings.Join(s.log, ", "); got != want {
		s.t.Errorf("\n got %s\nwant %s", got, want)
	}
	s.log = nil
}

// heard checks the messages since the last call.
func (s *stage) heard(want string) {
	s.t.Helper()
	if got := s.said.String(); got != want {
		s.t.Errorf("\n got %q\nwant %q", got, want)
	}
	s.said.Reset()
}

// line describes a watcher that is a prop. Lines of one name have one key.
func (s *stage) line(name string, changes ...func(*Binding)) Line {
	return Line{
		Key: name,
		Describe: func() (*Binding, error) {
			b := &Binding{Kind: event.KindTimer, Name: name, Report: s.config.Report.Named("ev: " + name)}
			b.Watch = func(_ *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
				p := &prop{stage: s, name: name, emit: emit}
				s.props[name] = p
				return p, nil
			}
			for _, change := range changes {
				change(b)
			}
			return b, nil
		},
		Where: func(err error) error { return fmt.Errorf("at %s: %w", name, err) },
	}
}

// Changes of a line.

func runs(b *Binding) { b.Exec = &action.Options{Argv: []string{b.Name}} }

func once(b *Binding) { b.Count = 1 }

func breaks(b *Binding) { b.Break = true }

// child has a watcher that has a command run, whose end is its event.
func child(b *Binding) {
	b.Child = &action.Options{Argv: []string{"child of " + b.Name}}
	build := b.Watch
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		w, err := build(l, emit)
		return &parentProp{prop: w.(*prop)}, err
	}
}

func exitOnError(b *Binding) { b.ExitOnError = true }

// rich has a watcher with all that a watcher can be.
func rich(b *Binding) {
	build := b.Watch
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		w, err := build(l, emit)
		return richProp{w.(*prop)}, err
	}
}

// failing has a watcher that can't be started.
func failing(err error) func(*Binding) {
	return func(b *Binding) {
		build := b.Watch
		b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			w, _ := build(l, emit)
			w.(*prop).err = err
			return w, nil
		}
	}
}

// slow has a watcher that takes until the test says so, or until it is interrupted, to start; one
// that is deaf takes no notice of that.
func slow(deaf bool) func(*Binding) {
	return func(b *Binding) {
		rich(b)
		build := b.Watch
		b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			w, err := build(l, emit)
			w.(richProp).starting, w.(richProp).deaf = make(chan error, 1), deaf
			return w, err
		}
	}
}
