package watchers

import (
	"strings"
	"time"

	"github.com/evshell/ev/process"
	"github.com/evshell/ev/schedule"
)

// Common is what lines of an Evfile have in common: many of them name few commands, zones and
// schedules. It lives as long as the lines are read.
type Common struct {
	lookups   map[string]error
	zones     map[string]*time.Location // by their names; "" is the machine's
	schedules map[scheduleText]scheduled
}

// NewCommon returns what lines have in common that are yet to be read.
func NewCommon() *Common {
	return &Common{map[string]error{}, map[string]*time.Location{}, map[scheduleText]scheduled{}}
}

// A scheduleText is a SCHEDULE as it is written, and what its meaning depends on.
type scheduleText struct {
	text string
	readingFlags
	zone *time.Location
	name string    // of the watcher; empty: there is no H, which is a hash of it
	now  time.Time // zero: no flag is about it
}

// A scheduled is a SCHEDULE that has been read, and how it is read in another zone.
type scheduled struct {
	*schedule.Spec
	in func(*time.Location) (*schedule.Spec, error)
}

// known returns what m has for a key. What it does not have is found, and added unless that is in
// vain.
func known[K comparable, V any](m map[K]V, key K, find func() (V, error)) (V, error) {
	if v, ok := m[key]; ok {
		return v, nil
	}
	v, err := find()
	if err == nil {
		m[key] = v
	}
	return v, err
}

// lookup returns why there is no such command as name for a process in dir that gets env. Each is a
// walk along PATH.
func (a *App) lookup(name, dir string, env []string) error {
	path := ""
	for _, v := range env {
		if strings.HasPrefix(v, "PATH=") {
			path = v
		}
	}
	missing, _ := known(a.Common.lookups, strings.Join([]string{name, dir, path}, "\x00"), func() (error, error) {
		_, err := process.Lookup(name, dir, env)
		return err, nil
	})
	return missing
}

// loadZone returns the zone of a name.
func (a *App) loadZone(name string) (*time.Location, error) {
	return known(a.Common.zones, name, func() (*time.Location, error) { return schedule.LoadZone(name) })
}

// machineZone returns the zone of the machine.
func (a *App) machineZone() *time.Location {
	zone, _ := known(a.Common.zones, "", func() (*time.Location, error) { return a.localtime.Zone(), nil })
	return zone
}
