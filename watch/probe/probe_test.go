package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// A fake asker is up or down as its script says, and takes as long as the script says.
type fake struct {
	loop   *loop.Loop
	script []answer // the last one stays
	takes  time.Duration
	asked  []time.Duration // when
	start  time.Time
	at     int // of those under way; more than one is a fault
	t      *testing.T
}

func (f *fake) ask(done func(answer)) func() {
	f.asked = append(f.asked, time.Since(f.start))
	a := f.script[min(len(f.asked), len(f.script))-1]
	if f.at++; f.at > 1 {
		f.t.Error("two looks overlap")
	}
	stop := f.loop.After(f.takes, func() { f.at--; done(a) })
	return func() { f.at--; stop() }
}

func up(output string) answer { return answer{status: new(200), output: output} }
func down() answer            { return answer{status: new(503), fault: "status 503"} }

type stage struct {
	*Watcher
	*fake
	got []string // events: when, from what state, to what
}

// play runs a watcher for so long on fake time.
func play(t *testing.T, o Options, f *fake, d time.Duration, during func(*stage)) *stage {
	t.Helper()
	s := &stage{fake: f}
	synctest.Test(t, func(t *testing.T) {
		l, err := loop.New(loop.WithBackend(looptest.New()))
		if err != nil {
			t.Fatal(err)
		}
		f.loop, f.start, f.t = l, time.Now(), t
		o.Target = Target{network: "tcp", text: "tcp:x:1"}
		o.Every, o.Rise, o.Fall = max(o.Every, time.Second), max(o.Rise, 1), max(o.Fall, 1)
		s.Watcher = newWatcher(l, o, f, func(d event.Detail) {
			p := d.(event.Probe)
			s.got = append(s.got, fmt.Sprintf("%v %s>%s", time.Since(f.start), p.PrevState, p.State))
		})
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if during != nil {
			during(s)
		}
		l.After(d, func() {
			s.Stop()
			l.Break()
		})
		if err := l.Run(t.Context(), loop.RunDefault); err != nil {
			t.Fatal(err)
		}
	})
	return s
}

func TestEvents(t *testing.T) {
	tests := []struct {
		name   string
		o      Options
		script []answer
		want   string
	}{
		{"the first state is told", Options{}, []answer{up("")}, "0s >up"},
		{"then each change", Options{}, []answer{up(""), up(""), down(), down(), up("")}, "0s >up, 2s up>down, 4s down>up"},
		{"a status does not count", Options{}, []answer{up(""), {status: new(204)}}, "0s >up"},
		{"unless it is asked for", Options{Change: OfStatus}, []answer{up(""), {status: new(204)}, {status: new(204)}, {fault: "no"}}, "0s >up, 1s up>up, 3s up>down"},
		{"an output counts if asked for", Options{Change: OfOutput}, []answer{up("a"), up("a"), up("b"), up("a")}, "0s >up, 2s up>up, 3s up>up"},
		{"three failures in a row are a fall", Options{Fall: 3}, []answer{up(""), down(), down(), up(""), down(), down(), down(), down()}, "0s >up, 6s up>down"},
		{"two good looks in a row are a rise", Options{Rise: 2}, []answer{down(), up(""), down(), up(""), up("")}, "0s >down, 4s down>up"},
		{"unknown for as long as it takes", Options{Rise: 2, Fall: 3}, []answer{down(), up(""), up("")}, "2s >up"},
		{"until one state", Options{Until: event.Up}, []answer{down(), down(), up(""), down(), up("")}, "2s >up"},
	}
	for _, tt := range tests {
		s := play(t, tt.o, &fake{script: tt.script}, 10*time.Second, nil)
		if got := strings.Join(s.got, ", "); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

func TestPauses(t *testing.T) {
	tests := []struct {
		name   string
		o      Options
		script []answer
		takes  time.Duration
		want   []time.Duration // seconds
	}{
		{"each look begins so long after the one before", Options{Every: 2 * time.Second}, []answer{up("")}, time.Second, []time.Duration{0, 2, 4, 6, 8}},
		{"one that takes longer puts off the next", Options{}, []answer{up("")}, 3 * time.Second, []time.Duration{0, 3, 6, 9}},
		{
			"the pause doubles while it is down",
			Options{Backoff: 3 * time.Second},
			[]answer{up(""), down(), down(), down(), up(""), up("")},
			0,
			[]time.Duration{0, 1, 2, 4, 7, 8, 9},
		},
	}
	for _, tt := range tests {
		s := play(t, tt.o, &fake{script: tt.script, takes: tt.takes}, 10*time.Second-1, nil)
		var got []time.Duration
		for _, d := range s.asked {
			got = append(got, d/time.Second)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: it looked at %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestHold_seesWhatIsThereAfterwards(t *testing.T) {
	s := play(t, Options{}, &fake{script: []answer{up(""), down()}}, 10*time.Second, func(s *stage) {
		s.Hold(true)
		s.loop().After(5*time.Second, func() { s.Hold(false) })
	})
	if got := strings.Join(s.got, ", "); got != "0s >up, 5s up>down" || s.asked[1] != 5*time.Second {
		t.Errorf("events %s, looks at %v", got, s.asked)
	}
}

func (s *stage) loop() *loop.Loop { return s.fake.loop }

func TestStop_endsTheLook(t *testing.T) {
	s := play(t, Options{}, &fake{script: []answer{up("")}, takes: time.Minute}, time.Second, nil)
	if s.at != 0 || s.Active() || len(s.got) > 0 {
		t.Errorf("%d looks go on, active %v, events %v", s.at, s.Active(), s.got)
	}
}

func TestFeed_tellsWhatIsKnown(t *testing.T) {
	s := play(t, Options{}, &fake{script: []answer{down()}, takes: time.Second}, 3*time.Second, func(s *stage) {
		s.Feed()
		s.loop().After(2*time.Second, s.Feed)
	})
	if got := strings.Join(s.got, ", "); got != "0s >, 1s >down, 2s down>down" {
		t.Error(got)
	}
}
