package action

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// BenchmarkExec is from one event to the next: start, run and reap /bin/true.
func BenchmarkExec(b *testing.B) {
	for _, parallel := range []int{1, 2, 8, 64} {
		b.Run("parallel="+strconv.Itoa(parallel), func(b *testing.B) {
			l, err := loop.New()
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			s := &process.Starter{}
			defer s.Close()
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			out := NewOutput(l, null, nil)
			next, held := 0, false
			var x *Exec
			pour := func() {
				for !held && next < b.N {
					next++
					x.Do(tick(uint64(next)))
				}
			}
			x = NewExec(l, s, &Options{Argv: []string{"/bin/true"}, Busy: Busy{Policy: Parallel, Limit: parallel}}, Setting{
				Stdout: out, Stderr: out,
				Full: func(full bool) { held = full; pour() },
				Done: func(_ event.Event, o Outcome) {
					if o.Status != 0 {
						b.Errorf("%v: %v", o, o.Err)
					}
				},
			})
			b.ResetTimer()
			pour()
			if err := l.Run(context.Background(), loop.RunDefault); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

func BenchmarkPrint(b *testing.B) {
	l, err := loop.New()
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	for name, render := range map[string]Render{"text": Text('\n'), "json": JSON('\n'), "format": Format("{seq} {}", '\n')} {
		b.Run(name, func(b *testing.B) {
			p := NewPrint(NewOutput(l, null, nil), render, nil, nil)
			e := changed("some/path")
			b.ReportAllocs()
			for b.Loop() {
				p.Do(e)
			}
		})
	}
}
