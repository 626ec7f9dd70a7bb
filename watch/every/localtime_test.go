package every

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
)

// setZone has a file be a link to a zone, as timedatectl(1) does it.
func setZone(t *testing.T, path, zone string) {
	t.Helper()
	link := path + ".new"
	if err := os.Symlink("../usr/share/zoneinfo/"+zone, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, path); err != nil {
		t.Fatal(err)
	}
}

// byLocaltime are the options of a schedule that goes by the zone of a file.
func byLocaltime(t *testing.T, text, zone string) Options {
	t.Helper()
	path := filepath.Join(t.TempDir(), "localtime")
	setZone(t, path, zone)
	o := Options{Text: text, Localtime: NewLocaltime(path)}
	o.In = func(zone *time.Location) (*schedule.Spec, error) {
		return schedule.Parse(text, schedule.Options{Zone: zone})
	}
	var err error
	if o.Schedule, err = o.In(o.Localtime.Zone()); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestLocaltime_changes: the schedule goes by the new zone at once; what lies in the past by that
// was not missed, and what has run stays so.
func TestLocaltime_changes(t *testing.T) {
	for _, tt := range []struct {
		zone string
		now  string
		want []string
	}{
		{"Europe/Berlin", "CET, +01:00", []string{"02 08:00:00"}},
		{"America/New_York", "EST, -05:00", []string{"01 14:00:00", "02 14:00:00"}},
		{"Asia/Tokyo", "JST, +09:00", []string{"02 00:00:00", "03 00:00:00"}},
		{"UTC", "", []string{"02 09:00:00"}},
	} {
		t.Run(tt.zone, func(t *testing.T) {
			o := byLocaltime(t, "09:00", "UTC")
			o.CatchUp = CatchUpAll
			runEvery(t, o, func(e *everyTest) {
				e.pass(12 * time.Hour)
				e.expect("01 09:00:00")
				setZone(t, o.Localtime.path, tt.zone)
				e.loop.Post(o.Localtime.changed)
				e.pass(37 * time.Hour)
				e.expect(tt.want...)
				want := ""
				if tt.now != "" {
					want = "ev: the time zone of the machine is now " + tt.now + "\n"
				}
				if e.messages.String() != want {
					t.Errorf("said %q, want %q", e.messages.String(), want)
				}
			})
		})
	}
}

// TestLocaltime_isTheSameForAll: also for who comes later, and who has been stopped meanwhile.
func TestLocaltime_isTheSameForAll(t *testing.T) {
	o := byLocaltime(t, "09:00", "UTC")
	runEvery(t, o, func(first *everyTest) {
		second := New(first.loop, o, func(event.Detail) {})
		second.options.Report = first.options.Report
		third := New(first.loop, o, func(event.Detail) {})
		third.options.Report = first.options.Report
		first.loop.Post(func() {
			setZone(t, o.Localtime.path, "Asia/Tokyo")
			if zone := o.Localtime.Zone(); zone.String() != "Asia/Tokyo" || o.Localtime.Zone() != zone {
				t.Error(zone)
			}
			for _, e := range []*Watcher{second, third} {
				if err := e.Start(); err != nil {
					t.Error(err)
				}
			}
		})
		first.pass(time.Hour)
		for _, e := range []*Watcher{first.Watcher, second, third} {
			if at, _ := e.At(); at.UTC().Format(time.RFC3339) != "2000-01-02T00:00:00Z" {
				t.Error("due ", at)
			}
		}
		second.Stop()
		third.Stop()
		if len(o.Localtime.followers) != 1 {
			t.Error(o.Localtime.followers)
		}
	})
	if o.Localtime.stop != nil {
		t.Error("it is still looked at")
	}
}

// TestLocaltime_withoutAName reads a zone that is a file itself, and one that is not there.
func TestLocaltime_withoutAName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "localtime")
	l := NewLocaltime(path)
	if zone := l.Zone(); zone != time.UTC {
		t.Error(zone)
	}
	// A file of zones as tzfile(5) has it: version 1, one type, two hours east of UTC.
	text := "TZif" + string(make([]byte, 16)) + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" +
		"\x00\x00\x00\x00" + "\x00\x00\x00\x01" + "\x00\x00\x00\x05" + "\x00\x00\x1c\x20\x00\x00" + "MINE\x00"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, offset := time.Unix(0, 0).In(l.Zone()).Zone(); name != "MINE" || offset != 7200 {
		t.Error(name, offset)
	}
}

// TestLocaltime_isNoticed by the kernel's word, where there is one.
func TestLocaltime_isNoticed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it is looked at each minute")
	}
	o := byLocaltime(t, "09:00", "UTC")
	o.Report = report.New(os.Stderr, "ev", report.Plain, report.Error)
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in := o.In
	o.In = func(zone *time.Location) (*schedule.Spec, error) {
		l.Break()
		return in(zone)
	}
	e := New(l, o, func(event.Detail) {})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), looptest.Patience)
	defer cancel()
	l.Post(func() { setZone(t, o.Localtime.path, "Asia/Tokyo") })
	if err := l.Run(ctx, loop.RunDefault); err != nil {
		t.Fatal(err)
	}
	if e.schedule.Zone().String() != "Asia/Tokyo" {
		t.Error(e.schedule.Zone())
	}
}
