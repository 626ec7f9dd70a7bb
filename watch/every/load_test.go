package every

import (
	"testing"
	"testing/synctest"
	"time"
)

// What several ev share says up to when instants were dealt with: nothing is due before that is
// known, and then what was missed is.
func TestEvery_load(t *testing.T) {
	for name, tt := range map[string]struct {
		settled time.Duration // ago; 0: there is no record
		want    []string
	}{
		"nothing to remember": {0, []string{"01 01:00:00"}},
		"three were missed":   {3*time.Hour + time.Minute, []string{"01 00:00:00 late 1m0s missed 2", "01 01:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newEveryTest(t, everyOptions(t, "1h"))
				var tell func(time.Time)
				s.options.CatchUp = CatchUpOnce
				s.options.Load = func(then func(time.Time)) { tell = then }
				if err := s.Start(); err != nil {
					t.Fatal(err)
				}
				s.pass(time.Minute)
				s.expect()
				if !s.Active() {
					t.Error("it is not active while it waits")
				}
				at := time.Time{}
				if tt.settled > 0 {
					at = time.Now().Add(-tt.settled)
				}
				tell(at)
				s.pass(time.Hour)
				s.expect(tt.want...)
			})
		})
	}
}

// What comes after Stop is for nobody.
func TestEvery_stoppedWhileItLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEveryTest(t, everyOptions(t, "1h"))
		var tell func(time.Time)
		s.options.Load = func(then func(time.Time)) { tell = then }
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		s.Stop()
		tell(time.Now().Add(-5 * time.Hour))
		s.pass(2 * time.Hour)
		s.expect()
		if s.Active() {
			t.Error("it is active")
		}
	})
}
