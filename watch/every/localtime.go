package every

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/schedule"
)

// A Localtime is the time zone of the machine, by which all schedules of a loop go that name no
// other: when it changes, they follow.
type Localtime struct {
	path      string
	zone      *time.Location
	seen      string           // what the path led to then
	followers map[*Watcher]int // in the order of the numbers
	last      int              // number
	common    *time.Location   // of all of them
	stop      func()           // no changes are noticed any more
}

// NewLocaltime returns the zone that a file has, or a link to one: /etc/localtime.
func NewLocaltime(path string) *Localtime {
	return &Localtime{path: path, followers: map[*Watcher]int{}}
}

// Zone returns the zone of now, by its name if it can be known. It is the same as before unless the
// file has changed.
func (t *Localtime) Zone() *time.Location {
	if now := t.look(); t.zone == nil || now != t.seen {
		t.zone, t.seen = t.read(), now
	}
	return t.zone
}

// look tells one state of the file from another.
func (t *Localtime) look() string {
	link, _ := os.Readlink(t.path)
	info, err := os.Stat(t.path)
	if err != nil {
		return link
	}
	return fmt.Sprint(link, " ", info.Size(), info.ModTime().UnixNano())
}

// read reads the zone, also where there is no zone database for a link to lead to. Without a file it
// is UTC, as tzset(3) has it.
func (t *Localtime) read() *time.Location {
	link, _ := os.Readlink(t.path)
	if _, name, ok := strings.Cut(link, "zoneinfo/"); ok {
		if zone, err := schedule.LoadZone(name); err == nil {
			return zone
		}
	}
	if text, err := os.ReadFile(t.path); err == nil {
		if zone, err := time.LoadLocationFromTZData("Local", text); err == nil {
			return zone
		}
	}
	return time.UTC
}

// follow has a watcher go by the zone until unfollow.
func (t *Localtime) follow(e *Watcher) {
	t.last++
	t.followers[e] = t.last
	if t.stop == nil {
		t.stop = t.notice(e.loop)
		t.Zone()
	}
	if t.zone != t.common || t.zone != e.zone {
		t.changed()
	}
}

func (t *Localtime) unfollow(e *Watcher) {
	delete(t.followers, e)
	if len(t.followers) == 0 && t.stop != nil {
		t.stop()
		t.stop = nil
	}
}

// changed has all go by the zone of now.
func (t *Localtime) changed() {
	zone, told := t.Zone(), false
	t.common = zone
	for _, e := range slices.SortedFunc(maps.Keys(t.followers), func(a, b *Watcher) int { return t.followers[a] - t.followers[b] }) {
		if e.zone == zone {
			continue
		}
		if !told {
			told = true
			e.options.Report.Noticef("the time zone of the machine is now %s", e.loop.Now().In(zone).Format("MST, -07:00"))
		}
		e.goBy(zone)
	}
}

// poll looks at the file now and then.
func (t *Localtime) poll(l *loop.Loop) (stop func()) {
	timer := loop.NewTimer(l, time.Minute, time.Minute, t.changed)
	timer.KeepAlive(false)
	timer.Start()
	return timer.Stop
}

// goBy has the schedule, or the rule, go by another zone from now on.
func (e *Watcher) goBy(zone *time.Location) {
	e.zone = zone
	if e.rule != nil {
		e.rule.rule.Zone = zone
	} else {
		s, err := e.options.In(zone)
		if err != nil {
			e.options.Report.Errorf("the schedule keeps the previous time zone: %v", err)
			return
		}
		now := e.loop.Now().Round(0)
		if next, ok := e.schedule.Next(e.settled); e.settled.Before(now) && (!ok || next.After(now)) {
			e.settled = now // what lies in the past by the new one was not missed
		}
		e.schedule = s
	}
	if e.Active() && e.loading == nil {
		e.arm()
	}
}
