package loop_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// tell returns a function for an IO that writes down what it got.
func (d *diary) tell(name string) func(loop.Ops) {
	return func(got loop.Ops) { d.write(fmt.Sprintf("%s:%v", name, got))() }
}

func TestEachWatcherGetsWhatItAskedFor(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var d diary
		loop.NewIO(l, 3, loop.Read, d.tell("r")).Start()
		loop.NewIO(l, 3, loop.Write, d.tell("w")).Start()
		loop.NewIO(l, 3, loop.Read|loop.Write|loop.Hangup, d.tell("all")).Start()
		loop.NewIO(l, 3, 0, d.tell("none")).Start()
		for _, tt := range []struct {
			ready loop.Ops
			want  string
		}{
			{loop.Read, "r:read all:read"},
			{loop.Write, "w:write all:write"},
			{loop.Hangup, "all:hup"},
			{loop.Read | loop.Write, "r:read w:write all:read|write"},
			{0, ""},
		} {
			b.SetReady(3, tt.ready)
			for range 2 { // it lasts
				runMode(t, l, loop.RunNoWait)
				d.expect(t, tt.want)
			}
		}
	})
}

func TestWatcherStoppedByAnotherOfItsDescriptor(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var d diary
		var second *loop.IO
		loop.NewIO(l, 3, loop.Read, func(got loop.Ops) {
			d.tell("first")(got)
			second.Stop()
			l.Break()
		}).Start()
		second = loop.NewIO(l, 3, loop.Read, d.tell("second"))
		second.Start()
		loop.NewIO(l, 3, loop.Read, d.tell("third")).Start()
		b.SetReady(3, loop.Read)
		run(t, l)
		d.expect(t, "first:read third:read")
	})
}

// counting counts what the kernel would be told.
type counting struct {
	*looptest.Backend
	told diary
}

func (c *counting) Modify(fd int, old, new loop.Ops) error {
	c.told = append(c.told, fmt.Sprintf("%d:%v>%v", fd, old, new))
	return c.Backend.Modify(fd, old, new)
}

func TestTheKernelIsToldOnceATurn(t *testing.T) {
	b := &counting{Backend: looptest.New()}
	l := verified(t, b)
	turn := func(want string) {
		t.Helper()
		runMode(t, l, loop.RunNoWait)
		b.told.expect(t, want)
	}
	w := loop.NewIO(l, 3, loop.Read, func(loop.Ops) {})
	w.Start()
	w.Stop()
	turn("") // never known
	w.Start()
	turn("3:>read")
	w.Stop()
	w.Start()
	turn("") // as before
	other := loop.NewIO(l, 3, loop.Read|loop.Write, func(loop.Ops) {})
	other.Start()
	turn("3:>read|write") // a new watcher may be one of a new file
	other.Stop()
	turn("3:read|write>read")
	w.Stop()
	w.Set(3, loop.Read)
	w.Start()
	turn("3:>read") // so may one that was set
	w.Stop()
	w.Set(3, loop.Read)
	w.Start()
	w.Stop()
	turn("3:read>")
	turn("")
	if got := b.Wanted(3); got != 0 {
		t.Errorf("%v is still wanted", got)
	}
}

func TestCloseTellsTheKernelFirst(t *testing.T) {
	b := &counting{Backend: looptest.New()}
	l := verified(t, b)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := loop.NewIO(l, fd, loop.Read, func(loop.Ops) {})
	w.Start()
	runMode(t, l, loop.RunNoWait)
	b.told.expect(t, fmt.Sprintf("%d:>read", fd))
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	b.told.expect(t, fmt.Sprintf("%d:read>", fd))
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("the descriptor is not closed: %v", err)
	}
	if err := w.Close(); !errors.Is(err, unix.EBADF) {
		t.Errorf("closed once more: %v", err)
	}
	runMode(t, l, loop.RunNoWait)
	b.told.expect(t, "")
}

func TestWhatWasClearedIsNotToldLater(t *testing.T) {
	forget := map[string]func(w *loop.IO){
		"ClearPending":   func(w *loop.IO) { w.ClearPending() },
		"Stop and Start": func(w *loop.IO) { w.Stop(); w.Start() },
	}
	for name, forget := range forget {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
				var d diary
				w := loop.NewIO(l, 3, loop.Read|loop.Write, d.tell("io"))
				w.Start()
				first := loop.NewCheck(l, func() { forget(w) })
				first.SetPriority(1)
				first.Start()
				b.SetReady(3, loop.Read)
				runMode(t, l, loop.RunNoWait)
				first.Stop()
				b.SetReady(3, loop.Write)
				runMode(t, l, loop.RunNoWait)
				d.expect(t, "io:write")
			})
		})
	}
}

// splitting tells each kind of readiness on its own, as kqueue(2) does.
type splitting struct{ *looptest.Backend }

func (b splitting) Wait(ready []loop.Ready, d time.Duration) ([]loop.Ready, error) {
	whole, err := b.Backend.Wait(nil, d)
	for _, r := range whole {
		for op := loop.Read; op <= loop.Error; op <<= 1 {
			if r.Ops&op != 0 {
				ready = append(ready, loop.Ready{FD: r.FD, Ops: op})
			}
		}
	}
	return ready, err
}

func TestWhatComesInPartsIsAddedUp(t *testing.T) {
	b := splitting{looptest.New()}
	l := verified(t, b)
	var d diary
	loop.NewIO(l, 3, loop.Read|loop.Write, d.tell("io")).Start()
	b.SetReady(3, loop.Read|loop.Write|loop.Hangup)
	runMode(t, l, loop.RunNoWait)
	d.expect(t, "io:read|write")
}

func TestFedIOGetsNothing(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		loop.NewIO(l, 3, loop.Read, d.tell("io")).Feed()
		run(t, l)
		d.expect(t, "io:")
	})
}

func TestChangingThePriorityKeepsWhatCame(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var d diary
		w := loop.NewIO(l, 3, loop.Read, d.tell("io"))
		w.Start()
		first := loop.NewCheck(l, func() { w.SetPriority(-1) })
		first.Start()
		b.SetReady(3, loop.Read)
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "io:read")
	})
}

func TestSetOfAnActiveIOPanics(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		w := loop.NewIO(l, 3, loop.Read, func(loop.Ops) {})
		w.Start()
		defer func() {
			if recover() == nil {
				t.Error("it does not")
			}
		}()
		w.Set(4, loop.Read)
	})
}

func TestOpsAsText(t *testing.T) {
	for ops, want := range map[loop.Ops]string{
		0:                        "",
		loop.Read:                "read",
		loop.Write | loop.Hangup: "write|hup",
		loop.Read | loop.Error:   "read|error",
	} {
		if got := ops.String(); got != want {
			t.Errorf("%d is %q, want %q", ops, got, want)
		}
	}
}

func TestUnusableDescriptorIsToldInTheSameTurn(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		l := verified(t, w)
		closed, _, _ := w.open(t)
		w.shut(closed)
		beyond := int64(1) << 40 // what the kernel counts descriptors in
		if int64(int(beyond)) != beyond {
			beyond = -1 // no int is, on this platform
		}
		for _, fd := range []int{-1, int(beyond), closed} {
			var d diary
			var io *loop.IO
			io = loop.NewIO(l, fd, loop.Read, func(got loop.Ops) {
				d.tell("io")(got)
				if io.Active() {
					t.Error("it is active")
				}
			})
			io.Start()
			runMode(t, l, loop.RunNoWait)
			d.expect(t, "io:error")
			if l.Stats().FDs != 0 {
				t.Error("it is still known")
			}
		}
	})
}

// fast is a clock by which a second passes with each look.
func fast() loop.Clock {
	start, n := time.Now(), time.Duration(0)
	return func() (time.Time, time.Duration) {
		n += time.Second
		return start.Add(n), n
	}
}

func TestDescriptorClosedUnderItsWatchersIsTold(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		l := verified(t, w, loop.WithClock(fast()))
		var d diary
		fd, _, _ := w.open(t)
		loop.NewIO(l, fd, loop.Read, d.tell("a")).Start()
		loop.NewIO(l, fd, loop.Read, d.tell("b")).Start()
		runMode(t, l, loop.RunNoWait)
		l.Post(func() { w.shut(fd) })
		run(t, l) // until none is active
		d.expect(t, "a:error b:error")
	})
}

func TestDescriptorsOfItsOwnAreNotLookedAtAfterActivity(t *testing.T) {
	for _, tt := range []struct {
		opts  []loop.Option
		turns uint64 // between the last event and the end, a minute later
	}{{nil, 1}, {[]loop.Option{loop.WithOwnDescriptors()}, 0}} {
		synctest.Test(t, func(t *testing.T) {
			b := looptest.New()
			l := verified(t, b, append(tt.opts, loop.WithClock(b.Clock))...)
			io := loop.NewIO(l, 3, loop.Read, func(loop.Ops) { b.SetReady(3, 0) })
			io.Start()
			time.AfterFunc(time.Minute, func() { b.SetReady(3, loop.Read) })
			time.AfterFunc(time.Minute+time.Millisecond, func() { b.SetReady(3, loop.Read) })
			var before, after uint64
			time.AfterFunc(time.Minute+time.Second/2, func() { l.Post(func() { before = l.Stats().Turns }) })
			time.AfterFunc(2*time.Minute, func() { l.Post(func() { after = l.Stats().Turns; l.Break() }) })
			run(t, l)
			if got := after - before - 1; got != tt.turns {
				t.Errorf("%d turns, want %d", got, tt.turns)
			}
		})
	}
}

func TestDescriptorClosedUnderItsWatchersIsToldWhileIdleIsActive(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		l := verified(t, w, loop.WithClock(fast()))
		var d diary
		fd, _, _ := w.open(t)
		loop.NewIO(l, fd, loop.Read, func(got loop.Ops) {
			d.tell("io")(got)
			l.Break()
		}).Start()
		loop.NewIdle(l, func() {}).Start()
		l.Post(func() { w.shut(fd) })
		run(t, l)
		d.expect(t, "io:error")
	})
}

func TestDescriptorClosedByAnotherWatcherOfItsTurn(t *testing.T) {
	inEachWorld(t, func(t scene, w world) {
		l := verified(t, w, loop.WithClock(fast()))
		var d diary
		fd, fill, _ := w.open(t)
		fill()
		loop.NewIO(l, fd, loop.Read, func(got loop.Ops) {
			d.tell("closer")(got)
			if got == loop.Read {
				w.shut(fd)
			}
		}).Start()
		run(t, l)
		if last := d[len(d)-1]; last != "closer:error" {
			t.Errorf("got %v", d)
		}
	})
}

func TestPipeFromEndToEnd(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		l := verified(t, w)
		var d diary
		reader, writer := pipe(t)
		var r, wr *loop.IO
		r = loop.NewIO(l, fd(reader), loop.Read, func(got loop.Ops) {
			if _, err := reader.Read(make([]byte, 8)); errors.Is(err, io.EOF) {
				d.tell("reader-end")(got)
				r.Stop()
				return
			}
			d.tell("reader")(got)
		})
		r.Start()
		wr = loop.NewIO(l, fd(writer), loop.Write, func(got loop.Ops) {
			d.tell("writer")(got)
			wr.Stop()
			write(t, writer)
			_ = writer.Close()
		})
		wr.Start()
		run(t, l)
		d.expect(t, "writer:write reader:read reader-end:read")
	})
}

// The kernel goes on to report the closed number for as long as the duplicate lives.
func TestDescriptorClosedUnderItsWatcherWithADuplicateIsTold(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		l := verified(t, w, loop.WithClock(fast()))
		reader, writer := pipe(t)
		duplicate(t, reader)
		write(t, writer)
		var last loop.Ops
		loop.NewIO(l, fd(reader), loop.Read, func(got loop.Ops) {
			last = got
			_ = reader.Close()
		}).Start()
		run(t, l)
		if last != loop.Error {
			t.Errorf("the last it got was %v", last)
		}
		w.sleeps(t)
	})
}

func TestNumberThatBelongsToAnotherFileNow(t *testing.T) {
	inEachKernel(t, func(t scene, w world) {
		l := verified(t, w)
		var d diary
		reader, writer := pipe(t)
		n := fd(reader)
		first := loop.NewIO(l, n, loop.Read, d.tell("first"))
		first.Start()
		runMode(t, l, loop.RunNoWait)
		duplicate(t, reader)
		write(t, writer)
		first.Stop()
		_ = reader.Close()
		successor, successorWriter := pipe(t)
		if fd(successor) != n {
			t.Skip("the number was not given anew")
		}
		loop.NewIO(l, n, loop.Read, d.tell("second")).Start()
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "")
		write(t, successorWriter)
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "second:read")
	})
}
